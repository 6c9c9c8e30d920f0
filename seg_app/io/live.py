"""An image on a Tiled server that is still being recorded: who looks at it hears of every plane that comes.

A subscription tells at once. It brings the pixels along, which nobody wants before they are looked at, and ends by
itself at a message of more than 1 MB; servers need not offer it, and files in folders never do. So it is only a hint to
look earlier: what counts is the shape that the server tells when it is asked, every few seconds, by one small request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seg_app.errors import SourceError

if TYPE_CHECKING:
    from seg_app.io.beside import Beside
    from seg_app.io.levels import Opened, Whole
    from seg_app.io.tiled import TiledSource

log = logging.getLogger(__name__)

POLL_S = 5.0
"""A plane of a scan takes longer, and a request so often costs a server nothing."""

SLOW_POLL_S = 30.0
"""Where nothing has come for a while."""

SOON_S = 0.5
HINTS = 4
"""A subscription tells of pixels before the server has them: so often, and so soon, it is asked then."""

PATIENCE = 60
"""So many looks without news make the next ones slow: nearly all images are complete."""


class Growth:
    """Watches one image in threads of its own, until `close`."""

    def __init__(
        self, source: TiledSource | Beside, path: str, known: Whole, on_grown: Callable[[Opened], None]
    ) -> None:
        """on_grown: called, in a thread of this, with what the image has become; what it raises ends the watching."""
        self._source, self.path, self._known, self._on_grown = source, path, known, on_grown
        self._news, self._closed = threading.Event(), threading.Event()
        self._subscription: Any = None
        self._quiet = self._hints = 0
        self._threads = [
            threading.Thread(target=task, name="seg-app-live", daemon=True) for task in (self._watch, self._listen)
        ]

    def start(self) -> Growth:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """Watch no more; the threads end soon."""
        self._closed.set()
        self._news.set()
        threading.Thread(target=self._unsubscribe, name="seg-app-live", daemon=True).start()  # it waits for its thread

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._news.wait(self._wait_s)
            self._news.clear()
            if not self._closed.is_set():
                self._look()

    def _look(self) -> None:
        try:
            image = self._source.open(self.path)
        except SourceError as error:  # who looks at the image hears of it; this may be back in a moment
            log.debug("Cannot see whether '%s' has grown: %s", self.path, error)
            return
        self._quiet, self._hints = self._quiet + 1, max(0, self._hints - 1)
        if _has_grown(self._known, image.whole):
            self._known, self._quiet = image.whole, 0
            self._on_grown(image)

    @property
    def _wait_s(self) -> float:
        if self._hints:
            return SOON_S
        return SLOW_POLL_S if self._quiet >= PATIENCE else POLL_S

    def _listen(self) -> None:
        """Hear of news as long as the server tells any."""
        heard = self._hear  # Tiled keeps no reference to it
        try:
            subscription = self._source.subscription(self.path)
            if subscription is None:
                return
            subscription.new_data.add_callback(heard)
            self._subscription = subscription
            if not self._closed.is_set():
                subscription.start()
        except Exception as error:  # the edge of the thread: whatever it is, asking goes on  # noqa: BLE001
            log.debug("No subscription to '%s': %r", self.path, error)
        finally:
            self._subscription = None
            self._news.set()  # it may have ended because much has come

    def _hear(self, _: Any) -> None:
        self._hints = HINTS
        self._news.set()

    def _unsubscribe(self) -> None:
        subscription = self._subscription
        if subscription is not None:
            subscription.disconnect(wait=False)


def _has_grown(before: Whole, after: Whole) -> bool:
    """Whether an image is the same with more planes, or more places of its axes."""
    old, new = before.levels[0], after.levels[0]
    if old.dims != new.dims or old.dtype != new.dtype or old.shape == new.shape:
        return False
    fixed = {"y", "x"} | {axis for axis in ("c",) if axis == old.dims[-1]}
    return all(
        after_n == before_n if dim in fixed else after_n >= before_n
        for dim, before_n, after_n in zip(old.dims, old.shape, new.shape, strict=True)
    )
