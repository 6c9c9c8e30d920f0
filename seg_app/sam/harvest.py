"""All objects of an image without a neural network: the spots of the image are clicked one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seg_app.geometry import contains, mask_from_bits
from seg_app.records import Mask, Point, Prompts
from seg_app.sam.doubles import Doubles
from seg_app.sam.lowres import without_specks
from seg_app.sam.patches import Patch, softened, spread
from seg_app.sam.protocol import AutoMask, AutoProgress, Search
from seg_app.sam.spots import spots

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seg_app.records import Window
    from seg_app.sam.autooptions import AutoOptions

    Read = Callable[[NDArray[np.uint8], Point], list[tuple[Patch, float]]]

SPOTS_PER_STEP = 8
"""A click takes a tenth of a second: progress is told at least this often."""
MARGIN_PX = 8
"""Of a patch, in pixels of its level: room for a smooth edge."""
LARGEST_SHARE = 0.5
"""What covers more of the image is its background."""


def harvest(image: NDArray[np.uint8], area: Window, options: AutoOptions, *, read: Read) -> Search:
    """Yield after each few spots of a part of an image how far the search is, and what it has found.

    image: (rows, columns, 3) uint8. read: returns what a point may mean on a part of it, with predicted IoU.
    """
    part = np.ascontiguousarray(image[area.y0 : area.y1, area.x0 : area.x1])
    points = spots(part)
    basket = _Basket(area, options)
    step = min(options.points_per_batch, SPOTS_PER_STEP)
    for start in range(0, len(points), step):
        for x, y in points[start : start + step].tolist():
            if not basket.holds(x, y):
                basket.add(Point(x, y), read(part, Point(x, y)))
        yield AutoProgress(min(1.0, (start + step) / len(points)), basket.masks())
    if not len(points):
        yield AutoProgress(1.0, ())


@dataclass
class _Basket:
    """What was found on a part of an image; masks are in pixels of the whole image."""

    area: Window
    options: AutoOptions

    def __post_init__(self) -> None:
        self._found: list[Mask] = []
        self._doubles = Doubles[Mask](self.options.box_nms_thresh)

    def holds(self, x: float, y: float) -> bool:
        """Say whether a place of the part is inside of what was found."""
        row, column = round(y) + self.area.y0, round(x) + self.area.x0
        return any(contains(mask, y=row, x=column) for mask in self._found)

    def add(self, point: Point, readings: list[tuple[Patch, float]]) -> None:
        """Keep the best of what a point may mean, if it is good enough."""
        limit = LARGEST_SHARE * np.prod(self.area.shape)
        good = [pair for pair in readings if pair[1] > self.options.pred_iou_thresh and pair[0].area < limit]
        if good and (mask := self._mask(*good[0], point)) is not None:
            self._found.append(mask)
            self._doubles.put(mask, (mask.x0, mask.y0, mask.x1, mask.y1), (-(mask.score or 0.0),))

    def masks(self) -> tuple[AutoMask, ...]:
        """Return what survives among it."""
        return tuple(AutoMask(mask, None) for mask in self._doubles.kept)

    def _mask(self, patch: Patch, score: float, point: Point) -> Mask | None:
        y0, x0, bits = _bits(patch, self.area.shape)
        if self.options.min_mask_region_area and bits.any():
            bits = without_specks(bits, self.options.min_mask_region_area)
        prompts = Prompts((point,)).moved(dx=self.area.x0, dy=self.area.y0)
        return mask_from_bits(bits, y0=y0 + self.area.y0, x0=x0 + self.area.x0, score=score, prompts=prompts)


def _bits(patch: Patch, shape: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]]:
    """Return (y0, x0, bits) of a patch on a window of (rows, columns), with a smooth edge."""
    step = 2**patch.level
    wide = spread(patch, (-(-shape[0] // step), -(-shape[1] // step)), margin=MARGIN_PX)
    y0, x0 = wide.y0 * step, wide.x0 * step
    rows = min(wide.bits.shape[0] * step, shape[0] - y0)
    columns = min(wide.bits.shape[1] * step, shape[1] - x0)
    return y0, x0, softened(replace(wide, y0=0, x0=0), (rows, columns)) > 0
