"""Regions of like grey around a click: floods of growing tolerance, filled, with thin bridges cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from seg_app.sam.patches import Patch, filled, opened, pieces, tight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seg_app.records import Box, Prompts
    from seg_app.sam.landscape import Landscape

VIEW_PX = 224
TOLERANCES = np.geomspace(0.08, 1.2, 8)
"""In contrasts of the window."""
BRIDGES = (0.05, 0.15)
"""Radius of what is cut off, in square roots of the area."""
SMALLEST_PX = 12
LARGEST_SHARE = 0.7


def flood_patches(land: Landscape, prompts: Prompts, seeds: list[tuple[float, float]]) -> list[Patch]:
    """Return the regions around places (x, y): of the whole window, and in fine detail near the first of them."""
    whole = land.level_of(max(land.shape), fits=VIEW_PX)
    views = [_View(land, whole, seeds)]
    if whole:
        views.append(_View(land, 0, seeds))
    return [patch for view in views for patch in view.floods(prompts)]


class _View:
    """A part of a level, of at most VIEW_PX pixels around the first seed where the level is larger."""

    def __init__(self, land: Landscape, level: int, seeds: list[tuple[float, float]]) -> None:
        shape = land.levels[level].shape
        places = [(round(y / 2**level), round(x / 2**level)) for x, y in seeds]
        self.level = level
        self.y0, self.x0 = (
            max(0, min(place - VIEW_PX // 2, size - VIEW_PX)) for place, size in zip(places[0], shape, strict=True)
        )
        self.grey = land.levels[level][self.y0 : self.y0 + VIEW_PX, self.x0 : self.x0 + VIEW_PX]
        self.is_whole = self.grey.shape == shape
        limit = np.subtract(self.grey.shape, 1)
        self.seeds = [(min(max(y - self.y0, 0), limit[0]), min(max(x - self.x0, 0), limit[1])) for y, x in places]
        self.contrast = land.contrast

    def floods(self, prompts: Prompts) -> Iterator[Patch]:
        """Yield the regions of every tolerance, of grey like, above and below that of the seeds."""
        for relief in self._reliefs():
            last = 0
            for tolerance in TOLERANCES * self.contrast:
                bits = self._region(relief <= tolerance, prompts)
                area = np.count_nonzero(bits)
                # hardly larger than at the tolerance before: the same region
                if area >= SMALLEST_PX and area > 1.08 * last and not self._is_cut(bits):
                    last = area
                    yield from self._variants(bits)

    def _reliefs(self) -> Iterator[NDArray[np.float32]]:
        around = ndimage.uniform_filter(self.grey, 3)
        differences = [self.grey - around[seed] for seed in self.seeds]
        for kind in (np.abs, np.negative, np.positive):
            yield np.minimum.reduce([kind(difference) for difference in differences])

    def _region(self, near: NDArray[np.bool_], prompts: Prompts) -> NDArray[np.bool_]:
        if prompts.box is not None:
            near = near & self._in_box(prompts.box)
        labels = pieces(near)
        met = {int(labels[seed]) for seed in self.seeds} - {0}
        return np.isin(labels, list(met))

    def _in_box(self, box: Box) -> NDArray[np.bool_]:
        scale = 2**self.level
        y, x = (np.arange(size) + start for size, start in zip(self.grey.shape, (self.y0, self.x0), strict=True))
        rows = (y * scale >= box.y0) & (y * scale <= box.y1)
        return rows[:, None] & ((x * scale >= box.x0) & (x * scale <= box.x1))

    def _is_cut(self, bits: NDArray[np.bool_]) -> bool:
        """Say whether the region is the background, or leaves a view that is not the whole window."""
        if np.count_nonzero(bits) > LARGEST_SHARE * bits.size:
            return True
        return not self.is_whole and bool(bits[0].any() or bits[-1].any() or bits[:, 0].any() or bits[:, -1].any())

    def _variants(self, bits: NDArray[np.bool_]) -> Iterator[Patch]:
        patch = tight(Patch(self.level, self.y0, self.x0, bits))
        solid = filled(patch.bits)
        yield Patch(self.level, patch.y0, patch.x0, solid)
        index = self.seeds[0][0] + self.y0 - patch.y0, self.seeds[0][1] + self.x0 - patch.x0
        for share in BRIDGES:
            radius = share * np.sqrt(np.count_nonzero(solid))
            if radius >= 1 and (piece := _piece(opened(solid, radius), index)) is not None:
                yield tight(Patch(self.level, patch.y0, patch.x0, piece))


def _piece(bits: NDArray[np.bool_], index: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return the connected piece at an index, None where there is none."""
    if not all(0 <= i < size for i, size in zip(index, bits.shape, strict=True)) or not bits[index]:
        return None
    labels = pieces(bits)
    return labels == labels[index]
