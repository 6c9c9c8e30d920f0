"""Small values for tests, big enough to check by eye."""

import numpy as np

from seg_app.geometry import mask_from_bits
from seg_app.records import ImageId, Mask

IMAGE = ImageId("local", "samples/tiny", (3, 64, 96), "uint8")


def square(x0: int = 10, y0: int = 20, size: int = 4, *, z: int = 0, **fields) -> Mask:
    """Return a filled square whose top left pixel is (y0, x0)."""
    mask = mask_from_bits(np.ones((size, size), bool), z=z, y0=y0, x0=x0, **fields)
    assert mask is not None
    return mask
