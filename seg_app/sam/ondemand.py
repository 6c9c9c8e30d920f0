"""A segmenter that is loaded when it is first needed: nobody waits for a model to see an image."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from seg_app.errors import SegmenterError
from seg_app.sam.followed import can_follow, follower
from seg_app.sam.protocol import EVERYTHING, Distant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from seg_app.records import Point, Prompts
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.followed import Planes, Propagation
    from seg_app.sam.protocol import Candidate, Search, Segmenter, Trace

log = logging.getLogger(__name__)

NOT_LOADED, FAILED = "Loading the model …", "No model"


class OnDemand:
    """Stands for a segmenter until it is there; one that could not be loaded is tried again at the next call."""

    def __init__(self, connect: Callable[[], Segmenter]) -> None:
        """connect: returns the segmenter, or raises SegmenterError, as every method here then does."""
        self._connect = connect
        self._segmenter: Segmenter | None = None
        self._is_failed = False
        self._lock = Lock()

    @property
    def name(self) -> str:
        """That of the segmenter once it is there; until then, how far it is."""
        return self._segmenter.name if self._segmenter else FAILED if self._is_failed else NOT_LOADED

    @property
    def input_size(self) -> int:
        """That of the segmenter, which is loaded for it."""
        return self._loaded().input_size

    def embed(self, image: NDArray[np.uint8], *, client: str = "") -> None:
        """Load the segmenter, and get it ready for a (rows, columns, 3) uint8 image. Raises SegmenterError."""
        self._loaded().embed(image, client=client)

    def predict(
        self,
        image: NDArray[np.uint8],
        prompts: Prompts,
        *,
        previous: Trace | None = None,
        mask: NDArray[np.floating] | None = None,
    ) -> list[Candidate]:
        """Return the candidates of the segmenter, see `Segmenter`. Raises SegmenterError."""
        return self._loaded().predict(image, prompts, previous=previous, mask=mask)

    def preview(self, image: NDArray[np.uint8], point: Point, *, client: str = "") -> list[Candidate]:
        """Return the preview of the segmenter, see `Segmenter`; [] before it is loaded. Raises SegmenterError."""
        return self._segmenter.preview(image, point, client=client) if self._segmenter else []

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return the search of the segmenter for all objects, see `Segmenter`. Raises SegmenterError."""
        return self._loaded().automask(image, options)

    @property
    def can_follow(self) -> bool:
        """Whether the segmenter follows objects; before it is loaded nobody knows, and it may be asked."""
        return self._segmenter is None or can_follow(self._segmenter)

    def propagate(self, planes: Planes, start: int, masks: Mapping[int, NDArray[np.bool_]]) -> Propagation:
        """Return what becomes of objects on other planes, see `Follower`. Raises SegmenterError."""
        return follower(self._loaded()).propagate(planes, start, masks)

    def is_there(self) -> bool:
        """Say whether the segmenter answers now, see `Distant`; one that is not loaded yet is tried."""
        try:
            segmenter = self._loaded()
        except SegmenterError:
            return False
        return segmenter.is_there() if isinstance(segmenter, Distant) else True

    def close(self) -> None:
        """Close the segmenter, if it was ever loaded."""
        if self._segmenter:
            self._segmenter.close()

    def _loaded(self) -> Segmenter:
        with self._lock:
            if self._segmenter is None:
                self._segmenter = self._tried()
            return self._segmenter

    def _tried(self) -> Segmenter:
        try:
            return self._connect()
        except SegmenterError as error:
            if not self._is_failed:
                log.warning("%s", error)  # also for those who run the server
            self._is_failed = True
            raise


def get_ready(segmenter: Segmenter) -> None:
    """Let a segmenter load what is slow to load, so that the first click need not wait. Raises SegmenterError."""
    segmenter.embed(np.zeros((64, 64, 3), np.uint8))
