"""A candidate object as bits on a level of the landscape, and what can be done to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from seg_app.sam.outline import enlarged, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFT_EDGE = 1.5
"""Standard deviation of the blur that makes bits a smooth value, in pixels of their level."""


@dataclass(frozen=True)
class Patch:
    """Bits whose top left one is pixel (y0, x0) of a level."""

    level: int
    y0: int
    x0: int
    bits: NDArray[np.bool_]
    search: tuple[int, int] | None = None
    """The kind of edge (see `contours.KINDS`) and the round of the search that found its outline, if one did."""

    @property
    def area(self) -> int:
        """Pixels of the window that the object covers."""
        return int(np.count_nonzero(self.bits)) * 4**self.level

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Its rectangle (y0, x0, y1, x1) in pixels of the window."""
        rows, columns = self.bits.shape
        scale = 2**self.level
        return self.y0 * scale, self.x0 * scale, (self.y0 + rows) * scale, (self.x0 + columns) * scale

    def locate(self, y: float, x: float) -> tuple[int, int] | None:
        """Return the index into `bits` of the place (y, x) of the window, None outside of the rectangle."""
        row, column = round(y / 2**self.level) - self.y0, round(x / 2**self.level) - self.x0
        return (row, column) if 0 <= row < self.bits.shape[0] and 0 <= column < self.bits.shape[1] else None

    def holds(self, y: float, x: float) -> bool:
        """Say whether the place (y, x) of the window is inside the object."""
        index = self.locate(y, x)
        return index is not None and bool(self.bits[index])


def patch_of(logits: NDArray[np.floating], shape: tuple[int, int]) -> Patch:
    """Return what is above 0 of logits that lie over a window of (rows, columns); never nothing.

    At least one of the logits must be above 0.
    """
    y, x = (places(length, grid) for length, grid in zip(shape, logits.shape, strict=True))
    bits = enlarged(logits.astype(np.float32), y, x) > 0
    if not bits.any():  # what falls between the pixels of a small window
        row, column = np.unravel_index(logits.argmax(), logits.shape)
        bits[np.abs(y - row).argmin(), np.abs(x - column).argmin()] = True
    return tight(Patch(0, 0, 0, bits))


def deepest(patch: Patch) -> tuple[float, float]:
    """Return the place (x, y) of the window that is farthest from the edge of an object."""
    deep = depth(np.pad(patch.bits, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(deep.argmax(), deep.shape)
    return float(patch.x0 + column) * 2**patch.level, float(patch.y0 + row) * 2**patch.level


def tight(patch: Patch) -> Patch:
    """Return the patch with its rectangle drawn around the object, of which there must be one pixel."""
    rows, columns = np.flatnonzero(patch.bits.any(axis=1)), np.flatnonzero(patch.bits.any(axis=0))
    bits = patch.bits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return replace(patch, y0=patch.y0 + int(rows[0]), x0=patch.x0 + int(columns[0]), bits=bits)


def spread(patch: Patch, shape: tuple[int, int], *, margin: int) -> Patch:
    """Return the patch with `margin` more pixels around it, as far as its level of this shape goes."""
    bottom, right = patch.y0 + patch.bits.shape[0], patch.x0 + patch.bits.shape[1]
    above, left = min(margin, patch.y0), min(margin, patch.x0)
    below, beyond = min(margin, shape[0] - bottom), min(margin, shape[1] - right)
    bits = np.pad(patch.bits, ((above, below), (left, beyond)))
    return replace(patch, y0=patch.y0 - above, x0=patch.x0 - left, bits=bits)


def pieces(bits: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the number of the connected piece of each pixel, 0 where no bit is set."""
    labels = np.empty(bits.shape, dtype=np.int32)
    ndimage.label(bits, output=labels)
    return labels


def depth(bits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance of each set pixel to the nearest that is not set, in pixels; the frame does not count."""
    return np.asarray(ndimage.distance_transform_edt(bits))


def filled(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the bits without holes."""
    # four times faster than scipy's binary_fill_holes, which grows from the border step by step
    labels = pieces(np.pad(~bits, 1, constant_values=True))
    return labels[1:-1, 1:-1] != labels[0, 0]


def opened(bits: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Return the bits without what a disc of `radius` pixels does not fit into."""
    core = depth(np.pad(bits, 1))[1:-1, 1:-1] > radius
    return depth(~core) <= radius if core.any() else core


def overlap(a: Patch, b: Patch) -> float:
    """Return the IoU of two patches, 0 to 1, counted on the coarser of their levels."""
    level = max(a.level, b.level)
    a, b = _coarser(a, level), _coarser(b, level)
    top, left = max(a.y0, b.y0), max(a.x0, b.x0)
    bottom, right = (min(p.y0 + p.bits.shape[0] for p in (a, b)), min(p.x0 + p.bits.shape[1] for p in (a, b)))
    if bottom <= top or right <= left:
        return 0.0
    parts = [p.bits[top - p.y0 : bottom - p.y0, left - p.x0 : right - p.x0] for p in (a, b)]
    common = np.count_nonzero(parts[0] & parts[1])
    either = np.count_nonzero(a.bits) + np.count_nonzero(b.bits) - common
    return common / either if either else 0.0


def union(a: Patch, b: Patch) -> Patch:
    """Return what either patch covers, on the coarser of their levels."""
    level = max(a.level, b.level)
    a, b = _coarser(a, level), _coarser(b, level)
    y0, x0 = min(a.y0, b.y0), min(a.x0, b.x0)
    ends = [(p.y0 - y0 + p.bits.shape[0], p.x0 - x0 + p.bits.shape[1]) for p in (a, b)]
    bits = np.zeros(np.max(ends, axis=0), dtype=bool)
    for p in (a, b):
        bits[p.y0 - y0 :, p.x0 - x0 :][: p.bits.shape[0], : p.bits.shape[1]] |= p.bits
    return Patch(level, y0, x0, bits)


def _coarser(patch: Patch, level: int) -> Patch:
    step = 2 ** (level - patch.level)
    y0, x0 = -(-patch.y0 // step), -(-patch.x0 // step)
    bits = patch.bits[y0 * step - patch.y0 :: step, x0 * step - patch.x0 :: step]
    return replace(patch, level=level, y0=y0, x0=x0, bits=bits)


def softened(patch: Patch, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return (rows, columns) float32 values of a window: 4 deep inside, -4 far outside, 0 on the edge.

    Near the edge they follow the signed distance to it, so that they keep a smooth edge when enlarged.
    """
    out = np.full(shape, -4.0, dtype=np.float32)
    step = 2**patch.level
    wide = spread(patch, (-(-shape[0] // step), -(-shape[1] // step)), margin=8)
    # "nearest": an object that meets the edge of the window goes on beyond it
    soft = ndimage.gaussian_filter(wide.bits.astype(np.float32), SOFT_EDGE, mode="nearest")
    target = out[wide.y0 * step :, wide.x0 * step :][: wide.bits.shape[0] * step, : wide.bits.shape[1] * step]
    target[...] = 8 * _enlarged(_enlarged(soft, step, target.shape[0]).T, step, target.shape[1]).T - 4
    return out


def _enlarged(values: NDArray[np.floating], step: int, size: int) -> NDArray[np.floating]:
    """Return `size` rows, interpolated linearly: row i lies at i / step."""
    place = np.minimum(np.arange(size) / step, len(values) - 1)
    low = place.astype(int)
    share = (place - low).astype(np.float32)[:, None]
    return values[low] * (1 - share) + values[np.minimum(low + 1, len(values) - 1)] * share
