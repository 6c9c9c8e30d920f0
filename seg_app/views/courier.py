"""Carries changes that happen in any thread to the page."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import panel as pn
import param

from seg_app.views.delivery import lose_nothing

log = logging.getLogger(__name__)


class Watches:
    """Watchers of models that end together, so that a view that was closed hears of nothing any more."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], object]] = []

    def add(self, model: param.Parameterized, names: str | list[str], react: Callable[..., None]) -> None:
        """Call `react` with the events of changes."""
        watcher = model.param.watch(react, names)
        self._ends.append(lambda: model.param.unwatch(watcher))

    def end(self) -> None:
        """Stop watching."""
        for end in self._ends:
            end()
        self._ends.clear()


class Courier:
    """Call functions where a page may be changed: in its own thread, holding the document, once a browser is there.

    What a server changes while a browser connects is lost: the browser has asked for the document already, and drops
    what comes before the answer. A notebook's messages are sent in parts, which must not mix: there functions are
    called in the thread of its loop, and the panes of `pushed` are sent to its front end, which does not follow Bokeh
    models by itself. Without page and loop a function is called at once.
    """

    def __init__(self) -> None:
        self._doc = pn.state.curdoc
        self._thread = threading.get_ident()
        self._loop = None if self.is_served else _running_loop()
        self._waiting: list[Callable[[], object]] | None = []
        self._is_carrying = self._is_closed = False
        self._soon: set[Callable[[], object]] = set()
        self._lock = threading.Lock()
        self.on_error: Callable[[str], None] = lambda _: None
        self.pushed: list[pn.pane.HoloViews] = []
        lose_nothing()
        pn.state.onload(self._on_load)

    @property
    def is_served(self) -> bool:
        """Whether a server keeps the page; else it is in a notebook, or there is none."""
        return self._doc is not None and self._doc.session_context is not None

    def _on_load(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
        for change in waiting:
            self(change)

    def __call__(self, change: Callable[[], object]) -> None:
        """Call `change` now where the page may be changed, else as soon as it may be.

        A page that is served may be changed within another change only: while changes of widgets are on their way,
        Panel handles events in the page's own thread without holding the document, and Bokeh then refuses them.
        """
        with self._lock:
            if self._is_closed:
                return
            if self._waiting is not None:
                self._waiting.append(change)
                return
        elsewhere = threading.get_ident() != self._thread
        if self._doc and self.is_served and (elsewhere or not self._is_carrying):
            self._doc.add_next_tick_callback(lambda: self._carry_out(change))
        elif elsewhere and self._loop:
            self._loop.call_soon_threadsafe(self._carry_out, change)
        else:
            change()
            self._push()

    def soon(self, change: Callable[[], object]) -> None:
        """Call `change` after what the page does now: once, however often that asks for it."""
        with self._lock:
            if change in self._soon:
                return
            self._soon.add(change)

        def due() -> None:
            with self._lock:
                self._soon.discard(change)
            change()

        if self._waiting is None and self._doc and self.is_served:
            self._doc.add_next_tick_callback(lambda: self._carry_out(due))
        else:
            self(due)

    def later(self, wait_s: float, change: Callable[[], object]) -> None:
        """Call `change` after a while; at once where there is nothing to wait for, or no page."""
        if wait_s > 0 and self._loop:
            self._loop.call_soon_threadsafe(self._loop.call_later, wait_s, self._carry_out, change)
        elif wait_s > 0 and self._doc and self.is_served:
            self._doc.add_timeout_callback(lambda: self._carry_out(change), round(wait_s * 1000))
        else:
            self(change)

    def close(self) -> None:
        """Change nothing any more: what still happens elsewhere would make new views of a page that is gone."""
        with self._lock:
            self._is_closed = True

    def _carry_out(self, change: Callable[[], object]) -> None:
        if self._is_closed:
            return
        self._is_carrying = True
        try:
            change()
            self._push()
        except Exception:  # the edge of the page: Bokeh would drop it without a word
            log.exception("The page could not be changed")
            self.on_error("The page could not show what has changed. Reload it; nothing that was accepted is lost.")
        finally:
            self._is_carrying = False

    def _push(self) -> None:
        if not self.is_served:
            pn.io.push_notebook(*self.pushed)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, as one does below every cell of a notebook."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
