"""Which parts of an image stand for all of it, where all of it is too much to be read."""

from __future__ import annotations

from seg_app.records import Window

PLANES = 5

WINDOWS = 10
"""Of one plane, or of several: a request each, half a second in all from a server, and 2.6 million pixels."""
SIDE = 512


def some_planes(count: int) -> list[int]:
    """Return up to five of `count` planes, evenly spread: always the first and the last."""
    return sorted({round(n * (count - 1) / (PLANES - 1)) for n in range(PLANES)})


def some_windows(level: int, rows: int, columns: int) -> list[Window]:
    """Return windows that cover a level of (rows, columns) evenly, without a pattern.

    Their places are Martin Roberts's R2 sequence
    (http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences).
    """
    height, width = min(SIDE, rows), min(SIDE, columns)
    corners = [
        (int((0.5 + n * 0.7548776662) % 1 * (rows - height)), int((0.5 + n * 0.5698402910) % 1 * (columns - width)))
        for n in range(WINDOWS)
    ]
    return [Window(level, y0, x0, y0 + height, x0 + width) for y0, x0 in corners]
