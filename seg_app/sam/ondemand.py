"""A segmenter that is loaded when it is first needed: nobody waits for a model to see an image."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from seg_app.sam.protocol import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from seg_app.records import Prompts
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.protocol import Candidate, Search, Segmenter

NOT_LOADED = "Model not loaded yet"


class OnDemand:
    """Stands for a segmenter until it is there; one that could not be loaded is tried again at the next call."""

    def __init__(self, connect: Callable[[], Segmenter]) -> None:
        """connect: returns the segmenter, or raises SegmenterError, as every method here then does."""
        self._connect = connect
        self._segmenter: Segmenter | None = None
        self._lock = Lock()

    @property
    def name(self) -> str:
        """That of the segmenter, once it is there."""
        return self._segmenter.name if self._segmenter else NOT_LOADED

    @property
    def input_size(self) -> int:
        """That of the segmenter, which is loaded for it."""
        return self._loaded().input_size

    def embed(self, image: NDArray[np.uint8]) -> None:
        """Load the segmenter, and get it ready for a (rows, columns, 3) uint8 image. Raises SegmenterError."""
        self._loaded().embed(image)

    def predict(self, image: NDArray[np.uint8], prompts: Prompts) -> list[Candidate]:
        """Return the candidates of the segmenter, see `Segmenter`. Raises SegmenterError."""
        return self._loaded().predict(image, prompts)

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return the search of the segmenter for all objects, see `Segmenter`. Raises SegmenterError."""
        return self._loaded().automask(image, options)

    def close(self) -> None:
        """Close the segmenter, if it was ever loaded."""
        if self._segmenter:
            self._segmenter.close()

    def _loaded(self) -> Segmenter:
        with self._lock:
            if self._segmenter is None:
                self._segmenter = self._connect()
            return self._segmenter
