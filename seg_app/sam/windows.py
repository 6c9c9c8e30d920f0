"""Which window of which pyramid level a prompt is answered on, and how its answer becomes a mask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.geometry import mask_from_bits
from seg_app.records import Box, Mask, Point, Prompts, Window

if TYPE_CHECKING:
    from seg_app.sam.outline import Outline

Shape = tuple[int, int]
Bounds = tuple[float, float, float, float]

GRID = 4
"""Windows start at multiples of a quarter of their size, so that neighbouring clicks share one embedding."""
FILL = 0.72
"""The part of a window that prompts may span. The rest is context for the model, and as rounding to the grid moves a
window by up to an eighth of its size, keeps every prompt inside."""
MARGIN = 8
"""Prompts that are nearer to an edge of the window on view than this part of its size get one of their own."""

SMALL, TINY = 0.35, 0.18
"""An object that spans less of a window is looked at more closely: of one as large as the model's input, and of a
smaller one, which is shown enlarged already. Measured on micrographs that the bundled model was trained with: IoU
0.892, 0.914, 0.923 after 1, 3, 5 clicks; with 0.15 and 0, 0.880, 0.912, 0.914."""
MOST_ENLARGED = 4
"""The model sees the smallest windows so many times as large as they are."""
LARGEST_CHEAP = 256
"""Models of a larger input see small objects well enough, and take seconds to look at another window."""


def locate(prompts: Prompts, plane: Shape, *, scale: float, size: int, view: Box | None = None) -> Window:
    """Return the window that answers prompts best: about what the user looks at, as large as the model's input.

    plane: (rows, columns) at full resolution. scale: full-resolution pixels that a screen pixel shows.
    size: edge of the model's input in pixels. view: what is on screen; all prompts that are well inside of the window
    in its middle share that one, wherever they are.
    """
    x0, y0, x1, y1 = bounds = _bounds(prompts)
    span = max(x1 - x0, y1 - y0) / (FILL * size)
    level = max(0, math.floor(math.log2(max(scale, 1))), math.ceil(math.log2(max(span, 1))))
    level = min(level, coarsest_level(plane, size))
    if view:
        middle = middle_of(view, plane)
        shared = _window_at(middle.x, middle.y, plane=plane, level=level, size=size)
        if _is_well_inside(bounds, shared, plane):
            return shared
    return _around(prompts, level, plane, size)


def middle_of(view: Box, plane: Shape) -> Point:
    """Return the middle of what a view (edges in full-resolution pixels) shows of a plane of (rows, columns)."""
    x = np.clip((view.x0, view.x1), -0.5, plane[1] - 0.5)
    y = np.clip((view.y0, view.y1), -0.5, plane[0] - 0.5)
    return Point(float(x.mean()), float(y.mean()))


def _is_well_inside(bounds: Bounds, window: Window, plane: Shape) -> bool:
    """Say whether prompts are so far from the edges of a window, except those of the plane, that objects fit in."""
    x0, y0, x1, y1 = window.extent
    margin = max(window.shape) * window.factor / MARGIN
    left, top = x0 + margin * (window.x0 > 0), y0 + margin * (window.y0 > 0)
    right, bottom = x1 - margin * (x1 < plane[1] - 0.5), y1 - margin * (y1 < plane[0] - 0.5)
    return left <= bounds[0] and top <= bounds[1] and bounds[2] <= right and bounds[3] <= bottom


def coarsest_level(plane: Shape, size: int) -> int:
    """Return the level on which the whole plane fits into one window."""
    return max(0, math.ceil(math.log2(max(plane) / size)))


def wider(window: Window, prompts: Prompts, plane: Shape, size: int) -> Window | None:
    """Return the window to try where one cuts the object off; None where it shows the whole plane.

    That is the one of the same level around the prompts or, where it was that, the one of the next level.
    """
    own = _around(prompts, window.level, plane, size)
    if own != window:
        return own
    return _around(prompts, window.level + 1, plane, size) if window.level < coarsest_level(plane, size) else None


def closer(window: Window, found: Outline, prompts: Prompts, plane: Shape, size: int) -> Window | None:
    """Return the window around a small object that the model sees twice as large; None where there is no need.

    That is one of the next finer level or, on the finest one, of half the edge. found: the answer on `window`.
    """
    rows, columns = (np.flatnonzero((found.logits > 0).any(axis=axis)) for axis in (1, 0))
    edge = max(window.shape)
    small = SMALL if edge > size // 2 else TINY
    if size > LARGEST_CHEAP or not rows.size or max(np.ptp(rows), np.ptp(columns)) >= small * edge:
        return None
    y, x = (start + (n[0] + n[-1]) / 2 for start, n in ((window.y0 + found.y0, rows), (window.x0 + found.x0, columns)))
    finer = size if window.level else size // 2 if edge > size // 2 else size // MOST_ENLARGED
    if not window.level and finer >= edge:
        return None
    smaller = _window_at(x * window.factor, y * window.factor, plane=plane, level=max(window.level - 1, 0), size=finer)
    return smaller if smaller != window and _is_well_inside(_bounds(prompts), smaller, plane) else None


def _around(prompts: Prompts, level: int, plane: Shape, size: int) -> Window:
    x0, y0, x1, y1 = _bounds(prompts)
    return _window_at((x0 + x1) / 2, (y0 + y1) / 2, plane=plane, level=level, size=size)


def _bounds(prompts: Prompts) -> Bounds:
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


def is_cut(found: Outline, window: Window, plane: Shape) -> bool:
    """Say whether an object on a window touches an edge of it that is no edge of the plane."""
    inside = found.logits > 0
    rows, columns = (math.ceil(n / window.factor) for n in plane)
    below, right = (start + n for start, n in zip((found.y0, found.x0), inside.shape, strict=True))
    edges = (
        (window.y0 > 0 and found.y0 == 0, inside[:1]),
        (window.x0 > 0 and found.x0 == 0, inside[:, :1]),
        (window.y1 < rows and below == window.shape[0], inside[-1:]),
        (window.x1 < columns and right == window.shape[1], inside[:, -1:]),
    )
    return any(within and bool(edge.any()) for within, edge in edges)


def to_mask(found: Outline, window: Window, plane: Shape, **fields: Any) -> Mask | None:
    """Return the full-resolution mask of an object on a window, cut where the plane ends; None when it is empty.

    plane: (rows, columns), or fewer where the lowest of them are no image. The logits are resampled, not the bits, so
    that edges stay smooth at any level. `fields` are further fields of `Mask`.
    """
    rows, columns = (n * window.factor for n in window.shape)
    top, left, bits = found.bits((rows, columns))
    y0, x0 = window.y0 * window.factor + top, window.x0 * window.factor + left
    within = bits[: max(plane[0] - y0, 0), : max(plane[1] - x0, 0)]
    return mask_from_bits(within, y0=y0, x0=x0, **fields)
