"""How objects of one plane fare on the others of a labelled volume, and what that comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Course:
    """One object on all planes of a volume, in pixels at full resolution, by plane."""

    start: int
    """The plane on which it was given."""
    truth_px: tuple[int, ...]
    found_px: tuple[int, ...]
    """On the plane where it was given, of what was given."""
    shared_px: tuple[int, ...]
    """Of both."""

    @property
    def iou(self) -> float:
        """Intersection over union of all voxels, with those that were given."""
        shared = sum(self.shared_px)
        return shared / (sum(self.truth_px) + sum(self.found_px) - shared)

    @property
    def others(self) -> list[int]:
        """The planes on which it was to be found."""
        return [z for z in range(len(self.truth_px)) if z != self.start]

    @property
    def there(self) -> list[int]:
        """Of these, the planes on which it is."""
        return [z for z in self.others if self.truth_px[z]]

    @property
    def gone(self) -> list[int]:
        """Of these, the planes on which it is no more, or not yet."""
        return [z for z in self.others if not self.truth_px[z]]

    def iou_on(self, z: int) -> float:
        """Return intersection over union on a plane where it is."""
        return self.shared_px[z] / (self.truth_px[z] + self.found_px[z] - self.shared_px[z])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What following the objects of a volume comes to. Planes of all objects are counted together."""

    mean: float
    """IoU of all voxels, mean over objects."""
    median: float
    on_planes: float | None
    """Mean IoU on the other planes where the object is, 0 where it was given up; None where there is no such plane."""
    given_up: float | None
    """The part of these planes on which nothing was found any more."""
    claimed: float | None
    """The part of the planes without the object on which it was still found; None where it is everywhere."""


def outcome_of(courses: Sequence[Course]) -> Outcome:
    """Return what courses come to; there is at least one."""
    ious = [course.iou for course in courses]
    there = [(course.iou_on(z), course.found_px[z]) for course in courses for z in course.there]
    gone = [course.found_px[z] > 0 for course in courses for z in course.gone]
    return Outcome(
        float(np.mean(ious)),
        float(np.median(ious)),
        _mean([iou for iou, _ in there]),
        _mean([not found for _, found in there]),
        _mean(gone),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
