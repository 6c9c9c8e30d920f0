"""Small values for tests, big enough to check by eye."""

import numpy as np

from seg_app.geometry import mask_from_bits
from seg_app.records import ImageId, Mask
from seg_app.sam import Candidate

IMAGE = ImageId("local", "samples/tiny", (3, 64, 96), "uint8")
NASTY = "<img src=x onerror=alert(1)> & <b>pore</b>"
"""A name of a class."""


def square(x0: int = 10, y0: int = 20, size: int = 4, *, z: int = 0, **fields) -> Mask:
    """Return a filled square whose top left pixel is (y0, x0)."""
    mask = mask_from_bits(np.ones((size, size), bool), z=z, y0=y0, x0=x0, **fields)
    assert mask is not None
    return mask


class Nested:
    """A segmenter that sees three squares around the first point: 8, 16 and 24 pixels wide, the second one best."""

    name, input_size = "Nested", 1024

    def embed(self, image):
        """Not needed."""

    def predict(self, image, prompts, *, previous=None):  # noqa: ARG002
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        away = np.maximum(abs(x - prompts.points[0].x + 0.5), abs(y - prompts.points[0].y + 0.5))
        return [Candidate((n - away).astype(np.float32), score) for n, score in ((8, 0.8), (4, 0.7), (12, 0.6))]

    def close(self):
        """Nothing is open."""
