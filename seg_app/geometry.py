"""Mask mathematics: pure functions between bits, run lengths, outlines and label windows."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.records import Mask, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray


def encode_rle(bits: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the column-major run lengths of a (rows, columns) bool array, beginning with the zeros."""
    flat = np.asarray(bits, dtype=bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    starts_with_one = flat.size > 0 and bool(flat[0])
    bounds = np.concatenate(([0, 0] if starts_with_one else [0], edges, [flat.size]))
    return tuple(np.diff(bounds).tolist())


def decode_rle(counts: tuple[int, ...], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (rows, columns) bool array of column-major run lengths.

    Raises ValueError when the runs do not fill the shape.
    """
    if sum(counts) != shape[0] * shape[1]:
        raise ValueError(f"Run lengths cover {sum(counts)} pixels, the box has {shape[0]} × {shape[1]}.")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, np.array(counts, dtype=np.int64)).reshape(shape, order="F")


def mask_from_bits(bits: NDArray[np.bool_], *, z: int = 0, y0: int = 0, x0: int = 0, **fields: Any) -> Mask | None:
    """Return the mask of a (rows, columns) bool array whose top left pixel is (y0, x0) of plane z.

    The box is drawn tight around the object. `fields` are further fields of `Mask`.
    Returns None when no bit is set.
    """
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    if not rows.size:
        return None
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    counts = encode_rle(bits[top:bottom, left:right])
    fields.setdefault("id", uuid.uuid4().hex)
    return Mask(z=z, y0=y0 + top, x0=x0 + left, height=bottom - top, width=right - left, counts=counts, **fields)


def bits_of(mask: Mask) -> NDArray[np.bool_]:
    """Return the (height, width) bool array of the mask's bounding box; read-only."""
    return _decoded.bits(mask)


class BitsCache:
    """The bits of the masks that were asked for last, bounded in bytes: a tomogram has thousands of large ones.

    May be used by several threads.
    """

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._bits: OrderedDict[tuple[tuple[int, ...], int, int], NDArray[np.bool_]] = OrderedDict()
        self._lock = threading.Lock()

    def bits(self, mask: Mask) -> NDArray[np.bool_]:
        """Return the (height, width) bool array of the mask's bounding box; read-only."""
        key = mask.counts, mask.height, mask.width
        with self._lock:
            if key in self._bits:
                self._bits.move_to_end(key)
                return self._bits[key]
        bits = decode_rle(mask.counts, (mask.height, mask.width))
        bits.flags.writeable = False
        self._keep(key, bits)
        return bits

    def _keep(self, key: tuple[tuple[int, ...], int, int], bits: NDArray[np.bool_]) -> None:
        with self._lock:
            if key not in self._bits:
                self._bits[key] = bits
                self.nbytes += bits.nbytes
            while self.nbytes > self.max_bytes:
                self.nbytes -= self._bits.popitem(last=False)[1].nbytes


_decoded = BitsCache(max_bytes=2**28)


def contains(mask: Mask, *, y: int, x: int) -> bool:
    """Say whether pixel (y, x) belongs to the mask."""
    if not (mask.y0 <= y < mask.y1 and mask.x0 <= x < mask.x1):
        return False
    return bool(bits_of(mask)[y - mask.y0, x - mask.x0])


def paste(mask: Mask, window: Window) -> NDArray[np.bool_]:
    """Return the mask on all pixels of a window; one of level n takes the bit of the pixel at its centre."""
    f, half = window.factor, window.factor // 2
    rows, columns = np.arange(window.y0, window.y1) * f + half, np.arange(window.x0, window.x1) * f + half
    return label_grid([mask], rows, columns) > 0


def overlap(a: Mask, b: Mask) -> int:
    """Return how many pixels two masks share; none when they are on different planes."""
    top, left = max(a.y0, b.y0), max(a.x0, b.x0)
    bottom, right = min(a.y1, b.y1), min(a.x1, b.x1)
    if a.z != b.z or top >= bottom or left >= right:
        return 0
    window = Window(0, top, left, bottom, right)
    return int(np.count_nonzero(paste(a, window) & paste(b, window)))


def iou(a: Mask, b: Mask) -> float:
    """Return intersection over union of two masks of one plane, 0 to 1 (Jaccard index)."""
    common = overlap(a, b)
    return common / (a.area + b.area - common) if common else 0.0


class Neighbourhood:
    """Many masks, of which those are found at once whose boxes meet the box of one: to compare all pairs takes long."""

    def __init__(self, masks: Sequence[Mask]):
        self._masks = masks
        boxes = np.array([(m.z, m.y0, m.y1, m.x0, m.x1) for m in masks], dtype=np.int64).reshape(-1, 5)
        self._z, self._y0, self._y1, self._x0, self._x1 = np.ascontiguousarray(boxes.T)

    def indices(self, mask: Mask) -> NDArray[np.intp]:
        """Return which masks lie on the plane of this one with a box that shares a pixel with its box, rising."""
        beside = (self._y0 < mask.y1) & (self._y1 > mask.y0) & (self._x0 < mask.x1) & (self._x1 > mask.x0)
        return np.flatnonzero(beside & (self._z == mask.z))

    def of(self, mask: Mask) -> list[Mask]:
        """Return these masks; no other one overlaps it."""
        return [self._masks[i] for i in self.indices(mask)]


def distinct(masks: Sequence[Mask], *, alike: float = 0.9) -> list[Mask]:
    """Return the masks without those that an earlier one overlaps by more than `alike` (intersection over union)."""
    near, is_kept = Neighbourhood(masks), np.zeros(len(masks), bool)
    for i, mask in enumerate(masks):
        others = near.indices(mask)
        is_kept[i] = all(iou(mask, masks[other]) <= alike for other in others[is_kept[others]])
    return [mask for mask, kept in zip(masks, is_kept, strict=True) if kept]


def outline(mask: Mask, *, tolerance: float = 0.0) -> list[NDArray[np.float64]]:
    """Return the closed outlines of a mask, outer ones and holes, each as (n, 2) points (x, y) in pixels.

    They run half way between pixels inside and outside (marching squares), and are thinned so that no
    point moves by more than `tolerance` pixels (Douglas-Peucker). A ring of which less than a triangle would
    be left stays as it is, so that small objects do not vanish.
    """
    from skimage.measure import approximate_polygon, find_contours  # weight: scipy, 0.3 s

    padded = np.pad(bits_of(mask), 1)
    rings = find_contours(padded.astype(np.float32), 0.5)
    thinned = [approximate_polygon(ring, tolerance) for ring in rings]
    kept = [thin if len(thin) > 3 else ring for thin, ring in zip(thinned, rings, strict=True)]
    offset = np.array([mask.x0 - 1, mask.y0 - 1])
    return [ring[:, ::-1] + offset for ring in kept]


def load_outlining() -> None:
    """Import what `outline` needs: that takes half a second, for which no click should wait."""
    from skimage.measure import approximate_polygon, find_contours  # noqa: F401


def label_grid(masks: Sequence[Mask], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return labels on a grid of rows × columns, which are indices of the full-resolution plane in rising order.

    0 is background, i + 1 the mask masks[i]. Where masks overlap the smaller one is on top, so that each can be seen.
    """
    out = np.zeros((len(rows), len(columns)), dtype=np.int32)
    for value in sorted(range(len(masks)), key=lambda i: -masks[i].area):
        mask = masks[value]
        top, bottom = np.searchsorted(rows, (mask.y0, mask.y1))
        left, right = np.searchsorted(columns, (mask.x0, mask.x1))
        if top < bottom and left < right:
            bits = bits_of(mask)[rows[top:bottom, None] - mask.y0, columns[left:right] - mask.x0]
            out[top:bottom, left:right][bits] = value + 1
    return out
