"""What propagation through planes promises: masks of one plane in, what became of them on the others out."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from seg_app.errors import SegmenterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seg_app.sam.protocol import Segmenter


@dataclass(frozen=True)
class Followed:
    """What was found of one object on one plane."""

    logits: NDArray[np.float32]
    """(rows, columns) of the plane; above 0 is inside the object."""
    score: float
    """The IoU with the true object that the model predicts, 0 to 1."""
    presence: float
    """The logit of the model that the object is on this plane; above 0 it rather is."""


@dataclass(frozen=True)
class OnPlane:
    """What was found on one plane: objects that have ended are missing."""

    plane: int
    objects: Mapping[int, Followed]
    """By the numbers that the objects were given under."""


class Planes(Protocol):
    """Images of one shape, each read when it is asked for; a list or a stack is one, too."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, z: int, /) -> NDArray[np.uint8]:
        """Return plane z: (rows, columns, 3) uint8. Raises UnreadableError where it is damaged."""
        ...


Propagation: TypeAlias = Generator[OnPlane, None, None]
"""The planes after the prompted one, then those before it, each nearest first; `close()` ends it."""


@runtime_checkable
class Follower(Protocol):
    """A segmenter that carries objects through planes. Blocking, and safe to call from several threads."""

    @property
    def input_size(self) -> int:
        """See `Segmenter`."""
        ...

    def propagate(self, planes: Planes, start: int, masks: Mapping[int, NDArray[np.bool_]]) -> Propagation:
        """Return what becomes of objects before and after the plane that they are given on.

        planes: those behind the end of all objects are never asked for, and damaged ones are passed over: objects go on
        on the next. start: the number of the plane on which the
        objects are given. masks: their (rows, columns) bool pixels there, by object number.
        Nothing is done before the first step is asked for, and closing the iterator ends it. It takes turns with
        clicks. Raises SegmenterError, at once when the masks make no sense; UnreadableError where `start` is damaged.
        """
        ...


@runtime_checkable
class StandIn(Protocol):
    """A segmenter that stands for another one, which may or may not follow objects."""

    @property
    def can_follow(self) -> bool:
        """Whether the other one can, as far as is known."""
        ...


def can_follow(segmenter: Segmenter) -> bool:
    """Say whether a segmenter follows objects, as far as is known: one that is not there yet may."""
    return segmenter.can_follow if isinstance(segmenter, StandIn) else isinstance(segmenter, Follower)


def follower(segmenter: Segmenter) -> Follower:
    """Return a segmenter as one that follows objects. Raises SegmenterError when it cannot."""
    if not (isinstance(segmenter, Follower) and can_follow(segmenter)):
        raise SegmenterError(refusal(segmenter))
    return segmenter


def refusal(segmenter: Segmenter) -> str:
    """Return in words that a segmenter cannot follow objects, and the way out."""
    return f"'{segmenter.name}' cannot follow objects through planes. Choose a SAM 2.1 model."
