"""Carries changes that happen in any thread to the page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import panel as pn
import param

log = logging.getLogger(__name__)


class Watches:
    """Watchers of models that end together, so that a view that was closed hears of nothing any more."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], None]] = []

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
    what comes before the answer. In a notebook or without any page a function is called at once, and the panes of
    `pushed` are sent to the notebook's front end, which does not follow Bokeh models by itself.
    """

    def __init__(self) -> None:
        self._doc = pn.state.curdoc
        self._thread = threading.get_ident()
        self._waiting: list[Callable[[], None]] | None = []
        self._lock = threading.Lock()
        self.on_error: Callable[[str], None] = lambda _: None
        self.pushed: list[pn.pane.HoloViews] = []
        pn.state.onload(self._on_load)

    def _on_load(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
        for change in waiting:
            self._carry_out(change)

    def __call__(self, change: Callable[[], None]) -> None:
        """Call `change` now when this is the page's own thread, else as soon as that thread is free."""
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(change)
                return
        if self._doc is None or self._doc.session_context is None:
            change()
            for pane in self.pushed:
                pn.io.push_notebook(pane)
        elif threading.get_ident() == self._thread:
            change()
        else:
            self._doc.add_next_tick_callback(lambda: self._carry_out(change))

    def later(self, wait_s: float, change: Callable[[], None]) -> None:
        """Call `change` after a while; at once where there is nothing to wait for, or no page."""
        if wait_s <= 0 or self._doc is None or self._doc.session_context is None:
            self(change)
        else:
            self._doc.add_timeout_callback(lambda: self._carry_out(change), round(wait_s * 1000))

    def _carry_out(self, change: Callable[[], None]) -> None:
        try:
            change()
        except Exception:  # the edge of the page: Bokeh would drop it without a word
            log.exception("The page could not be changed")
            self.on_error("The page could not show what has changed. Reload it; nothing that was accepted is lost.")
