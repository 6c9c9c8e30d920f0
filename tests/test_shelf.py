"""One copy of each model for all who use it."""

import gc

import pytest

from seg_app.errors import SegmenterError
from seg_app.sam import Shelf, Stock, connect_sam, get_ready
from seg_app.sam.classical import ClassicalSegmenter


@pytest.fixture
def loaded():
    """The addresses that were connected to."""
    return []


@pytest.fixture
def shelf(loaded):
    def connect(address):
        loaded.append(address)
        return ClassicalSegmenter() if address == "default" else connect_sam(address)

    return Shelf(connect, default_address=lambda: "default", look=lambda default: Stock((), default))


def test_nothing_is_looked_for_or_loaded_before_it_is_wanted(shelf, loaded) -> None:
    assert (shelf.default.name, loaded) == ("Loading the model …", [])


def test_whoever_wants_the_same_model_gets_the_same_one_and_it_is_loaded_once(shelf, loaded) -> None:
    one, other = shelf.segmenter("classical:"), shelf.segmenter("classical:")
    get_ready(one)
    get_ready(other)
    assert (one is other, loaded) == (True, ["classical:"])


def test_whoever_chooses_the_default_shares_it_with_those_who_have_not_chosen(shelf, loaded) -> None:
    get_ready(shelf.default)
    get_ready(shelf.segmenter("default"))
    assert loaded == ["default"]


def test_what_nobody_uses_any_more_is_let_go_and_the_default_stays(shelf, loaded) -> None:
    get_ready(shelf.default)
    get_ready(shelf.segmenter("classical:"))
    gc.collect()
    get_ready(shelf.segmenter("classical:"))
    get_ready(shelf.segmenter("default"))
    assert loaded == ["default", "classical:", "classical:"]


def test_a_model_that_cannot_be_loaded_is_tried_again_by_the_next_who_wants_it(shelf, loaded) -> None:
    for _ in range(2):
        with pytest.raises(SegmenterError, match="There is no checkpoint"):
            get_ready(shelf.segmenter("local:nowhere.pt"))
    assert loaded == ["local:nowhere.pt"] * 2


def test_what_there_is_is_told_with_the_default(shelf) -> None:
    assert shelf.stock().advice == "default"
