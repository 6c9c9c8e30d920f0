"""The line between an image and its databar, which can be dragged."""

from __future__ import annotations

from typing import Any

from bokeh.models import BoxAnnotation, CustomJS, Span

from seg_app.models import Session, Worker
from seg_app.views import theme
from seg_app.views.courier import Courier, Watches

REST_S = 0.4
"""A line that has not moved for so long has been let go."""


class DatabarLine:
    """A line on the canvas; where it is dragged to is the session's databar. Nothing where there is no databar."""

    def __init__(self, session: Session, worker: Worker, courier: Courier, watches: Watches):
        self._volume, self._worker, self._courier = session.volume, worker, courier
        self._edge = BoxAnnotation(editable=True, resizable="top", movable="none", **theme.DATABAR_EDGE)
        self._line = Span(dimension="width", location=0, **theme.DATABAR_LINE)
        self._edge.on_change("top", lambda attr, old, new: self._on_drag(new))  # noqa: ARG005 - Bokeh checks the names
        # The line follows the hand in the browser.
        code = "export default ({line}, edge) => { line.location = edge.top }"
        self._edge.js_on_change("top", CustomJS(args={"line": self._line}, code=code))
        watches.add(self._volume, "said_databar", lambda _: courier(self._show))
        self._show()

    def add_to(self, figure: Any) -> None:
        """Put the line into a Bokeh figure in image pixels."""
        figure.add_layout(self._edge)
        figure.add_layout(self._line)

    def let_drag(self, *, may: bool) -> None:
        """Say whether a drag moves the line."""
        self._edge.editable = may

    @property
    def _top(self) -> float:
        return self._volume.height - self._volume.databar_rows - 0.5

    def _show(self) -> None:
        is_there = self._volume.databar_rows > 0
        self._edge.update(top=self._top, bottom=self._volume.height - 0.5, visible=is_there)
        self._line.update(location=self._top, visible=is_there)

    def _on_drag(self, top: float) -> None:
        if top != self._top:
            self._courier.later(REST_S, lambda: self._keep(top))

    def _keep(self, top: float) -> None:
        if top == self._edge.top and top != self._top:
            rows = min(max(0, round(self._volume.height - 0.5 - top)), self._volume.height - 1)
            kept = self._worker.run("Keeping the databar", self._volume.set_databar, rows)
            kept.add_done_callback(lambda _: self._courier(self._show))  # onto the edge of a row, or back
