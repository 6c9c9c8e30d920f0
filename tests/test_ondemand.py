"""A segmenter that is loaded on demand keeps the promises of what it stands for."""

import pytest

from seg_app.errors import SegmenterError
from seg_app.records import Prompts
from seg_app.sam import OnDemand, connect_sam, get_ready
from seg_app.sam.classical import ClassicalSegmenter
from tests.segmenter_contract import CENTRE, SegmenterContract, disc_on_noise


class TestOnDemand(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        return OnDemand(lambda: connect_sam("classical:"))


def test_it_is_loaded_once_and_when_it_is_needed():
    loads = []
    segmenter = OnDemand(lambda: loads.append(1) or connect_sam("classical:"))
    segmenter.close()
    assert (segmenter.name, loads) == ("Loading the model …", [])
    segmenter.predict(disc_on_noise(), Prompts((CENTRE,)))
    segmenter.embed(disc_on_noise())
    assert (segmenter.name, loads) == ("Classical · no weights", [1])


def test_what_could_not_be_loaded_is_told_and_tried_again(caplog):
    ways = iter(["local:nowhere.pt", "classical:"])
    segmenter = OnDemand(lambda: connect_sam(next(ways)))
    with pytest.raises(SegmenterError, match=r"nowhere\.pt"):
        get_ready(segmenter)
    assert (segmenter.name, caplog.messages[0][:23]) == ("No model", "There is no checkpoint '"[:23])
    get_ready(segmenter)
    assert segmenter.name == "Classical · no weights"


def test_who_asks_is_handed_on():
    class Inner(ClassicalSegmenter):
        def embed(self, image, *, client=""):
            asked.append((image.shape, client))

    asked = []
    OnDemand(Inner).embed(disc_on_noise(), client="ada")
    assert asked == [((96, 128, 3), "ada")]


def test_objects_are_followed_by_what_it_stands_for():
    class Inner(ClassicalSegmenter):
        def propagate(self, planes, start, masks):
            yield planes, start, masks

    assert list(OnDemand(lambda: OnDemand(Inner)).propagate([], 2, {})) == [([], 2, {})]


def test_what_cannot_follow_objects_says_so_as_soon_as_it_is_known():
    segmenter = OnDemand(lambda: connect_sam("classical:"))
    assert segmenter.can_follow
    with pytest.raises(SegmenterError, match="'Classical · no weights' cannot follow"):
        segmenter.propagate([], 0, {})
    assert not segmenter.can_follow
