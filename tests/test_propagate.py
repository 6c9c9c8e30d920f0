"""Objects that are carried through planes: as the package does it, and given up where they end."""

from collections.abc import Collection

import numpy as np
import pytest
import torch

from seg_app.errors import SegmenterError, UnreadableError
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.endings import Ending
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.followed import Followed, Follower
from seg_app.sam.propagate import Memory
from seg_app.sam.scheduler import Priority
from tests.tiny_sam import MEMORY, bare_tracker, tiny_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")

MIDDLE = 5
RADII = (0, 0, 12, 18, 22, 24, 25, 24, 20, 13, 0, 0)
"""Of a disc on the planes of a volume: it is there from plane 2 to plane 9."""


def disc(z: int, *, size: int = 256) -> np.ndarray:
    """Return the pixels of the disc on a plane; it moves by three pixels per plane."""
    y, x = np.ogrid[:size, :size]
    return (y - 110 - 3 * z) ** 2 + (x - 140 + 2 * z) ** 2 < RADII[z] ** 2


class Planes:
    """Bright discs on grey noise, made when they are asked for; `read` says which ones were, `damaged` cannot be."""

    def __init__(self, *, size: int = 256, damaged: Collection[int] = ()) -> None:
        self.size, self.read, self.damaged = size, [], damaged

    def __len__(self) -> int:
        return len(RADII)

    def __getitem__(self, z: int) -> np.ndarray:
        self.read.append(z)
        if z in self.damaged:
            raise UnreadableError(f"Cannot read plane {z}.")
        grey = np.random.default_rng(z).normal(80, 12, (self.size, self.size))
        grey[disc(z, size=self.size)] += 90
        return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def planes() -> Planes:
    return Planes()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Checkpoint:
    """A tiny SAM 2.1 with random weights."""
    return tiny_checkpoint(tmp_path_factory.mktemp("model"), image_size=256, memory=MEMORY)


@pytest.fixture(scope="module")
def engine(checkpoint):
    segmenter = Sam2Segmenter(checkpoint, device="cpu")
    yield segmenter
    segmenter.close()


@pytest.fixture(scope="module")
def bundled():
    """The model that comes along, whose memory is trained."""
    segmenter = Sam2Segmenter(Checkpoint.bundled(), device="cpu")
    yield segmenter
    segmenter.close()


@pytest.fixture
def endless(monkeypatch) -> None:
    """No object ever ends."""
    monkeypatch.setattr(Ending, "has_come", lambda *_: False)


def test_damaged_planes_are_passed_over_and_objects_go_on_behind_them(bundled) -> None:
    found = masks_of(bundled.propagate(Planes(damaged={6, 4}), MIDDLE, {1: disc(MIDDLE)}))
    assert set(found) >= {3, 7, 8}
    assert not set(found) & {4, 6}
    assert all(iou(found[z], disc(z)) > 0.8 for z in (3, 7, 8))


def test_where_the_plane_of_the_object_is_damaged_it_is_said(bundled) -> None:
    with pytest.raises(UnreadableError, match="plane 5"):
        next(bundled.propagate(Planes(damaged={MIDDLE}), MIDDLE, {1: disc(MIDDLE)}))


def masks_of(found) -> dict[int, np.ndarray]:
    return {on.plane: on.objects[1].logits > 0 for on in found if 1 in on.objects}


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def test_a_disc_is_followed_both_ways_while_it_is_there_and_given_up_where_it_ends(bundled, planes) -> None:
    found = masks_of(bundled.propagate(planes, MIDDLE, {1: disc(MIDDLE)}))
    assert sorted(found) == [z for z, radius in enumerate(RADII) if radius and z != MIDDLE]
    assert min(iou(mask, disc(z)) for z, mask in found.items()) >= 0.8


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("model", ["engine", "bundled"])
def test_masks_are_those_of_the_package(request, model, checkpoint, planes) -> None:
    bare = bare_tracker(checkpoint if model == "engine" else Checkpoint.bundled())
    objects = {1: disc(MIDDLE), 2: np.roll(disc(MIDDLE), 60, axis=1)}
    found = {on.plane: on.objects for on in request.getfixturevalue(model).propagate(planes, MIDDLE, objects)}
    for order in (range(MIDDLE, len(planes)), range(MIDDLE, -1, -1)):
        expected = bare([planes[z] for z in order], len(planes), objects)
        for n, logits in list(expected.items())[1:]:
            for row, number in enumerate(objects):
                np.testing.assert_allclose(found[order[n]][number].logits, logits[row], rtol=1e-3, atol=1e-3)


def test_planes_behind_the_end_of_all_objects_are_not_read(bundled, planes) -> None:
    list(bundled.propagate(planes, MIDDLE, {1: disc(MIDDLE)}))
    assert planes.read == [5, 6, 7, 8, 9, 10, 4, 3, 2, 1]


def test_planes_are_read_one_by_one_as_they_are_asked_for(engine, planes) -> None:
    steps = engine.propagate(planes, MIDDLE, {1: disc(MIDDLE)})
    assert planes.read == []
    next(steps)
    steps.close()
    assert planes.read == [MIDDLE, MIDDLE + 1]


@pytest.mark.usefixtures("endless")
def test_planes_and_scores_come_in_order(engine, planes) -> None:
    found = list(engine.propagate(planes, MIDDLE, {7: disc(MIDDLE)}))
    assert [on.plane for on in found] == [6, 7, 8, 9, 10, 11, 4, 3, 2, 1, 0]
    assert all(0 <= on.objects[7].score <= 1 for on in found)


@pytest.mark.usefixtures("endless")
def test_windows_of_any_size_are_followed(engine) -> None:
    planes = Planes(size=200)
    found = next(engine.propagate(planes, MIDDLE, {1: disc(MIDDLE, size=200)}))
    assert found.objects[1].logits.shape == (200, 200)


@pytest.mark.usefixtures("endless")
def test_what_is_forgotten_is_not_missed(engine, planes, monkeypatch) -> None:
    monkeypatch.setattr(engine._predictor.model, "max_obj_ptrs_in_encoder", 3)
    kept = [0]
    forget = Memory._forget
    monkeypatch.setattr(Memory, "_forget", lambda self, track: (forget(self, track), kept.append(len(track.outputs))))
    found = list(engine.propagate(planes, 2, {1: disc(2)}))
    assert max(kept) == 1 + 7  # the prompted plane, and as many as the memory looks at
    monkeypatch.setattr(Memory, "_forget", lambda *_: None)
    for one, other in zip(found, engine.propagate(planes, 2, {1: disc(2)}), strict=True):
        np.testing.assert_array_equal(one.objects[1].logits, other.objects[1].logits)


@pytest.mark.usefixtures("endless")
def test_it_takes_a_turn_for_each_plane_and_each_object_after_everything_else(engine, planes, monkeypatch) -> None:
    turns, turn = [], engine._scheduler.turn
    monkeypatch.setattr(
        engine._scheduler, "turn", lambda priority, **more: turns.append(priority) or turn(priority, **more)
    )
    steps = engine.propagate(planes, MIDDLE, {1: disc(MIDDLE), 2: disc(MIDDLE)})
    next(steps)
    assert turns == [Priority.PROPAGATE] * 6
    next(steps)
    assert len(turns) == 9
    assert engine.load.waiting == ()


def test_nothing_is_done_without_objects(engine, planes) -> None:
    assert list(engine.propagate(planes, MIDDLE, {})) == []
    assert planes.read == []


WRONG = {
    "There is no plane 12": (12, {1: disc(MIDDLE)}),
    "There is no plane -1": (-1, {1: disc(MIDDLE)}),
    "Object 3 is not on plane 5": (MIDDLE, {1: disc(MIDDLE), 3: np.zeros((256, 256), bool)}),
    "of one shape": (MIDDLE, {1: disc(MIDDLE), 3: np.ones((200, 256), bool)}),
    "bool": (MIDDLE, {1: disc(MIDDLE).astype(np.uint8)}),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_followed_is_refused_at_once(engine, planes, message) -> None:
    with pytest.raises(SegmenterError, match=message):
        engine.propagate(planes, *WRONG[message])


def test_planes_that_do_not_fit_the_masks_are_refused(engine, planes) -> None:
    with pytest.raises(SegmenterError, match="Plane 5 has 256 × 256 pixels, the masks 200 × 200"):
        next(engine.propagate(planes, MIDDLE, {1: disc(MIDDLE, size=200)}))


def test_a_failure_of_the_model_says_what_to_do(engine, planes, monkeypatch) -> None:
    steps = engine.propagate(planes, MIDDLE, {1: disc(MIDDLE)})
    monkeypatch.setattr(engine._predictor.model, "forward_image", lambda _: torch.zeros(2) + torch.zeros(3))
    with pytest.raises(SegmenterError, match="use a smaller model"):
        next(steps)


def test_sam_2_is_a_follower_and_the_classical_segmenter_is_none(engine) -> None:
    assert isinstance(engine, Follower)
    assert not isinstance(ClassicalSegmenter(), Follower)


# Where an object has ended


def square(size: int, *, x: int = 20) -> np.ndarray:
    """Return a square about row 20, column x."""
    bits = np.zeros((64, 64), bool)
    bits[20 - size // 2 : 20 + size // 2, x - size // 2 : x + size // 2] = True
    return bits


def end_of(*planes: tuple[np.ndarray, float]) -> int | None:
    """Return on which of some planes an object of 20 × 20 pixels has ended: masks and presences."""
    ending = Ending(square(20))
    found = (Followed(np.where(mask, 5, -5).astype(np.float32), 0.9, presence) for mask, presence in planes)
    return next((n for n, one in enumerate(found) if ending.has_come(one)), None)


def test_what_grows_shrinks_and_moves_a_little_goes_on() -> None:
    sizes, places = (24, 28, 30, 24, 18, 12, 8, 4), range(21, 29)
    assert end_of(*((square(size, x=x), 6.0) for size, x in zip(sizes, places, strict=True))) is None


def test_what_the_model_does_not_see_has_ended() -> None:
    assert end_of((square(20), 6.0), (square(20), -0.1)) == 1
    assert end_of((square(20), 0.0)) == 0


def test_an_empty_mask_is_the_end() -> None:
    assert end_of((square(20), 6.0), (square(0), 6.0)) == 1


def test_what_is_less_sure_than_usual_has_ended() -> None:
    assert end_of(*((square(20), presence) for presence in (5.0, 4.6, 5.2, 3.4))) is None
    assert end_of(*((square(20), presence) for presence in (5.0, 4.6, 5.2, 3.1))) == 3
    assert end_of(*((square(20), presence) for presence in (2.0, 2.2, 1.9, 1.6))) is None


def test_what_is_certain_goes_on_however_certain_it_was_before() -> None:
    assert end_of((square(20), 15.0), (square(20), 14.0), (square(20), 4.1)) is None


def test_a_mask_that_is_elsewhere_is_another_object() -> None:
    assert end_of((square(20), 6.0), (square(20, x=27), 6.0)) is None
    assert end_of((square(20), 6.0), (square(20, x=29), 6.0)) == 1


def test_what_grows_again_after_it_has_shrunk_has_ended() -> None:
    assert end_of((square(16), 6.0), (square(12), 6.0), (square(18), 6.0)) == 2
    assert end_of((square(18), 6.0), (square(30), 6.0)) is None
