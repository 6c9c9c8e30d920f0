"""The databar that a microscope draws below an image, found in the pixels: where no header tells of it.

A databar is a strip along the lower edge, as wide as the image, that begins within one row, has a ground without noise
or a veil over the image, and has text on it: many small shapes of the same height that stand on few lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 0.28
"""A databar is no larger than this share of the rows."""
LEAST_ROWS = 10
MOST_PIXELS = 6_000_000
"""Of a larger part every second, third, ... pixel is looked at: what is written is as large as the image is then."""
FLAT = 0.014
"""How far a ground without noise may be from its own value, as a share of the range of greys; JPEG blurs it so far."""
INK = 0.3
"""What is written differs from its ground at least by this share of the range."""
LEAST_GLYPHS, MOST_GLYPHS = 8, 1000
SPECKLESS = 0.4
"""Share of shapes that are as large as letters: what noise makes are specks, mostly."""
LINES = 4
"""Most of what is written stands on so few lines."""


def find_databar(plane: Any) -> int:
    """Return how many of the lowest rows of a plane are a databar; 0 where there is none, or no certain one.

    plane: (rows, columns) or (rows, columns, colours) of integers, an array or what is indexed like one; only the lower
    part is read.
    """
    rows, columns = plane.shape[:2]
    seen = math.ceil(rows * (MOST + 0.04))
    step = max(1, math.ceil(math.sqrt(seen * columns / MOST_PIXELS)))
    if seen // step < 2 * LEAST_ROWS or columns // step < 64:
        return 0
    lower = _greys(plane[rows - seen :: step, ::step])
    top = _top(lower)
    if top is None:
        return 0
    first = rows - seen + top * step
    return rows - (first if step == 1 else _refined(plane, first, step))


def _greys(part: Any) -> NDArray[np.float32]:
    """Return grey values between 0, almost the darkest, and 1, almost the brightest.

    Text may be much brighter than any image, as where 12 bits are kept in 16: that is left out of the range.
    """
    pixels = np.asarray(part)
    greys = pixels[..., :3].mean(axis=2, dtype=np.float32) if pixels.ndim == 3 else pixels.astype(np.float32)
    low, high = np.percentile(greys[::2, ::2], (2, 98))
    return ((greys - np.float32(low)) / np.float32(max(high - low, 1e-9))).clip(0, 1)


def _top(lower: NDArray[np.float32]) -> int | None:
    """Return the first row of a databar in the lower part of a plane."""
    for top, ink in (*_solid(lower), *_veiled(lower)):
        if top > 0.1 * len(lower) and len(lower) - top >= LEAST_ROWS and _is_text(ink):
            return top
    return None


def _refined(plane: Any, first: int, step: int) -> int:
    """Return the row of the greatest change near one that was found between `step` rows."""
    start = max(first - 2 * step, 0)
    band = _greys(plane[start : first + step + 1])
    return start + 1 + int(np.argmax(np.abs(np.median(np.diff(band, axis=0), axis=1))))


# A ground of one value


def _solid(lower: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Return strips with a ground of one value: their first row, and what is written on them."""
    rows = len(lower)
    for low, high in ((0.0, 0.06), (0.04, 0.12), (0.1, 0.22)):
        ground = _commonest(lower[rows - max(2, round(high * rows)) : rows - round(low * rows)])
        is_ground = np.abs(lower - ground) <= FLAT
        belongs = (is_ground.mean(axis=1) > 0.4) | _is_ruled(lower)
        end = rows - int(np.argmax(belongs[::-1]))  # a frame of image may be left below
        above = np.flatnonzero(~belongs[:end])
        top = int(above[-1]) + 1 if len(above) else 0
        if rows - end <= 0.08 * rows and end - top >= LEAST_ROWS and _is_edge(is_ground, belongs, top):
            yield top, np.abs(lower[top:end] - ground) > INK


def _commonest(part: NDArray[np.float32]) -> float:
    counts, edges = np.histogram(part, bins=128, range=(0, 1))
    most = int(np.argmax(counts))
    inside = part[(part >= edges[most]) & (part <= edges[most + 1])]
    return float(np.median(inside))


def _is_ruled(lower: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which rows are a line from edge to edge."""
    return np.mean(np.abs(lower - np.median(lower, axis=1, keepdims=True)) <= FLAT, axis=1) > 0.95


def _is_edge(is_ground: NDArray[np.bool_], belongs: NDArray[np.bool_], top: int) -> bool:
    """Say whether the ground begins at a row, over the whole width, and not above it."""
    near = max(2, len(is_ground) // 100)
    if top < 3 * near:
        return False
    below = is_ground[top : top + 2 * near].mean(axis=1)
    return bool(
        np.quantile(below, 0.6) > 0.9
        and is_ground[top - 2 : top].mean() < 0.4
        and is_ground[top - 3 * near : top].mean() < 0.4
        and not belongs[top - 3 * near : top].any()
    )


# A veil over the image


def _veiled(lower: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Return strips that the image shines through, darker or brighter than above: first row, and what is written."""
    is_ruled = _is_ruled(lower)
    kept = np.flatnonzero(~is_ruled)
    change = np.diff(lower[kept], axis=0)
    if len(change) < LEAST_ROWS:
        return
    step = np.median(change, axis=1)
    same = np.mean(np.sign(change) == np.sign(step)[:, None], axis=1)
    size = np.abs(step)
    usual = np.median(size) + 1e-6
    for row in np.argsort(-size)[:3]:
        # what is drawn begins within one row; an edge in the sample is blurred
        beside = max(np.delete(size[max(row - 1, 0) : row + 2], min(row, 1)), default=0)
        if size[row] > max(0.05, 8 * usual, 3 * beside) and same[row] > 0.85:
            top = int(kept[row]) + 1  # a line along the edge belongs to the strip
            yield top, _unlike_the_veil(lower[top:], is_darker=bool(step[row] < 0))


def _unlike_the_veil(strip: NDArray[np.float32], *, is_darker: bool) -> NDArray[np.bool_]:
    """Return what is written on a veil: white on one that is darker than the image, black on one that is brighter."""
    ground = float(np.quantile(strip, 0.8 if is_darker else 0.2))
    return strip > (ground + 1) / 2 if is_darker else strip < ground / 2


# What is written


def _is_text(ink: NDArray[np.bool_]) -> bool:
    """Say whether what is written on a strip are small shapes of few heights that stand on few lines."""
    from scipy.ndimage import find_objects, label  # weight: 0.2 s, and most images have a header

    if not 0.002 < ink.mean() < 0.4:
        return False
    labels: NDArray[np.int32] = np.zeros(ink.shape, np.int32)
    label(ink, np.ones((3, 3)), output=labels)
    shapes = [(r.stop, r.stop - r.start, c.stop - c.start, c.start) for r, c in find_objects(labels)]
    glyphs = np.array([s for s in shapes if _is_glyph(s[1], s[2], len(ink))]).reshape(-1, 4)
    if not max(LEAST_GLYPHS, SPECKLESS * len(shapes)) <= len(glyphs) <= MOST_GLYPHS:
        return False
    spread = np.ptp(glyphs[:, 3]) / ink.shape[1]
    slack = max(1, len(ink) // 60)
    return spread > 0.2 and _share_on_few(glyphs[:, 0], slack) > 0.6 and _share_on_few(glyphs[:, 1], slack) > 0.6


def _is_glyph(height: int, width: int, rows: int) -> bool:
    return max(4, 0.05 * rows) <= height <= 0.8 * rows and 0.1 * height < width < 4 * height


def _share_on_few(values: NDArray[np.int_], slack: int) -> float:
    """Return which share of values is near the few commonest of them."""
    left = values
    for _ in range(LINES):
        if len(left):
            near = [int(np.sum(np.abs(left - value) <= slack)) for value in left]
            left = left[np.abs(left - left[int(np.argmax(near))]) > slack]
    return 1 - len(left) / len(values)
