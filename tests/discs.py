"""Bright discs on a dark plane, and a segmenter that outlines them."""

import numpy as np
from scipy.ndimage import label
from skimage.draw import disk

from seg_app.geometry import bits_of
from seg_app.sam import Candidate

DISCS = ((60, 50, 20), (150, 140, 30))
"""(x, y, radius), the same on all three planes."""


class Brightness:
    """Outlines the bright connected regions that are included, without those that are excluded."""

    name = "Brightness"

    def __init__(self, input_size=1024):
        self.input_size = input_size
        self.images, self.embedded, self.corrected = [], [], []
        self.meanwhile = lambda: None
        """Called while an answer is on its way."""

    def embed(self, image, *, client=""):
        self.embedded.append((image, client))

    def predict(self, image, prompts, *, previous=None):
        self.images.append(image)
        self.corrected.append(previous)
        self.meanwhile()
        regions, _ = label(image[..., 0] > 127)
        inside = np.zeros(regions.shape, bool)
        for point in sorted(prompts.points, key=lambda point: not point.include):
            region = regions[round(point.y), round(point.x)]
            inside[(regions == region) & (region > 0)] = point.include
        return [Candidate(np.where(inside, 1, -1).astype(np.float32), 0.9, f"{len(prompts.points)} points")]

    def close(self):
        """Nothing is open."""


def discs(*where, shape=(200, 240), dtype=np.uint8, dark=20, bright=220):
    plane = np.full(shape, dark, dtype)
    for x, y, radius in where:
        plane[disk((y, x), radius, shape=shape)] = bright
    return plane


def is_disc(mask, x, y, radius, *, shape=(200, 240)):
    """Say whether a mask is exactly one disc."""
    found = np.zeros(shape, bool)
    found[mask.y0 : mask.y1, mask.x0 : mask.x1] = bits_of(mask)
    return np.array_equal(found, discs((x, y, radius), shape=shape) > 127)
