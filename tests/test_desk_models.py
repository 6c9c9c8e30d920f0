"""Another model at a desk: what was prompted is outlined anew, and nobody else notices."""

from dataclasses import replace

import numpy as np
import pytest

from seg_app.errors import SegAppError, SegmenterError
from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Desk
from seg_app.sam import Offer, Shelf, Stock, connect_sam
from seg_app.sam.classical import ClassicalSegmenter


class Cautious(ClassicalSegmenter):
    """A segmenter that is sure of nothing."""

    name = "Cautious"

    def predict(self, image, prompts, **further):
        return [replace(found, score=0.0) for found in super().predict(image, prompts, **further)]


CLASSICAL, CAUTIOUS, GONE = (
    Offer("classical:", "", "", is_default=True),
    Offer("cautious", "", ""),
    Offer("no.pt", "", ""),
)


@pytest.fixture
def shelf():
    return Shelf(
        lambda address: Cautious() if address == "cautious" else connect_sam(address),
        default_address=lambda: CLASSICAL.address,
        look=lambda _: Stock((CLASSICAL, CAUTIOUS, GONE)),
    )


@pytest.fixture
def desk_of(source, tmp_path, shelf):
    """Return a function that gives the desk of a user, with a volume to open."""
    source.client.write_array(
        np.arange(3 * 20 * 30, dtype=np.uint8).reshape(3, 20, 30), key="volume", dims=tuple("zyx")
    )

    def desk(user="ada"):
        store = MaskStore(LocalFolder(tmp_path / "masks"))
        desk = Desk(source, shelf.default, store=store, journals=tmp_path / "journals", user=user)
        desk.shelf = shelf
        return desk

    return desk


def choose(desk, offer):
    desk.use(offer, desk.load(offer))


def test_another_model_outlines_what_is_prompted_anew_and_nothing_is_lost(desk_of):
    desk = desk_of()
    session = desk.open("volume")
    session.click(20, 10)
    session.accept()
    before = session.click(5, 5)
    choose(desk, CAUTIOUS)
    assert (len(session.draft.prompts.points), len(session.masks.masks)) == (1, 1)
    assert (before.score > 0, session.draft.mask.score) == (True, 0.0)
    assert session.accept().provenance.engine == "Cautious"
    assert session.masks.masks[0].provenance.engine == "Classical · no weights"


def test_the_chosen_model_outlines_on_the_next_images_too(desk_of):
    desk = desk_of()
    choose(desk, CAUTIOUS)
    assert desk.open("volume").segmenter.name == "Cautious"


def test_the_model_in_use_is_known(desk_of):
    desk = desk_of()
    before = [offer for offer in desk.models().offers if desk.is_in_use(offer)]
    choose(desk, CAUTIOUS)
    after = [offer for offer in desk.models().offers if desk.is_in_use(offer)]
    assert (before, after) == ([CLASSICAL], [CAUTIOUS])


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(desk_of):
    desk = desk_of()
    session = desk.open("volume")
    session.click(20, 10)
    with pytest.raises(SegmenterError, match="There is no checkpoint"):
        desk.load(GONE)
    assert (session.segmenter, desk.segmenter.name) == (desk.segmenter, "Classical · no weights")
    assert session.accept()


def test_two_users_share_a_model_and_one_choosing_changes_nothing_for_the_other(desk_of):
    ada, bob, eve = desk_of("ada"), desk_of("bob"), desk_of("eve")
    choose(ada, CAUTIOUS)
    choose(bob, CAUTIOUS)
    assert ada.segmenter is bob.segmenter
    assert eve.open("volume").segmenter is not ada.segmenter


def test_without_a_shelf_there_is_nothing_to_choose(desk_of):
    desk = desk_of()
    desk.shelf = None
    assert desk.models() == Stock(())
    with pytest.raises(SegAppError, match="no other models"):
        desk.load(CAUTIOUS)


def test_an_object_that_was_taken_before_the_model_changed_says_who_outlined_it(desk_of):
    desk = desk_of()
    session = desk.open("volume")
    session.click(20, 10)
    taken = session.take()
    choose(desk, CAUTIOUS)
    assert session.keep(taken).provenance.engine == "Classical · no weights"
