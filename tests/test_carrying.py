"""Objects of a plane on the other planes of a volume, at full resolution."""

import errno
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from seg_app.errors import SegAppError, SegmenterError, UnreachableError, UnreadableError
from seg_app.geometry import iou, mask_from_bits
from seg_app.io.levels import Stored, opened
from seg_app.models import Carrier, Ending, Session, Volume
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.engine import Sam2Segmenter

pytestmark = pytest.mark.usefixtures("one_thread")

BALLS = {"small": (4, 150, 140, 26), "large": (5, 300, 520, 150)}
"""z, y, x and radius in pixels; planes are a fifth of the radius apart."""


def truth(name: str, z: int) -> np.ndarray:
    """Return the pixels of a ball on a plane of 480 × 720 pixels."""
    middle, y0, x0, radius = BALLS[name]
    y, x = np.ogrid[:480, :720]
    across = radius**2 - ((z - middle) * radius / 4.5) ** 2
    return (y - y0) ** 2 + (x - x0) ** 2 < across


def mask_of(name: str, z: int):
    return mask_from_bits(truth(name, z), z=z)


@pytest.fixture(scope="module")
def session():
    grey = np.random.default_rng(0).normal(900, 100, (11, 480, 720))
    for z in range(11):
        for name in BALLS:
            grey[z][truth(name, z)] += 900
    segmenter = Sam2Segmenter(Checkpoint.bundled(), device="cpu")
    yield Session(Volume.from_array(grey.clip(0, 65535).astype(np.uint16)), segmenter)
    segmenter.close()


def test_objects_of_any_size_are_carried_to_where_they_are(session) -> None:
    carried = list(Carrier(session).carry([mask_of("small", 4), mask_of("large", 4)]))
    for index, name in enumerate(BALLS):
        found = {one.mask.z: one.mask for one in carried if one.index == index}
        there = [z for z in range(11) if z != 4 and truth(name, z).sum() > 200]
        assert set(there) <= set(found)
        assert min(iou(found[z], mask_of(name, z)) for z in there) >= 0.8
        assert all(truth(name, z).any() for z in found)


def test_a_carried_mask_says_who_made_it_and_how_good_it_may_be(session) -> None:
    (first,) = islice(Carrier(session).carry([mask_of("small", 4)]), 1)
    assert (first.index, first.mask.z) == (0, 5)
    assert 0 < first.mask.score <= 1
    assert first.mask.provenance.engine == session.segmenter.name


def test_nothing_is_carried_onto_the_databar(session) -> None:
    assert next(Carrier(session).carry([mask_of("small", 4)])).mask.y1 > 165
    session.volume.set_databar(480 - 165)
    try:
        bottoms = {one.mask.y1 for one in Carrier(session).carry([mask_of("small", 4)])}
    finally:
        session.volume.set_databar(0)
    assert max(bottoms) == 165


def test_nothing_is_carried_without_objects(session) -> None:
    assert list(Carrier(session).carry([])) == []


def test_a_segmenter_without_a_memory_is_refused_at_once(session) -> None:
    other = Session(session.volume, ClassicalSegmenter())
    with pytest.raises(SegmenterError, match="'Classical · no weights' cannot follow objects"):
        Carrier(other)


def test_objects_of_several_planes_are_refused_at_once(session) -> None:
    with pytest.raises(SegmenterError, match="on several planes"):
        Carrier(session).carry([mask_of("small", 4), mask_of("large", 5)])


def test_an_object_too_thin_for_its_window_is_not_carried(session) -> None:
    thin = np.zeros((480, 720), bool)
    thin[100, 100:600] = True  # on the level where it fits the model sees every fourth row from the third on
    assert list(Carrier(session).carry([mask_from_bits(thin, z=4)])) == []


@pytest.fixture
def fresh(session):
    """The same volume and segmenter, without any accepted object, at the plane of the middle."""
    return Session(session.volume, session.segmenter)


def accepted(fresh, *names, class_name="ball"):
    masks = fresh.masks.add([replace(mask_of(name, 4), class_name=class_name) for name in names])
    fresh.masks.selected = tuple(mask.id for mask in masks)
    return masks


def test_selected_objects_are_accepted_on_the_other_planes_as_one_change_with_their_class(fresh) -> None:
    given = accepted(fresh, "small", "large")
    fresh.class_name = "what is clicked next"
    new = fresh.carrying.run()
    assert fresh.masks.masks == given + new
    assert {mask.class_name for mask in new} == {"ball"}
    assert [{mask.number for mask in parts} for parts in fresh.masks.objects] == [{1}, {2}]
    assert 4 not in {mask.z for mask in new}
    assert all(any(truth(name, mask.z)[mask.y0 : mask.y1, mask.x0 : mask.x1].any() for name in BALLS) for mask in new)
    assert len({mask.z for mask in new}) >= 8
    assert (fresh.carrying.found, fresh.carrying.is_running) == ((), False)
    fresh.undo()
    assert fresh.masks.masks == given


def test_a_plane_that_cannot_be_read_is_passed_over_and_named(fresh, monkeypatch) -> None:
    accepted(fresh, "small")
    read = fresh.volume.read

    def but_one(z, window):
        if z == 3:
            raise UnreadableError("Cannot read plane 3.")
        return read(z, window)

    monkeypatch.setattr(fresh.volume, "read", but_one)
    new = fresh.carrying.run()
    assert {2, 5} <= {mask.z for mask in new}
    assert 3 not in {mask.z for mask in new}
    assert fresh.carrying.passed_over == {3}


def test_a_plane_that_cannot_be_read_just_now_is_not_taken_for_damaged(session) -> None:
    is_full = False

    def read(key):
        if is_full:
            raise OSError(errno.EMFILE, "Too many open files")
        return session.volume.levels[0][key].values

    stored = Stored(session.volume.shape, np.dtype(np.uint16), read)
    fresh = Session(Volume.of(opened("local", "a", [stored], attributes={})), session.segmenter)
    accepted(fresh, "small")
    is_full = True
    with pytest.raises(UnreachableError, match="Too many open files"):
        fresh.carrying.run()
    assert (fresh.carrying.passed_over, fresh.volume.damaged_planes) == (set(), ())


def test_an_object_is_followed_again_from_the_plane_on_view(fresh) -> None:
    accepted(fresh, "small")
    new = fresh.carrying.run()
    fresh.masks.remove([mask.id for mask in new if mask.z > 5])
    fresh.masks.selected = tuple(mask.id for mask in fresh.masks.masks)
    fresh.go_to(10)  # where it is not
    assert fresh.carrying.starting == ()
    fresh.go_to(5)
    assert [mask.z for mask in fresh.carrying.starting] == [5]
    again = fresh.carrying.run()
    assert 6 in {mask.z for mask in again}
    assert {mask.number for mask in fresh.masks.masks} == {1}


def test_what_is_joined_with_another_meanwhile_goes_on_as_that(fresh) -> None:
    (there,) = fresh.masks.add([mask_from_bits(np.ones((9, 9), bool), z=0)])
    (given,) = accepted(fresh, "small")

    def on_found(event) -> None:
        if event.new and fresh.masks.get(given.id).number != there.number:
            fresh.masks.join([there.id, given.id])

    fresh.carrying.param.watch(on_found, "found")
    new = fresh.carrying.run()
    assert {mask.number for mask in new if mask.z != there.z} == {there.number}


def test_where_an_object_is_accepted_already_nothing_is_added(fresh) -> None:
    accepted(fresh, "small")
    (there,) = fresh.masks.add([mask_of("small", 5)])
    new = fresh.carrying.run()
    assert new
    assert 5 not in {mask.z for mask in new}
    assert there in fresh.masks.masks
    fresh.go_to(4)
    assert fresh.carrying.run() == ()


def test_what_is_accepted_by_hand_meanwhile_is_not_accepted_again(fresh) -> None:
    accepted(fresh, "small")
    by_hand = []

    def on_found(event) -> None:
        if event.new and not by_hand:
            by_hand.extend(fresh.masks.add([mask_of("small", event.new[0].z)]))

    fresh.carrying.param.watch(on_found, "found")
    new = fresh.carrying.run()
    assert new
    assert by_hand[0].z not in {mask.z for mask in new}


@pytest.mark.parametrize(("ending", "kept"), [(Ending.KEEP, 1), (Ending.DISCARD, 0)])
def test_it_ends_when_it_is_told_to(fresh, ending, kept) -> None:
    accepted(fresh, "small")
    fresh.carrying.param.watch(lambda event: event.new and fresh.carrying.end(ending), "found")
    assert len(fresh.carrying.run()) == kept


def test_without_an_object_or_another_plane_it_is_said_what_to_do(fresh) -> None:
    with pytest.raises(SegAppError, match="Click on one"):
        fresh.carrying.run()
    flat = Session(Volume.from_array(np.zeros((64, 64), np.uint8)), fresh.segmenter)
    with pytest.raises(SegAppError, match="one plane"):
        flat.carrying.run(flat.masks.add([mask_from_bits(np.ones((9, 9), bool), z=0)]))


def test_a_session_that_goes_elsewhere_ends_it_and_nothing_is_kept(fresh) -> None:
    accepted(fresh, "small")
    fresh.carrying.param.watch(lambda _: setattr(fresh, "index", {"t": 1}), "found")
    with pytest.raises(SegAppError, match="another time"):
        fresh.carrying.run()
    assert len(fresh.masks.masks) == 1
    assert not fresh.carrying.is_running
