"""What a segmenter promises: an image and prompts in, candidate masks out. The only name that others type against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seg_app.records import Prompts


@dataclass(frozen=True)
class Candidate:
    """One answer to prompts."""

    logits: NDArray[np.float32]
    """(rows, columns) of the image that was asked about; above 0 is inside the object."""
    score: float
    """The IoU with the true object that the segmenter predicts, 0 to 1."""


class Segmenter(Protocol):
    """Outline what prompts point at. Blocking, and safe to call from several threads."""

    @property
    def name(self) -> str:
        """What the page shows, e.g. 'SAM 2.1 micro (bundled) · cpu' or 'Classical · no weights'."""
        ...

    @property
    def input_size(self) -> int:
        """Edge in pixels of the square image that suits the segmenter best; larger ones are shrunk to it."""
        ...

    def embed(self, image: NDArray[np.uint8], *, client: str = "") -> None:
        """Get ready to answer prompts on a (rows, columns, 3) uint8 image, so that `predict` is fast.

        Optional: `predict` does it where it was not done, and goes before it. client: who asks, by any name; what the
        same one asked to embed before and nobody has begun is given up. Raises SegmenterError.
        """
        ...

    def predict(self, image: NDArray[np.uint8], prompts: Prompts) -> list[Candidate]:
        """Return candidates for the object that the prompts mean, best score first.

        image: (rows, columns, 3) uint8. prompts: points and box in pixels of the image, the centre of the top
        left pixel at (0, 0). A single point is ambiguous and gives up to three candidates.
        Raises SegmenterError when there is no including prompt or the model fails.
        """
        ...

    def close(self) -> None:
        """Give back memory, threads and connections."""
        ...
