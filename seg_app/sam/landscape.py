"""A window made ready for clicks: smoothed, in halving sizes, with its contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LEVEL = 5
SMALLEST_EDGE = 24


@dataclass(frozen=True)
class Landscape:
    """The grey values of a window: pixel (y, x) of level n lies at (y, x) · 2**n of the window."""

    levels: tuple[NDArray[np.float32], ...]
    contrast: float
    """Half of the range of the grey values, in grey values; never below 4, so that noise stays noise."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        rows, columns = self.levels[0].shape
        return rows, columns

    def level_of(self, size_px: float, *, fits: float) -> int:
        """Return the finest level on which `size_px` pixels of the window take at most `fits` pixels."""
        wanted = int(np.ceil(np.log2(max(size_px / fits, 1.0))))
        return min(wanted, len(self.levels) - 1)

    def sample(self, y: NDArray[np.float64], x: NDArray[np.float64], *, level: int) -> NDArray[np.float32]:
        """Return the grey values of a level at places (y, x) in pixels of the window; linear in between."""
        places = np.stack([y, x]) / 2**level
        grey = ndimage.map_coordinates(self.levels[level], places, order=1, mode="nearest", prefilter=False)
        return np.asarray(grey, dtype=np.float32)


def survey(image: NDArray[np.uint8]) -> Landscape:
    """Return the landscape of a (rows, columns, 3) uint8 window."""
    levels = [_smoothed(image.mean(axis=2, dtype=np.float32), 1.0)]
    while min(levels[-1].shape) > SMALLEST_EDGE and len(levels) < MAX_LEVEL:
        # a Gaussian of 1.2 pixels leaves little that the halved grid could not hold
        levels.append(_smoothed(levels[-1], 1.2)[::2, ::2])
    # a quarter of the size has the pixels averaged enough for the noise not to count as contrast
    low, high = np.percentile(levels[min(2, len(levels) - 1)], [3, 97])
    return Landscape(tuple(levels), max(4.0, float(high - low) / 2))


def _smoothed(grey: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(grey, width), dtype=np.float32)
