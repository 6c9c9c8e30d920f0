"""Work that finds many objects: it runs beside the clicks, shows what it finds, and can be ended any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, cast

import param

from seg_app.errors import SegAppError
from seg_app.geometry import overlap

if TYPE_CHECKING:
    from seg_app.models.numbering import Masks
    from seg_app.models.session import Session
    from seg_app.records import Mask

PATIENCE_S = 30.0
"""So long may a step take of what is to end."""
SAME_PART = 0.5
"""What shares more of its area with an accepted object is that object again."""


def is_known(mask: Mask, there: Iterable[Mask]) -> bool:
    """Say whether a mask is one of those again that are there, on the same plane."""
    return any(overlap(mask, other) > SAME_PART * mask.area for other in there)


class Ending(Enum):
    """How it was ended before it was done."""

    KEEP = "accept what was found so far"
    DISCARD = "forget it"


class Finding(param.Parameterized):
    """One such work of a session, one at a time. Its `run` is blocking, `end` may come from any thread."""

    is_running = param.Boolean(default=False)
    done = param.Number(default=0.0, bounds=(0, None), doc="0 to 1.")
    found = param.ClassSelector(class_=tuple, default=cast("Masks", ()), doc="What was found so far, not accepted yet.")

    title = ""
    """What it does, in words for the user."""

    def __init__(self, session: Session):
        super().__init__()
        self._session = session
        self._idle = threading.Event()
        self._idle.set()
        self.ending: Ending | None = None
        """How it was ended, the last time too; None: it was not."""
        self._began_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Since when the present one runs, or the last one began."""
        return time.monotonic() - self._began_s

    def run(self) -> Masks:
        """Find objects and accept them, as one change; return these. Raises SegAppError."""
        raise NotImplementedError

    def end(self, ending: Ending) -> None:
        """End it at its next step; where nothing runs nothing happens."""
        self.ending = ending

    def give_up(self) -> None:
        """Forget what is being found, and return when nothing runs any more. Raises SegAppError."""
        self.end(Ending.DISCARD)
        if not self._idle.wait(PATIENCE_S):
            raise SegAppError(f"“{self.title}” does not end. Wait until it has, then try again.")

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Be running, with nothing found yet. Raises SegAppError when it is already."""
        if self.is_running:
            raise SegAppError(f"“{self.title}” is on its way already. Wait for it, or end it.")
        self.ending, self._began_s = None, time.monotonic()
        self._idle.clear()
        self.param.update(is_running=True, done=0.0, found=())
        try:
            yield
        finally:
            self.param.update(is_running=False, found=())
            self._idle.set()

    @contextmanager
    def _staying(self, place: dict[str, int]) -> Iterator[None]:
        """Keep the session where it is, so that what is found is kept there. Raises SegAppError when it has gone on."""
        with self._session.staying:
            if self._session.index != place:  # it has begun while the session was about to go
                raise SegAppError(
                    f"“{self.title}” keeps nothing: the image went to another time or channel. Start it again there."
                )
            yield
