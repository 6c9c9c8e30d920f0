"""Waiting for a server: as long as it takes while it lives, and not for long when it hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_S = 1.0
"""After so long without an answer a server is asked whether it lives."""

SILENCE_S = 1.5
"""A server that does not answer even that for so long hangs. A user hears of it within three seconds, by both."""


STALLED_S = 3.0
"""Of an answer that has begun, something must arrive within this time; one that goes on arriving is waited for."""


class Patience:
    """How long one server is waited for. Safe to use from several threads."""

    def __init__(self, is_alive: Callable[[], object], *, patience_s: float = PATIENCE_S) -> None:
        """is_alive: ask the server something that costs it nothing; raise where it does not answer."""
        self._is_alive, self._patience_s = is_alive, patience_s
        self._own = threading.local()
        self._is_slow = False

    def ask(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, which asks the server in a thread of its own, or raise what it raises.

        Raises TimeoutError when the server gives no sign of life meanwhile; `work` is then left to end by itself, and
        begins no further request that is told by `sending`.
        """
        answer: _Answer[T] = _Answer()
        _begin(answer, lambda: self._work(answer, work))
        while not _is_done(answer, self._patience_s):
            if not answer.has_begun and not self._is_slow and not self._lives(answer):
                answer.is_wanted = False
                answer.add_done_callback(self._learn)
                raise TimeoutError("it took too long, and gives no sign of life")
        return answer.result()

    def sending(self) -> None:
        """Hear, in the thread that asks, that a request begins: on a slow line nothing else is heard until it is sent.

        Raises TimeoutError where nobody waits for its answer any more.
        """
        if not self._answer.is_wanted:
            raise TimeoutError("nobody waits for it any more")
        self._answer.has_begun = True

    def asked(self, *_: object) -> None:
        """Hear, in the thread that asks, that a request has been sent."""
        self._answer.has_begun = False

    def heard(self, *_: object) -> None:
        """Hear, in the thread that asks, that the answer has begun: however slow the line is, the server lives."""
        self._answer.has_begun = True
        self._is_slow = self._is_slow or not self._answer.is_wanted

    def _work(self, answer: _Answer[T], work: Callable[[], T]) -> T:
        self._own.answer = answer
        return work()

    @property
    def _answer(self) -> _Answer[Any]:
        """What this thread works for; a thread of somebody else works for nobody."""
        return getattr(self._own, "answer", None) or _Answer()

    def _lives(self, answer: _Answer[T]) -> bool:
        """Whether a sign of life comes, or the answer itself."""
        sign: Future[Any] = Future()
        _begin(sign, self._is_alive)
        either: list[Future[Any]] = [answer, sign]
        wait(either, SILENCE_S, FIRST_COMPLETED)
        return answer.done() or (sign.done() and sign.exception() is None)

    def _learn(self, answer: Future[T]) -> None:
        # It did answer: a server that does one thing at a time is silent meanwhile. From now on it is waited for.
        self._is_slow = self._is_slow or answer.exception() is None


class _Answer(Future[T]):
    has_begun = False
    is_wanted = True


def _begin(future: Future[T], work: Callable[[], T]) -> None:
    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # for who waits for it  # noqa: BLE001
            future.set_exception(error)

    # None of a pool: these end with the program, which would wait for a pool's.
    threading.Thread(target=run, name="seg-app-ask", daemon=True).start()


def _is_done(future: Future[T], timeout_s: float) -> bool:
    return bool(wait([future], timeout_s).done)
