"""What of a volume could not be read, so that it is not asked for again at every look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from seg_app.errors import UnreachableError, UnreadableError
from seg_app.io.damage import may_pass
from seg_app.records import Window


class Unreadable:
    """Remembers windows of planes and why they could not be read; safe to use from several threads.

    Not whole planes: where one block of a plane is damaged, what is beside it can be looked at.
    """

    def __init__(self, on_damage: Callable[[Unreadable], object] = lambda _: None) -> None:
        """Call `on_damage`, in the thread that reads, whenever something more cannot be read."""
        self._on_damage = on_damage
        self._lock = Lock()
        self._known: dict[tuple[int, int], tuple[tuple[Window, str], ...]] = {}

    @property
    def planes(self) -> tuple[int, ...]:
        """The planes, from 0, of which something could not be read."""
        return tuple(sorted({z for z, _ in self._known}))

    @contextmanager
    def watching(self, z: int, window: Window, *, stored: int) -> Iterator[None]:
        """Read a window of the level `stored` in the block. Raises UnreadableError without that where it is known.

        What may pass, such as too little memory or too many open files, is no damage: it is tried again at the next
        look, and raises UnreachableError.
        """
        for bad, reason in self._known.get((z, stored), ()):
            if _covers(window, bad):
                raise UnreadableError(reason)
        try:
            yield
        except UnreadableError as error:
            if may_pass(error):
                raise UnreachableError(str(error)) from error
            self._remember((z, stored), window, str(error))
            self._on_damage(self)
            raise

    def _remember(self, plane: tuple[int, int], window: Window, reason: str) -> None:
        with self._lock:  # other threads may have failed while this one was reading
            others = tuple(one for one in self._known.get(plane, ()) if not _covers(one[0], window))
            self._known = {**self._known, plane: (*others, (window, reason))}


def _covers(window: Window, other: Window) -> bool:
    x0, y0, x1, y1 = window.extent
    left, top, right, bottom = other.extent
    return x0 <= left and y0 <= top and right <= x1 and bottom <= y1
