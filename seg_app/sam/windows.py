"""Which window of which pyramid level a prompt is answered on, and how its answer becomes a mask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.geometry import mask_from_bits
from seg_app.records import Mask, Prompts, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.protocol import Candidate

Shape = tuple[int, int]

GRID = 4
"""Windows start at multiples of a quarter of their size, so that neighbouring clicks share one embedding."""
FILL = 0.72
"""The part of a window that prompts may span. The rest is context for the model, and as rounding to the grid moves a
window by up to an eighth of its size, keeps every prompt inside."""


def locate(prompts: Prompts, plane: Shape, *, scale: float, size: int) -> Window:
    """Return the window that answers prompts best: about what the user looks at, as large as the model's input.

    plane: (rows, columns) at full resolution. scale: full-resolution pixels that a screen pixel shows.
    size: edge of the model's input in pixels.
    """
    x0, y0, x1, y1 = _bounds(prompts)
    span = max(x1 - x0, y1 - y0) / (FILL * size)
    level = max(0, math.floor(math.log2(max(scale, 1))), math.ceil(math.log2(max(span, 1))))
    return _window_at(
        (x0 + x1) / 2, (y0 + y1) / 2, plane=plane, level=min(level, coarsest_level(plane, size)), size=size
    )


def coarsest_level(plane: Shape, size: int) -> int:
    """Return the level on which the whole plane fits into one window."""
    return max(0, math.ceil(math.log2(max(plane) / size)))


def coarser(window: Window, plane: Shape, size: int) -> Window | None:
    """Return a window of the next level around the same place; None where the window shows the whole plane."""
    if window.level >= coarsest_level(plane, size):
        return None
    x0, y0, x1, y1 = window.extent
    return _window_at((x0 + x1) / 2, (y0 + y1) / 2, plane=plane, level=window.level + 1, size=size)


def _bounds(prompts: Prompts) -> tuple[float, float, float, float]:
    xs, ys = [p.x for p in prompts.points], [p.y for p in prompts.points]
    if prompts.box:
        xs += [prompts.box.x0, prompts.box.x1]
        ys += [prompts.box.y0, prompts.box.y1]
    return min(xs), min(ys), max(xs), max(ys)


def _window_at(x: float, y: float, *, plane: Shape, level: int, size: int) -> Window:
    rows, columns = (math.ceil(n / 2**level) for n in plane)
    y0, y1 = _span(y / 2**level, rows, size)
    x0, x1 = _span(x / 2**level, columns, size)
    return Window(level, y0, x0, y1, x1)


def _span(centre: float, length: int, size: int) -> tuple[int, int]:
    if length <= size:
        return 0, length
    step = size // GRID
    start = round((centre - size / 2) / step) * step
    start = min(max(start, 0), length - size)
    return start, start + size


def is_cut(logits: NDArray[np.float32], window: Window, plane: Shape) -> bool:
    """Say whether the object touches an edge of the window that is no edge of the plane."""
    inside = logits > 0
    rows, columns = (math.ceil(n / window.factor) for n in plane)
    edges = (
        (window.y0 > 0, inside[0]),
        (window.x0 > 0, inside[:, 0]),
        (window.y1 < rows, inside[-1]),
        (window.x1 < columns, inside[:, -1]),
    )
    return any(within and bool(edge.any()) for within, edge in edges)


def to_mask(candidate: Candidate, window: Window, plane: Shape, **fields: Any) -> Mask | None:
    """Return the full-resolution mask of an answer on a window; None when it is empty.

    The logits are resampled, not the bits, so that edges stay smooth at any level. `fields` are further
    fields of `Mask`.
    """
    inside = candidate.logits > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return None
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    logits = candidate.logits[top : int(rows[-1]) + 2, left : int(columns[-1]) + 2]
    y0, x0 = (window.y0 + top) * window.factor, (window.x0 + left) * window.factor
    bits = _enlarged(logits, window.factor)[: plane[0] - y0, : plane[1] - x0] > 0
    return mask_from_bits(bits, y0=y0, x0=x0, score=candidate.score, **fields)


def _enlarged(logits: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    if factor == 1:
        return logits
    from scipy.ndimage import zoom  # weight: only zoomed-out prompts need it

    return np.asarray(zoom(logits, factor, order=1, mode="nearest", grid_mode=True), np.float32)
