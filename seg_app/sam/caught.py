"""One answer to a point that is good enough to be an object, not drawn yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seg_app.geometry import mask_from_bits
from seg_app.records import Point, Prompts
from seg_app.sam.lowres import without_specks
from seg_app.sam.protocol import AutoMask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.crops import Crop
    from seg_app.sam.outline import Outline


@dataclass(eq=False, frozen=True)
class Caught:
    """An object as one crop of the image shows it."""

    crop: Crop
    score: float
    stability: float
    point: tuple[float, float]
    """The point x, y that it answers, in pixels of the image."""
    box: tuple[float, float, float, float]
    """First and last column and row (x0, y0, x1, y1) in pixels of the image."""
    outline: Outline
    """On the window of the crop."""
    arrival: int
    """How many came before it."""

    @property
    def rank(self) -> tuple[float, ...]:
        """What is smaller for the better of two: that of the smaller crop, then that of the higher score."""
        return self.crop.area, self.crop.group, -self.score, self.arrival

    def logits_at(self, rows: NDArray[np.float64], columns: NDArray[np.float64], *, outside: float) -> NDArray:
        """Return the logits (rows, columns) at places of the image; `outside` where the outline does not reach."""
        window = self.crop.window
        return self.outline.at(rows - window.y0, columns - window.x0, window.shape, outside=outside)

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which of (n, 2) points x, y of the image are inside, as far as the model's grid shows it."""
        window = self.crop.window
        return self.outline.holds(points - np.array([window.x0, window.y0]), window.shape)

    def drawn(self, *, smallest: int) -> AutoMask | None:
        """Return the mask on the image, None where it has no pixel.

        smallest: pixels; holes and islands that are smaller go.
        """
        window = self.crop.window
        y0, x0, bits = self.outline.bits(window.shape)
        if smallest and bits.any():
            bits = without_specks(bits, smallest)
        prompts = Prompts((Point(*self.point),))
        mask = mask_from_bits(bits, y0=y0 + window.y0, x0=x0 + window.x0, score=self.score, prompts=prompts)
        return mask and AutoMask(mask, self.stability)
