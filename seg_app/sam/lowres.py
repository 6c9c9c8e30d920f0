"""Masks as a model gives them, on a coarse grid of logits: their box, stability and bits on the image.

The image lies over the grid as in a bilinear enlargement that keeps the edges in place (`align_corners=False` of
torch): pixel i of n lies at (i + 0.5) · m / n - 0.5 on m grid points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Logits = NDArray[np.floating]

BAND_PIXELS = 2**20
"""Logits are enlarged in bands of rows of about this many pixels: a whole plane of them would not fit."""
FINER = 4
"""Grid points are divided into so many where stability is in doubt, and these again."""
ROUGHNESS = 2.0
"""The error of an area that is counted on a grid, in square roots of the length of its edge."""
BIAS = 0.1
"""What all the edge may be off in one direction, in grid points: bends are flatter when they are enlarged."""
EIGHT = np.ones((3, 3))


@dataclass(frozen=True)
class Outline:
    """The part of a grid of logits around an object, whose edge is where they are 0."""

    logits: NDArray[np.float16]
    y0: int
    x0: int
    grid: tuple[int, int]
    """Rows and columns of the whole grid."""

    def bits(self, shape: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]]:
        """Return (y0, x0, bits) on an image of (rows, columns), with all that is inside."""
        rows, y = near(self.y0, self.logits.shape[0], self.grid[0], shape[0])
        columns, x = near(self.x0, self.logits.shape[1], self.grid[1], shape[1])
        logits = self.logits.astype(np.float32)
        bits = np.empty((len(rows), len(columns)), dtype=bool)
        step = max(1, BAND_PIXELS // max(len(columns), 1))
        for start in range(0, len(rows), step):
            np.greater(enlarged(logits, y[start : start + step], x), 0, out=bits[start : start + step])
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
    """Return the outline of a grid of logits, of which at least one is above 0."""
    inside = logits > 0
    (top, bottom), (left, right) = _span(inside, axis=0), _span(inside, axis=1)
    part = logits[top:bottom, left:right].clip(-1e4, 1e4).astype(np.float16)
    return Outline(part, top, left, (logits.shape[0], logits.shape[1]))


def _span(inside: NDArray[np.bool_], *, axis: int) -> tuple[int, int]:
    """Return the first and (exclusive) last index of an axis that counts, with one more to either side."""
    places = np.flatnonzero(inside.any(axis=1 - axis))
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


def box_of(logits: Logits, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the first and last pixel (x0, y0, x1, y1) inside on an image of (rows, columns).

    At least one of the logits must be above 0. What falls between the pixels of a small image counts as well.
    """
    rows, columns = shape
    y0, x0 = _first_row(logits, shape), _first_row(logits.T, (columns, rows))
    y1 = rows - 1 - _first_row(logits[::-1], shape)
    x1 = columns - 1 - _first_row(logits.T[::-1], (columns, rows))
    return float(x0), float(y0), float(x1), float(y1)


def _first_row(logits: Logits, shape: tuple[int, int]) -> int:
    """Return the first row of the image with something inside. It is looked for where the grid says, and only there."""
    rows = np.flatnonzero((logits > 0).any(axis=1))
    for row in rows.tolist():
        inside = _rows_inside(logits, row, shape)
        if inside.size:
            return int(inside[0])
    nearest = round((int(rows[0]) + 0.5) * shape[0] / len(logits) - 0.5)
    return min(max(nearest, 0), shape[0] - 1)


def _rows_inside(logits: Logits, row: int, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the rows of the image with something inside that lie next to a row of the grid."""
    columns = np.flatnonzero((logits[row : row + 2] > 0).any(axis=0))
    start, left = max(row - 1, 0), max(int(columns[0]) - 1, 0)
    part = np.asarray(logits[start : row + 2, left : int(columns[-1]) + 2], dtype=np.float32)
    pixels, y = near(start, part.shape[0], len(logits), shape[0])
    _, x = near(left, part.shape[1], logits.shape[1], shape[1])
    return pixels[(enlarged(part, y, x) > 0).any(axis=1)]


def stability(logits: Logits, offset: float, *, shape: tuple[int, int], doubt_at: float) -> float:
    """Return the IoU of the masks above `offset` and above -`offset`, 0 where there is none.

    Counted on the grid; where that could be on the wrong side of `doubt_at`, on ever finer ones, up to the pixels of
    the image of (rows, columns).
    """
    inner, outer = logits > offset, logits > -offset
    counted = _Count.of(inner, outer)
    if not counted.outer or counted.is_clear_of(doubt_at, bias=BIAS):
        return counted.share
    part, fineness = outline_of(logits + offset), 1
    while True:
        fineness *= FINER
        rows, columns = (min(n, fineness * m) for n, m in zip(shape, part.grid, strict=True))
        counted = _counted(part, offset, (rows, columns))
        if (rows, columns) == shape or counted.is_clear_of(doubt_at):
            return counted.share


@dataclass(frozen=True)
class _Count:
    """Pixels above two thresholds, and how many of them have a neighbour that is not."""

    inner: int = 0
    outer: int = 0
    edge: int = 0

    @classmethod
    def of(cls, inner: NDArray[np.bool_], outer: NDArray[np.bool_]) -> _Count:
        edge = _edge_length(inner) + _edge_length(outer)
        return cls(int(np.count_nonzero(inner)), int(np.count_nonzero(outer)), edge)

    def __add__(self, other: _Count) -> _Count:
        return _Count(self.inner + other.inner, self.outer + other.outer, self.edge + other.edge)

    @property
    def share(self) -> float:
        return self.inner / max(self.outer, 1)

    def is_clear_of(self, value: float, *, bias: float = 0.0) -> bool:
        """Say whether the share is on the side of a value that it has on the finest grid, too."""
        return abs(self.share - value) * self.outer > ROUGHNESS * self.edge**0.5 + bias * self.edge


def _edge_length(bits: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(bits[1:] != bits[:-1]) + np.count_nonzero(bits[:, 1:] != bits[:, :-1]))


def _counted(part: Outline, offset: float, shape: tuple[int, int]) -> _Count:
    """Return how much of an outline around -offset is above it and above `offset`, on a grid of (rows, columns)."""
    _, y = near(part.y0, part.logits.shape[0], part.grid[0], shape[0])
    _, x = near(part.x0, part.logits.shape[1], part.grid[1], shape[1])
    logits, step, counted = part.logits.astype(np.float32), max(1, BAND_PIXELS // max(len(x), 1)), _Count()
    for start in range(0, len(y), step):
        fine = enlarged(logits, y[start : start + step], x)
        counted += _Count.of(fine > 2 * offset, fine > 0)
    return counted


def without_specks(bits: NDArray[np.bool_], smallest: int) -> NDArray[np.bool_]:
    """Return bits without holes and islands of fewer than `smallest` pixels; the largest island always stays."""
    return _without_islands(~_without_islands(~np.pad(bits, 1), smallest)[1:-1, 1:-1], smallest)


def _without_islands(bits: NDArray[np.bool_], smallest: int) -> NDArray[np.bool_]:
    labels = np.empty(bits.shape, dtype=np.int32)
    ndimage.label(bits, EIGHT, output=labels)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= min(smallest, sizes.max()))[labels] & bits
