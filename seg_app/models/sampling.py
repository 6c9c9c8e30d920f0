"""Which parts of an image stand for all of it, where all of it is too much to be read."""

from __future__ import annotations

from seg_app.records import Window

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
