"""Which parts of an image stand for all of it, where all of it is too much to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.records import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLANES = 5

GRID = 3
SIDE = 512
"""Nine windows of this size are a request each, a third of a second in all from a server, and 2.4 million pixels."""


def some_planes(count: int) -> list[int]:
    """Return up to five of `count` planes, evenly spread: always the first and the last."""
    return sorted({round(n * (count - 1) / (PLANES - 1)) for n in range(PLANES)})


def some_windows(level: int, rows: int, columns: int) -> list[Window]:
    """Return nine windows of a level of (rows, columns): in the middle of each ninth of it."""
    height, width = min(SIDE, rows), min(SIDE, columns)
    tops, lefts = _starts(rows, height), _starts(columns, width)
    return [Window(level, y0, x0, y0 + height, x0 + width) for y0 in tops for x0 in lefts]


def _starts(length: int, size: int) -> list[int]:
    """Return where pieces of a size begin whose middles divide a length evenly; they may overlap, and stay inside."""
    middles = ((2 * n + 1) * length // (2 * GRID) for n in range(GRID))
    return [min(max(0, middle - size // 2), length - size) for middle in middles]


def every(factor: int, start: int, stop: int, size: int) -> slice:
    """Return which of `size` stored pixels are nearest to the centres of level pixels start to stop.

    The last level pixel may stand for less than half as many stored ones as the others: its centre is then outside,
    and left out, unless nothing else is asked for.
    """
    first = min(start * factor + factor // 2, size - 1)
    return slice(first, min(stop * factor, size), factor)


def filled(pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Return the pixels with the last row and column repeated where the stored level was rounded down."""
    missing = [(0, wanted - got) for wanted, got in zip(shape, pixels.shape[:2], strict=True)]
    return np.pad(pixels, missing + [(0, 0)] * (pixels.ndim - 2), mode="edge") if any(map(any, missing)) else pixels
