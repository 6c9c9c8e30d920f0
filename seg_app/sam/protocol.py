"""What a segmenter promises: an image and prompts in, candidate masks out. The only name that others type against."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.outline import Outline, enlarged, outline_on, places

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seg_app.records import Mask, Point, Prompts

EVERYTHING = AutoOptions()
"""Search the whole image with the parameters that the package has by default."""


Trace: TypeAlias = "NDArray[np.float32] | str"
"""What a segmenter wants to see again of an answer; only the one that gave it can read it."""


@dataclass(frozen=True)
class Candidate:
    """One answer to prompts."""

    grid: NDArray[np.float32]
    """Logits (rows, columns) on any grid that lies over the whole image that was asked about; above 0 is inside."""
    score: float
    """The IoU with the true object that the segmenter predicts, 0 to 1."""
    trace: Trace | None = None
    """To be given back as `previous` with the next prompts for the same object; None where it would change nothing."""
    over: tuple[int, int] | None = None
    """(rows, columns) of the image, where the grid has not just a point for each of its pixels."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the image."""
        return self.over or (self.grid.shape[0], self.grid.shape[1])

    @cached_property
    def outline(self) -> Outline:
        """The object on the pixels of the image: only what is inside is enlarged, and once it is asked for."""
        return outline_on(self.grid, self.shape)

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """(rows, columns) of the image: the grid, enlarged (bilinear). Above 0 is inside the object."""
        if not self.over:
            return self.grid
        y, x = (places(length, grid) for length, grid in zip(self.shape, self.grid.shape, strict=True))
        return enlarged(self.grid, y, x)


@dataclass(frozen=True)
class AutoMask:
    """One object that was found without being pointed at."""

    mask: Mask
    """Its `score` is the predicted IoU, its `prompts` the point that it answers."""
    stability: float | None
    """The IoU of the masks at two thresholds, 0 to 1; None where the segmenter does not measure it."""


@dataclass(frozen=True)
class AutoProgress:
    """How far the search for all objects is, and what it has found."""

    done: float
    """0 to 1; 1 is the last one, and then `masks` are the result."""
    masks: tuple[AutoMask, ...]
    """All that survive so far. A better double that is found later may take the place of one of them."""


Search = Generator[AutoProgress, None, None]
"""The steps of a search for all objects; `close()` ends it."""


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

    def predict(
        self,
        image: NDArray[np.uint8],
        prompts: Prompts,
        *,
        previous: Trace | None = None,
        mask: NDArray[np.floating] | None = None,
    ) -> list[Candidate]:
        """Return candidates for the object that the prompts mean, best score first.

        image: (rows, columns, 3) uint8. prompts: points and box in pixels of the image, the centre of the top
        left pixel at (0, 0). A single point is ambiguous and gives up to three candidates.
        previous: the `trace` of the answer on this image that the last of the prompts corrects; a segmenter that does
        not know it (any more) answers the prompts alone.
        mask: a rough outline of the object as a further prompt, which may be the only one: logits (rows, columns)
        float on any grid that lies over the whole image, above 0 inside, e.g. those of a candidate, or
        `np.where(bits, 8.0, -8.0)`. It takes the place of `previous`.
        Raises SegmenterError when there is no including prompt or the model fails.
        """
        ...

    def preview(self, image: NDArray[np.uint8], point: Point, *, client: str = "") -> list[Candidate]:
        """Return what `predict` would for an including point that nobody has clicked; [] where that takes long.

        It goes after all clicks, and asks for nothing heavy: an image is embedded for it only where that is quick.
        client: who asks, by any name; what the same one asked to preview before and nobody has begun is given up: [].
        Raises SegmenterError.
        """
        ...

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return a search for all objects of a (rows, columns, 3) uint8 image, a step for each batch of points.

        Nothing is searched before the first step is asked for, and closing the iterator ends the search. It takes
        turns with `predict`. Raises SegmenterError, at once when the image or the options make no sense.
        """
        ...

    def close(self) -> None:
        """Give back memory, threads and connections."""
        ...


@runtime_checkable
class Distant(Protocol):
    """A segmenter that runs elsewhere, and may go away and come back."""

    def is_there(self) -> bool:
        """Say whether it answers now, within a few seconds."""
        ...


@dataclass(frozen=True)
class Load:
    """What a segmenter holds and has to do."""

    waiting: tuple[str, ...]
    """What waits for the device, the next one first."""
    embedding_bytes: int
    """Kept in the memory of the device."""
    device_bytes: int | None
    """All that is allocated on the device; None where nobody counts it."""
    computes: tuple[str, ...] = ()
    """How, and why not faster where that was to be expected, in words."""


@runtime_checkable
class Busy(Protocol):
    """A segmenter that can say what it has to do."""

    @property
    def load(self) -> Load:
        """What it holds and has to do just now."""
        ...
