"""What was asked of a segmenter that has gone away is asked again when it is back, without anybody's help."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from seg_app.sam.protocol import Distant

if TYPE_CHECKING:
    from collections.abc import Callable

    from seg_app.models.session import Session
    from seg_app.records import Prompts

EVERY_S = 1.0
LONGEST_S = 60.0
"""A question that the segmenter goes away from each time is asked ever less often."""


class Comeback:
    """Looks for the segmenter of a session while its draft waits for it, in a thread of its own."""

    def __init__(self, session: Session, on_back: Callable[[], object]):
        """on_back: what is done when the segmenter is there, in that thread."""
        self._session, self._on_back = session, on_back
        self._is_looking, self._lock = False, threading.Lock()
        self._closed = threading.Event()
        self._asked: Prompts | None = None
        self._pause_s = EVERY_S
        self._watcher = session.draft.param.watch(lambda event: self._look() if event.new else None, "is_waiting")
        if session.draft.is_waiting:
            self._look()

    def close(self) -> None:
        """Look no more."""
        self._session.draft.param.unwatch(self._watcher)
        self._closed.set()

    def _look(self) -> None:
        with self._lock:
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._keep_looking, name="seg-app-comeback", daemon=True).start()

    def _keep_looking(self) -> None:
        while not self._has_ended():
            if self._is_there() and not self._closed.is_set():
                self._slow_down()
                self._session.draft.is_waiting = False
                self._on_back()

    def _slow_down(self) -> None:
        prompts = self._session.draft.prompts
        self._pause_s = min(2 * (self._pause_s if prompts is self._asked else EVERY_S), LONGEST_S)
        self._asked = prompts

    def _has_ended(self) -> bool:
        is_same = self._session.draft.prompts is self._asked
        is_closed = self._closed.wait(self._pause_s if is_same else EVERY_S)
        with self._lock:
            self._is_looking = self._session.draft.is_waiting and not is_closed
            return not self._is_looking

    def _is_there(self) -> bool:
        segmenter = self._session.segmenter
        return not isinstance(segmenter, Distant) or segmenter.is_there()
