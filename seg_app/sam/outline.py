"""What is inside of a grid of logits, and the same on the pixels of the image that the grid lies over.

The image lies over the grid as in a bilinear enlargement that keeps the edges in place (`align_corners=False` of
torch): pixel i of n lies at (i + 0.5) · m / n - 0.5 on m grid points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Logits = NDArray[np.floating]

BAND_PIXELS = 2**20
"""Logits are enlarged in bands of rows of about this many pixels: a whole plane of them would not fit."""
HALF = 1e4
"""What half precision holds, and more than any logit that matters."""


@dataclass(frozen=True)
class Outline:
    """The part of a grid of logits that an object and the points next to it take up; without an object, none of it.

    Its edge is where the logits are 0.
    """

    logits: Logits
    y0: int
    x0: int
    grid: tuple[int, int]
    """Rows and columns of the whole grid."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is inside."""
        return not bool((self.logits > 0).any())

    def in_half(self) -> Outline:
        """Return it in half precision and in memory of its own, for who keeps many."""
        return replace(self, logits=self.logits.clip(-HALF, HALF).astype(np.float16))

    def bits(self, shape: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]]:
        """Return (y0, x0, bits) on an image of (rows, columns), with all that is inside."""
        if shape == self.grid:
            return self.y0, self.x0, self.logits > 0
        rows, y = near(self.y0, self.logits.shape[0], self.grid[0], shape[0])
        columns, x = near(self.x0, self.logits.shape[1], self.grid[1], shape[1])
        wide = _between(self.logits.astype(np.float32, copy=False), x, axis=1)
        bits = np.empty((len(rows), len(columns)), dtype=bool)
        step = max(1, BAND_PIXELS // max(len(columns), 1))
        for start in range(0, len(rows), step):
            np.greater(_between(wide, y[start : start + step], axis=0), 0, out=bits[start : start + step])
        return int(rows[0]) if rows.size else 0, int(columns[0]) if columns.size else 0, bits

    def at(
        self, y: NDArray[np.float64], x: NDArray[np.float64], shape: tuple[int, int], *, outside: float
    ) -> NDArray[np.float32]:
        """Return the logits at rows y and columns x of an image of (rows, columns), `outside` where there are none."""
        rows, columns = _placed(y, shape[0], self.grid[0]) - self.y0, _placed(x, shape[1], self.grid[1]) - self.x0
        is_row, is_column = (rows >= 0) & (rows < len(self.logits)), (columns >= 0) & (columns < self.logits.shape[1])
        logits = np.full((len(y), len(x)), outside, np.float32)
        part = enlarged(self.logits.astype(np.float32), rows[is_row], columns[is_column])
        logits[np.ix_(is_row, is_column)] = part
        return logits

    def holds(self, points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Say of (n, 2) points x, y on an image of (rows, columns) whether the nearest of the grid is inside."""
        columns = np.rint(_placed(points[:, 0], shape[1], self.grid[1]) - self.x0)
        rows = np.rint(_placed(points[:, 1], shape[0], self.grid[0]) - self.y0)
        here = (rows >= 0) & (rows < len(self.logits)) & (columns >= 0) & (columns < self.logits.shape[1])
        inside = np.zeros(len(points), bool)
        inside[here] = self.logits[rows[here].astype(np.intp), columns[here].astype(np.intp)] > 0
        return inside


def outline_of(logits: Logits) -> Outline:
    """Return the outline of what is above 0 on a grid of logits (rows, columns), of which it shows a part."""
    inside = logits > 0
    (top, bottom), (left, right) = _span(inside, axis=0), _span(inside, axis=1)
    return Outline(logits[top:bottom, left:right], top, left, (logits.shape[0], logits.shape[1]))


def outline_on(logits: Logits, shape: tuple[int, int]) -> Outline:
    """Return the outline of what is above 0 on a grid, on the pixels of the image of (rows, columns) that it lies over.

    Its logits are float32, linear between those of the grid.
    """
    if shape == logits.shape:
        return outline_of(logits)
    inside = logits > 0
    (y0, y), (x0, x) = (_around(_span(inside, axis=axis), logits.shape[axis], shape[axis]) for axis in (0, 1))
    return Outline(enlarged(logits.astype(np.float32, copy=False), y, x), y0, x0, shape)


def _around(span: tuple[int, int], grid: int, length: int) -> tuple[int, NDArray[np.float64]]:
    """Return the first of the pixels on a part of the grid and one more to either side, and where all of them lie."""
    place = places(length, grid)
    if span[0] == span[1]:
        return 0, place[:0]
    first = max(int(np.searchsorted(place, span[0])) - 1, 0)
    return first, place[first : int(np.searchsorted(place, span[1] - 1, side="right")) + 1]


def _span(inside: NDArray[np.bool_], *, axis: int) -> tuple[int, int]:
    """Return the first and (exclusive) last index of an axis that counts and one more to either side, or 0, 0."""
    places = np.flatnonzero(inside.any(axis=1 - axis))
    if not places.size:
        return 0, 0
    return max(int(places[0]) - 1, 0), min(int(places[-1]) + 2, inside.shape[axis])


def near(first: int, count: int, grid: int, length: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return which pixels of an image lie on a part of the grid, and where on it."""
    place = places(length, grid)
    pixels = np.flatnonzero((place >= first) & (place <= first + count - 1))
    return pixels, place[pixels] - first


def places(length: int, grid: int) -> NDArray[np.float64]:
    """Return where each pixel of a row of `length` lies on `grid` points."""
    return _placed(np.arange(length), length, grid)


def _placed(pixels: NDArray[Any], length: int, grid: int) -> NDArray[np.float64]:
    """Return where pixels lie; NaN where they are outside of the image."""
    is_there = (pixels >= -0.5) & (pixels <= length - 0.5)
    return np.where(is_there, ((pixels + 0.5) * grid / length - 0.5).clip(0, grid - 1), np.nan)


def pixels_of(grid: int, length: int) -> NDArray[np.float64]:
    """Return where each of `grid` points lies on a row of `length` pixels."""
    return (np.arange(grid) + 0.5) * length / grid - 0.5


def enlarged(logits: NDArray[np.float32], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the logits at rows y and columns x of their grid, linear in between."""
    # columns first, while there are few rows: picking them takes ten times as long as copying rows
    return _between(_between(logits, x, axis=1), y, axis=0)


def _between(values: NDArray[np.float32], place: NDArray[np.float64], *, axis: int) -> NDArray[np.float32]:
    low = place.astype(np.intp)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    share = (place - low).astype(np.float32)
    if axis == 0:
        share = share[:, None]
    out = values.take(high, axis=axis)
    start = values.take(low, axis=axis)
    out -= start
    out *= share
    out += start
    return out
