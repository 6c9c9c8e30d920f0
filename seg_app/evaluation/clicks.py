"""Where a patient user would click next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from seg_app.records import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle about the centre of pixel (y, x)."""

    y: int
    x: int
    radius_px: float
    """Distance to the centre of the nearest pixel outside."""


def next_click(truth: Bits, answer: Bits) -> Point | None:
    """Return the click that a user would add to correct an answer; None when nothing is wrong with it.

    It is at the centre of the largest circle that fits into what is missing (an including click) or into what is too
    much (an excluding one), as in the evaluation of SAM 2. To an empty answer it is the first click on the object.
    truth, answer: (rows, columns) bool of one image.
    """
    missing, surplus = largest_disc(truth & ~answer), largest_disc(answer & ~truth)
    if missing and (surplus is None or missing.radius_px >= surplus.radius_px):
        return Point(missing.x, missing.y)
    return Point(surplus.x, surplus.y, include=False) if surplus else None


def largest_disc(region: Bits) -> Disc | None:
    """Return the largest circle in a (rows, columns) bool region, the first of equals in reading order; None if empty.

    What is beyond the border of the array is outside of the region.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    padded = np.pad(region[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1], 1)
    distances = np.asarray(distance_transform_edt(padded))
    y, x = np.unravel_index(int(distances.argmax()), distances.shape)
    return Disc(top + int(y) - 1, left + int(x) - 1, float(distances[y, x]))
