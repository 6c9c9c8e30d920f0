"""Questions about the same thing that wait for the same turn, answered in it together."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(eq=False)
class _Group(Generic[Q, A]):
    questions: list[Q] = field(default_factory=list)
    answers: Future[list[A]] = field(default_factory=Future)


class Together(Generic[Q, A]):
    """Lets the first who asks about a thing wait for a turn, and ask for all who came until it did. Thread-safe."""

    def __init__(self, most: int, *, turn: Callable[[], AbstractContextManager[None]]) -> None:
        """most: how many questions are answered at once. turn: what the answers are made in."""
        self._most, self._turn = most, turn
        self._groups: dict[str, _Group[Q, A]] = {}
        self._lock = Lock()

    @property
    def waiting(self) -> int:
        """How many questions wait for a turn, in which more can be answered."""
        with self._lock:
            return sum(len(group.questions) for group in self._groups.values())

    def ask(self, key: str, question: Q, answer: Callable[[list[Q]], list[A]]) -> A:
        """Return the answer to a question about what the key names; raise what `answer` raises.

        answer: answers several questions about it, in their order, within a turn. The one of whoever came first is
        called for all.
        """
        with self._lock:
            group = self._groups.get(key)
            leads = group is None or len(group.questions) >= self._most
            if group is None or leads:
                group = self._groups[key] = _Group()
            group.questions.append(question)
            place = len(group.questions) - 1
        if leads:
            self._lead(key, group, answer)
        return group.answers.result()[place]

    def _lead(self, key: str, group: _Group[Q, A], answer: Callable[[list[Q]], list[A]]) -> None:
        try:
            with self._turn():
                self._close(key, group)
                answers = answer(group.questions)
        except BaseException as error:  # Ctrl+C as well: the others would wait for ever
            self._close(key, group)
            group.answers.set_exception(error)
            raise
        group.answers.set_result(answers)

    def _close(self, key: str, group: _Group[Q, A]) -> None:
        """Let whoever comes from now on wait for another turn."""
        with self._lock:
            if self._groups.get(key) is group:
                del self._groups[key]
