"""Masks as a model gives them, on a coarse grid of logits: their box and stability on the image, see `Outline`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from seg_app.sam.outline import BAND_PIXELS, enlarged, near, outline_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.outline import Logits, Outline

FINER = 4
"""Grid points are divided into so many where stability is in doubt, and these again."""
ROUGHNESS = 2.0
"""The error of an area that is counted on a grid, in square roots of the length of its edge."""
BIAS = 0.1
"""What all the edge may be off in one direction, in grid points: bends are flatter when they are enlarged."""
EIGHT = np.ones((3, 3))


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
    logits, step, counted = part.logits.astype(np.float32, copy=False), max(1, BAND_PIXELS // max(len(x), 1)), _Count()
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
