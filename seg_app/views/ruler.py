"""A line that is drawn over the image, to say how long what lies under it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.events import Pan, PanEnd, PanStart
from bokeh.models import ColumnDataSource, CustomJS

from seg_app.records import Point
from seg_app.views import theme

NO_LINE: dict[str, Any] = {"x0": [], "y0": [], "x1": [], "y1": []}

FOLLOW = """
export default ({line, glyph}, event) => {
  if (!glyph.visible) return
  const {x0, y0} = line.data
  const start = event.event_name == 'panstart' ? [event.x, event.y] : [x0[0], y0[0]]
  line.data = {x0: [start[0]], y0: [start[1]], x1: [event.x], y1: [event.y]}
}
"""
"""The line follows the hand in the browser."""


class Ruler:
    """Draws a line with the next drag over a figure, which moves the image otherwise."""

    def __init__(self, on_line: Callable[[Point, Point], None]):
        """on_line: called with both ends, in pixels of the image."""
        self._on_line = on_line
        self._source = ColumnDataSource(data=NO_LINE)
        self._figure: Any = None
        self._glyph: Any = None
        self._drag: Any = None
        self._start: Point | None = None
        self.is_on = False

    def add_to(self, figure: Any) -> None:
        """Listen to a Bokeh figure, and draw in it."""
        self._figure = figure
        self._glyph = figure.segment(
            "x0", "y0", "x1", "y1", source=self._source, visible=self.is_on, **theme.RULER_STYLE
        )
        follow = CustomJS(args={"line": self._source, "glyph": self._glyph}, code=FOLLOW)
        for event in (PanStart, Pan):
            figure.js_on_event(event, follow)
        figure.on_event(PanStart, self._on_start)
        figure.on_event(PanEnd, self._on_end)

    def begin(self) -> None:
        """Let the next drag draw a line; without a figure nothing happens."""
        if self._figure is None:
            return
        if not self.is_on:
            self._drag = self._figure.toolbar.active_drag
        self.is_on, self._start = True, None
        self._source.data = NO_LINE
        self._figure.toolbar.active_drag = None
        self._glyph.visible = True

    def end(self) -> None:
        """Let drags move the image again, and forget the line."""
        if self.is_on:
            self.is_on = False
            self._glyph.visible = False
            self._figure.toolbar.active_drag = self._drag

    def _on_start(self, event: Any) -> None:
        self._start = Point(event.x, event.y) if self.is_on else None

    def _on_end(self, event: Any) -> None:
        if self.is_on and self._start:
            self._on_line(self._start, Point(event.x, event.y))
