"""The middles of the spots of like grey in an image, small and large: where objects may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_multiotsu
from skimage.morphology import reconstruction

from seg_app.sam.patches import depth, pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORKING_EDGE = 1024
"""Larger images are halved until they are at most this large: finer spots are not looked for."""
SMOOTHING = 1.5
"""Standard deviation in pixels at which noise is gone and touching objects are still apart."""
CLASSES = 3
"""Dark, grey and bright."""
SHALLOWEST_PX = 3.0
NECK = 0.85
"""Two spots are one where the way from one to the other is at least this deep, as a part of the shallower."""


def spots(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the middles (n, 2) as x, y of the spots of a (rows, columns, 3) image, the deepest first.

    Grey values are divided into classes (Otsu 1979, for several thresholds); a spot is a place of a class that is
    further from its edge than all places around.
    """
    step = 2 ** max(0, int(np.ceil(np.log2(max(image.shape[:2]) / WORKING_EDGE))))
    grey = ndimage.gaussian_filter(_shrunk(image.mean(axis=2, dtype=np.float32), step), SMOOTHING)
    if np.ptp(grey) < 1:
        return np.empty((0, 2))
    classes = np.digitize(grey, threshold_multiotsu(grey, CLASSES))
    found = np.concatenate([_middles(classes == i) for i in range(CLASSES)])
    deepest_first = found[np.argsort(-found[:, 2], kind="stable"), :2]
    middle = (step - 1) / 2
    return (deepest_first * step + middle).clip(0, np.subtract(image.shape[1::-1], 1))


def _middles(bits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (n, 3) x, y and depth of the middles of the parts of an area."""
    deep = np.log(np.maximum(depth(np.pad(bits, 1))[1:-1, 1:-1], 1.0))
    # what a part rises above the necks that lead to others is the same share for small and large ones
    labels = pieces(_regional_maxima(deep, -np.log(NECK)) & (deep > np.log(SHALLOWEST_PX)))
    tops = ndimage.maximum_position(deep, labels, range(1, int(labels.max()) + 1))
    return np.array([(x, y, deep[y, x]) for y, x in tops]).reshape(-1, 3)


def _regional_maxima(values: NDArray[np.float64], rise: float) -> NDArray[np.bool_]:
    flooded = reconstruction(values - rise, values)
    lowered = reconstruction(flooded - 1e-6, flooded)
    return flooded - lowered > 5e-7


def _shrunk(grey: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return the means of squares of pixels; the last ones are repeated where they do not fill a square."""
    rows, columns = (-n % step for n in grey.shape)
    grey = np.pad(grey, ((0, rows), (0, columns)), mode="edge")
    return grey.reshape(grey.shape[0] // step, step, grey.shape[1] // step, step).mean(axis=(1, 3))
