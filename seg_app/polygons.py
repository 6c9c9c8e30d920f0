"""Masks as polygons along the edges of their pixels, and back: exact both ways.

Frame of this module: corners of pixels are whole numbers, pixel (y, x) covers [x, x + 1] × [y, y + 1], as in QuPath,
ImageJ and COCO. It is the frame of `records` shifted by half a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seg_app.geometry import bits_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import Mask

Ring = list[tuple[int, int]]
"""The corners (x, y) of a closed line, the first one not repeated."""

MAX_BOX = 2**30
"""Pixels of the part of a plane in which one outline is filled; more is a broken number."""
MAX_BOX_UNKNOWN = 2**27
"""The same where nobody says how large the plane is: a square of 11,585 pixels."""


def polygons_of(mask: Mask) -> list[list[Ring]]:
    """Return the polygons of a mask: for each part its outer ring, then its holes.

    Parts are connected by edges of pixels (4 neighbours), so that each polygon is valid by OGC Simple Features 6.1.11:
    rings touch in points at most, and the inside is in one piece. Outer rings have a positive area by the shoelace
    formula on (x, y), holes a negative one.
    """
    from scipy.ndimage import find_objects, label  # weight: 0.2 s, and filling needs none of it

    parts = np.empty((mask.height, mask.width), np.int32)
    label(bits_of(mask), output=parts)
    found = enumerate(find_objects(parts), start=1)
    return [_polygon(parts[box] == i, x0=mask.x0 + box[1].start, y0=mask.y0 + box[0].start) for i, box in found]


def _polygon(bits: NDArray[np.bool_], *, x0: int, y0: int) -> list[Ring]:
    rings = sorted(_rings(bits), key=lambda ring: abs(_area(ring)), reverse=True)
    turned = (ring if (_area(ring) > 0) == (i == 0) else ring[::-1] for i, ring in enumerate(rings))
    return [[(x + x0, y + y0) for x, y in ring] for ring in turned]


def _area(ring: Ring) -> float:
    x, y = np.array(ring, dtype=np.int64).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _rings(bits: NDArray[np.bool_]) -> Iterator[Ring]:
    """Yield the simple rings around the set pixels, which are connected by edges: no ring meets itself."""
    corners, beside, above = _linked_corners(bits)
    left = set(range(len(corners)))
    while left:
        loop, at = [], min(left)
        while at in left:  # along a row, then along a column
            loop += [at, beside[at]]
            left -= {at, beside[at]}
            at = above[beside[at]]
        yield from _without_pinches([corners[i] for i in loop])


def _linked_corners(bits: NDArray[np.bool_]) -> tuple[Ring, list[int], list[int]]:
    """Return the corners of the outline, and for each the other end of its edge along the row, and along the column.

    Where two pixels touch in one point there are two corners, one of each pixel.
    """
    padded = np.pad(bits, 1)
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    crossing = (nw == se) & (ne == sw) & (nw != ne)
    y, x = np.nonzero((nw ^ ne ^ sw ^ se) | crossing)
    doubled = crossing[y, x]
    twice = np.repeat(np.arange(len(y)), 1 + doubled)
    second = np.r_[False, twice[1:] == twice[:-1]]
    y, x, falling = y[twice], x[twice], nw[y, x][twice]
    # at a crossing the first corner has the edge to the left: up from it where the pixel lies north-west, else down
    below = np.where(falling, second, ~second) & doubled[twice]
    return list(zip(x.tolist(), y.tolist(), strict=True)), _pairs(y, x, second), _pairs(x, y, below)


def _pairs(line: NDArray[np.intp], along: NDArray[np.intp], last: NDArray[np.bool_]) -> list[int]:
    """Return for each corner the other end of its edge: on a line the 1st goes with the 2nd, the 3rd with the 4th."""
    order = np.lexsort((last, along, line))
    other = np.empty_like(order)
    other[order[0::2]], other[order[1::2]] = order[1::2], order[0::2]
    return other.tolist()


def _without_pinches(loop: Ring) -> Iterator[Ring]:
    """Yield the rings of a loop that may pass a point twice."""
    path: Ring = []
    place: dict[tuple[int, int], int] = {}
    for corner in loop:
        if corner in place:
            yield path[place[corner] :]
            for passed in path[place[corner] :]:
                del place[passed]
            del path[len(place) :]
        place[corner] = len(path)
        path.append(corner)
    yield path


def filled(
    rings: Sequence[NDArray[np.float64]], *, rows: int, columns: int, limit: int = MAX_BOX
) -> tuple[NDArray[np.bool_], int, int]:
    """Return the pixels of a plane whose centre is inside an odd number of rings, and where they begin.

    rings: (n, 2) corners (x, y) in the frame of this module, closed or not, inside of the plane or not. A centre on a
    ring belongs to what lies right of it or below. Returns the bits of a part of the plane, its first row and column.
    Raises ValueError when that part would have more than `limit` pixels, or a corner is no number.
    """
    lines = [np.stack([ring, np.roll(ring, -1, axis=0)], axis=1) for ring in rings if len(ring)]
    if not lines:
        return np.zeros((0, 0), bool), 0, 0
    edges = np.concatenate(lines) - 0.5  # from corners to centres
    if not np.isfinite(edges).all():
        raise ValueError("a corner is no number")
    x0, y0, height, width = _box(edges, rows, columns)
    if height * width > limit:
        raise ValueError(f"an outline spans {height} × {width} pixels, and at most {limit} are allowed")
    flips = np.zeros((height, width + 1), bool)
    for row, x in _crossings(edges, first=y0, last=y0 + height):
        # The bits of the pixels from the crossing on to the right change.
        np.logical_xor.at(flips, (row - y0, np.clip(np.ceil(x), x0, x0 + width).astype(np.intp) - x0), True)
    return np.logical_xor.accumulate(flips, axis=1)[:, :-1], y0, x0


def _box(edges: NDArray[np.float64], rows: int, columns: int) -> tuple[int, int, int, int]:
    corners = edges.reshape(-1, 2)
    x0, y0 = np.clip(np.floor(corners.min(axis=0)), 0, (columns, rows)).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)) + 1, (x0, y0), (max(columns, x0), max(rows, y0))).astype(int).tolist()
    return x0, y0, y1 - y0, x1 - x0


def _crossings(
    edges: NDArray[np.float64], *, first: int, last: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Yield where edges cross rows `first` to `last` (exclusive): the rows, and x there; some edges at a time."""
    upper = np.clip(np.ceil(edges[:, :, 1].min(axis=1)), first, last).astype(np.intp)
    lower = np.clip(np.ceil(edges[:, :, 1].max(axis=1)), first, last).astype(np.intp)
    crossing = np.flatnonzero(lower > upper)
    for some in np.array_split(crossing, 1 + int((lower - upper)[crossing].sum()) // 2**22):
        count = (lower - upper)[some]
        edge = np.repeat(some, count)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + upper[edge]
        (xa, ya), (xb, yb) = edges[edge, 0].T, edges[edge, 1].T
        yield row, xa + (row - ya) * ((xb - xa) / (yb - ya))
