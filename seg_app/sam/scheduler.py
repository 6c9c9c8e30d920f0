"""Who uses the device next: one thing runs at a time, and what somebody waits for goes first."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from threading import Event, Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Priority(IntEnum):
    """What goes first; of equal things, what came first."""

    CLICK = 0
    HOVER = 1
    PREFETCH = 2
    AUTOMASK = 3
    PROPAGATE = 4


LATEST_WINS = (Priority.HOVER, Priority.PREFETCH)
"""Of these only the latest of a client matters: it has moved on from the others."""


class SupersededError(Exception):
    """Say that a turn that had not begun was given up, as its client has asked for another."""


@dataclass(eq=False)
class _Ticket:
    priority: Priority
    number: int
    client: str
    called: Event = field(default_factory=Event)
    is_superseded: bool = False


class Scheduler:
    """Gives turns on one device. Long jobs take a turn for each step, so that others come in between."""

    def __init__(self) -> None:
        self._waiting: list[_Ticket] = []
        self._is_taken = False
        self._numbers = count()
        self._lock = Lock()

    @property
    def waiting(self) -> tuple[Priority, ...]:
        """Who waits for a turn, the next one first."""
        with self._lock:
            return tuple(ticket.priority for ticket in sorted(self._waiting, key=_rank))

    @contextmanager
    def turn(self, priority: Priority, *, client: str = "") -> Iterator[None]:
        """Have the device for the block, once all that is more urgent has had it. Do not take one within another.

        client: who asks, by any name. A hover preview or a prefetch of the same client that still waits is given up:
        it raises SupersededError there. Without a name nobody's is.
        """
        ticket = self._queue(priority, client)
        try:
            ticket.called.wait()
        except BaseException:  # Ctrl+C: a turn that nobody takes would never end
            self._leave(ticket)
            raise
        if ticket.is_superseded:
            raise SupersededError
        try:
            yield
        finally:
            self._hand_over()

    def _queue(self, priority: Priority, client: str) -> _Ticket:
        with self._lock:
            if client and priority in LATEST_WINS:
                self._supersede(priority, client)
            ticket = _Ticket(priority, next(self._numbers), client)
            self._waiting.append(ticket)
            if not self._is_taken:
                self._call_next()
            return ticket

    def _supersede(self, priority: Priority, client: str) -> None:
        for ticket in [t for t in self._waiting if (t.priority, t.client) == (priority, client)]:
            self._waiting.remove(ticket)
            ticket.is_superseded = True
            ticket.called.set()

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return
        if not ticket.is_superseded:
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            self._is_taken = False
            self._call_next()

    def _call_next(self) -> None:
        if self._waiting:
            ticket = min(self._waiting, key=_rank)
            self._waiting.remove(ticket)
            self._is_taken = True
            ticket.called.set()


def _rank(ticket: _Ticket) -> tuple[Priority, int]:
    return ticket.priority, ticket.number
