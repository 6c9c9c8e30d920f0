"""Simulated users of volumes: they give objects on one plane, and let them be carried through the others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seg_app.errors import SettingsError, UnreadableError
from seg_app.evaluation.clicks import next_click
from seg_app.evaluation.courses import Course
from seg_app.evaluation.labelled import objects_of, spread
from seg_app.geometry import bits_of, mask_from_bits
from seg_app.models import Carrier, Session, Volume
from seg_app.records import Mask, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seg_app.evaluation.clicks import Bits
    from seg_app.sam import Segmenter

MIN_AREA_PX = 200
"""Objects that are smaller on their plane are left out: they end on one of the next."""
BY_MASK, BY_CLICK = "its true mask", "one click"
"""How objects are given."""


@dataclass(frozen=True, slots=True)
class LabelledVolume:
    """A volume and its labels, and the plane on which objects are given."""

    volume: Volume
    truth: Volume
    """(z, y, x) whole numbers; 0 is background, an object has one number on all planes."""
    plane: int

    @classmethod
    def from_files(cls, volume: Path, truth: Path, *, plane: int | None = None) -> LabelledVolume:
        """Open both; nothing is read yet. plane: None is the middle one. Raises SegAppError."""
        opened, labels = Volume.from_file(volume), Volume.from_file(truth)
        if opened.shape != labels.shape or labels.dtype.kind not in "iu" or labels.is_rgb:
            raise UnreadableError(
                f"'{truth}' has {labels.shape} labels of {labels.dtype}. They must be whole numbers of the shape "
                f"{opened.shape} of '{volume}'."
            )
        plane = opened.n_planes // 2 if plane is None else plane
        if plane >= opened.n_planes:
            raise SettingsError(f"'{volume}' has no plane {plane}. The last one is --plane {opened.n_planes - 1}.")
        return cls(opened, labels, plane)

    def labels(self, z: int, window: Window | None = None) -> NDArray[np.int64]:
        """Return the (rows, columns) labels of a plane, or of a window of it at full resolution."""
        whole = Window(0, 0, 0, *self.truth.shape[1:])
        return self.truth.read(z, window or whole).astype(np.int64)


@dataclass(frozen=True, slots=True)
class VolumeEvaluation:
    """What a segmenter made of a labelled volume."""

    data: str
    """What people call the volume."""
    engine: str
    plane: int
    courses: dict[str, tuple[Course, ...]]
    """The objects, the smallest first, by how they were given."""
    too_small: int
    """How many objects were left out."""
    seconds: float | None
    """For each mask that was carried to a plane; None where there was none."""


def evaluate_volume(
    labelled: LabelledVolume, segmenter: Segmenter, *, data: str, objects: int | None = None
) -> VolumeEvaluation:
    """Carry objects of one plane through a volume, and compare what is found with the labels.

    Each is given twice: by its true mask, and by the mask that answers a click at its most interior pixel. Everything
    is as in the app: contrast, windows, the best candidate. objects: at most so many, spread over their sizes.
    Raises SegAppError.
    """
    session = Session(labelled.volume, segmenter, user="evaluate")
    carrier = Carrier(session)
    session.go_to(labelled.plane)
    labels = labelled.labels(labelled.plane)
    values, too_small = objects_of(labels, at_least=MIN_AREA_PX)
    values = spread(values, objects)
    given = {
        BY_MASK: [mask_from_bits(labels == value, z=labelled.plane) for value in values],
        BY_CLICK: [_clicked(session, labels == value) for value in values],
    }
    areas = [_areas(labelled.labels(z), values) for z in range(labelled.volume.n_planes)]
    courses, seconds, carried = {}, 0.0, 0
    for how, masks in given.items():
        tally = _Tally(labelled, values)
        began = time.perf_counter()
        found = _carried(carrier, masks, tally)
        seconds, carried = seconds + time.perf_counter() - began, carried + found
        courses[how] = tally.courses(areas)
    return VolumeEvaluation(
        data, segmenter.name, labelled.plane, courses, too_small, seconds / carried if carried else None
    )


def _clicked(session: Session, truth: Bits) -> Mask | None:
    """Return the answer to one click on an object, given as (rows, columns) bool of the plane on view."""
    click = next_click(truth, np.zeros_like(truth))
    mask = session.click(click.x, click.y) if click else None
    session.drop()
    return mask


def _areas(labels: NDArray[np.int64], values: Sequence[int]) -> list[int]:
    """Return how many pixels of a plane have each of some labels."""
    order = np.sort(np.array(values, np.int64))
    places = np.searchsorted(order, labels.ravel()).clip(max=max(len(order) - 1, 0))
    counts = np.bincount(places[order[places] == labels.ravel()], minlength=len(order)) if len(order) else order
    return [int(counts[np.searchsorted(order, value)]) for value in values]


def _carried(carrier: Carrier, masks: Sequence[Mask | None], tally: _Tally) -> int:
    """Carry masks through all planes, and count what is found; return on how many planes, of all objects."""
    there = [(index, mask) for index, mask in enumerate(masks) if mask]
    for index, mask in there:
        tally.count(index, mask)
    carried = 0
    for one in carrier.carry([mask for _, mask in there]):
        tally.count(there[one.index][0], one.mask)
        carried += 1
    return carried


class _Tally:
    """Counts the pixels that were found of each object, and how many of them are right."""

    def __init__(self, labelled: LabelledVolume, values: Sequence[int]) -> None:
        self._labelled, self._values = labelled, values
        self._found, self._shared = np.zeros((2, len(values), labelled.volume.n_planes), int)

    def count(self, index: int, mask: Mask) -> None:
        truth = self._labelled.labels(mask.z, Window(0, mask.y0, mask.x0, mask.y1, mask.x1)) == self._values[index]
        self._found[index, mask.z] = mask.area
        self._shared[index, mask.z] = np.count_nonzero(truth & bits_of(mask))

    def courses(self, areas: Sequence[Sequence[int]]) -> tuple[Course, ...]:
        """Return the course of each object. areas: their true pixels, by plane."""
        pixels = zip(zip(*areas, strict=True), self._found.tolist(), self._shared.tolist(), strict=True)
        return tuple(
            Course(self._labelled.plane, truth, tuple(found), tuple(shared)) for truth, found, shared in pixels
        )
