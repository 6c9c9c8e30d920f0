"""What of a volume could not be read, so that it is not asked for again at every look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seg_app.errors import UnreadableError
from seg_app.records import Window


class Unreadable:
    """Remembers windows of planes and why they could not be read; safe to use from several threads.

    Not whole planes: where one block of a plane is damaged, what is beside it can be looked at.
    """

    def __init__(self, on_damage: Callable[[Unreadable], object] = lambda _: None) -> None:
        """Call `on_damage`, in the thread that reads, whenever something more cannot be read."""
        self._on_damage = on_damage
        self._known: dict[tuple[int, int], tuple[tuple[Window, str], ...]] = {}

    @property
    def planes(self) -> tuple[int, ...]:
        """The planes, from 0, of which something could not be read."""
        return tuple(sorted({z for z, _ in self._known}))

    @contextmanager
    def watching(self, z: int, window: Window, *, stored: int) -> Iterator[None]:
        """Read a window of the level `stored` in the block. Raises UnreadableError without that where it is known."""
        known = self._known.get((z, stored), ())
        for bad, reason in known:
            if _covers(window, bad):
                raise UnreadableError(reason)
        try:
            yield
        except UnreadableError as error:
            others = tuple(one for one in known if not _covers(one[0], window))
            self._known = {**self._known, (z, stored): (*others, (window, str(error)))}
            self._on_damage(self)
            raise


def _covers(window: Window, other: Window) -> bool:
    x0, y0, x1, y1 = window.extent
    left, top, right, bottom = other.extent
    return x0 <= left and y0 <= top and right <= x1 and bottom <= y1
