"""Choosing a place of the further axes of an image: a slider through times, names of channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import PrintfTickFormatter

from seg_app.models import CHANNEL, Session
from seg_app.records import Axis

MOST_BUTTONS = 4
MOST_LETTERS = 24
"""So many names of so many letters in all are buttons; more are a list."""


class Axes:
    """A widget for each further axis of a session's image: names where there are some, else a slider."""

    def __init__(self, session: Session, move: Callable[[dict[str, int]], None]):
        """move: called, in the page's thread, with the place that the user wants."""
        self._session, self._move = session, move
        self._wanted: dict[str, int] = {}
        self._choices = {axis.name: _widget(axis, session.volume.index[axis.name]) for axis in session.volume.axes}
        for name, widget in self._choices.items():
            rested = "value_throttled" if isinstance(widget, pmui.IntSlider) else "value"
            widget.param.watch(lambda event, name=name: self._on_value(name, event.new), rested)

    @property
    def _place(self) -> dict[str, int]:
        """Where the session is, or is going to."""
        return self._session.volume.index | self._wanted

    def _on_value(self, name: str, value: int) -> None:
        wanted = value - 1 if isinstance(self._choices[name], pmui.IntSlider) else value
        if wanted != self._place[name]:
            self._wanted = self._wanted | {name: wanted}
            self._move(self._place)

    def arrive(self) -> None:
        """Follow the session, which is on its way no more: also back, where a place could not be shown."""
        self._wanted = {}
        self.refresh()

    def refresh(self) -> None:
        """Show where the session is, or is going to; and when there are more places."""
        index = self._place
        for axis in self._session.volume.axes:
            widget = self._choices[axis.name]
            widget.value = index[axis.name] + isinstance(widget, pmui.IntSlider)
            if isinstance(widget, pmui.IntSlider) and widget.end != axis.size:
                widget.param.update(end=axis.size, format=_of(axis))

    @property
    def sliders(self) -> list[pn.viewable.Viewable]:
        """Those that belong beside the planes."""
        return [widget for widget in self._choices.values() if isinstance(widget, pmui.IntSlider)]

    @property
    def names(self) -> list[pn.viewable.Viewable]:
        """Those that belong beside the contrast, which changes with them."""
        return [widget for widget in self._choices.values() if not isinstance(widget, pmui.IntSlider)]


def _widget(axis: Axis, place: int) -> Any:
    if axis.labels or axis.name == CHANNEL:
        names = axis.labels or tuple(f"{axis.title} {n + 1}" for n in range(axis.size))
        options = dict(zip(names, range(axis.size), strict=True))
        if axis.size <= MOST_BUTTONS and sum(map(len, names)) <= MOST_LETTERS:
            return pmui.RadioButtonGroup(
                options=options, value=place, size="small", color="primary", margin=(10, 0, 10, 24)
            )
        return pmui.Select(
            label=axis.title, options=options, value=place, size="small", width=180, margin=(4, 0, 4, 24)
        )
    return pmui.IntSlider(
        label=axis.title, start=1, end=axis.size, value=place + 1, size="small", sizing_mode="stretch_width",
        margin=(4, 24, 8, 24), min_width=200, format=_of(axis),
    )  # fmt: skip


def _of(axis: Axis) -> PrintfTickFormatter:
    return PrintfTickFormatter(format=f"%d of {axis.size}")
