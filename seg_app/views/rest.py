"""What is done when the view has come to rest: the model looks at what is on screen before anybody clicks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from seg_app.errors import SegAppError
from seg_app.models import Latest
from seg_app.views.courier import Courier

log = logging.getLogger(__name__)

REST_S = 0.3
"""Who has not moved for so long is about to click."""

POINTER_REST_S = 0.1
"""Where the pointer stays for so long, somebody looks at what is there."""


class AtRest:
    """Does a task in a thread of its own once nothing has moved for a while; what goes wrong there disturbs nobody."""

    def __init__(self, task: Callable[[], object], courier: Courier, *, rest_s: float = REST_S):
        """task: blocking, and given up by itself when it waits while the next one begins. rest_s: the while, in s."""
        self._task, self._courier, self._rest_s = task, courier, rest_s
        self._latest = Latest("seg-app-rest", threads=2)
        self._moves = 0

    def moved(self) -> None:
        """Say, in the page's thread, that something has moved: the rest begins anew."""
        self._moves += 1
        moves = self._moves
        self._courier.later(self._rest_s, lambda: self._rested(moves))

    def _rested(self, moves: int) -> None:
        if moves == self._moves:
            self._latest.ask(self._do)

    def _do(self) -> None:
        try:
            self._task()
        except SegAppError as error:  # nobody has asked for it; a click tries again, and says what is wrong
            log.info("Not done while the view rests: %s", error)

    def close(self) -> None:
        """End the threads after what they are doing."""
        self._latest.close()
