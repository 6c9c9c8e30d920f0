"""What lies over the image and is no object: the scale bar, the line of the databar, the ruler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seg_app.models import Session, Worker
from seg_app.models.session import ON_DATABAR
from seg_app.records import Point
from seg_app.views.courier import Courier, Watches
from seg_app.views.databar import DatabarLine
from seg_app.views.ruler import Ruler
from seg_app.views.scalebar import CanvasScale


class Measures:
    """Follows the size of a pixel and the databar of a session's image."""

    def __init__(self, session: Session, worker: Worker, courier: Courier, watches: Watches):
        self._session, self._volume, self._worker = session, session.volume, worker
        self._scale = CanvasScale()
        self._databar = DatabarLine(session, worker, courier, watches)
        self.ruler = Ruler(self._on_line)
        self.line: tuple[Point, Point] | None = None
        """The line that was drawn last, in pixels of the image."""
        self.on_line: Callable[[], None] = lambda: None
        """Called when a line was drawn."""
        watches.add(self._volume, ["calibration", "said_databar"], lambda *_: courier(self._show_scale))
        self._show_scale()

    def add_to(self, figure: Any) -> None:
        """Put all of it into a Bokeh figure in image pixels."""
        for part in (self._scale, self._databar, self.ruler):
            part.add_to(figure)

    def take_click(self, y: float) -> bool:
        """Say whether a click is none on the image: one on the databar, which is told, or while a line is drawn."""
        if not self.ruler.is_on and self._volume.is_databar(y):
            self._worker.refuse(ON_DATABAR)
        return self.ruler.is_on or self._volume.is_databar(y)

    def begin_line(self) -> None:
        """Let the next drag draw a line."""
        self.line = None
        self._session.draft.drawing = False  # else the drag would draw a box
        self._databar.let_drag(may=False)  # the drawn scale bar may lie close to it
        self.ruler.begin()

    def end_line(self) -> None:
        """Let drags move the image again."""
        self.line = None
        self._databar.let_drag(may=True)
        self.ruler.end()

    def _show_scale(self) -> None:
        self._scale.show(self._volume.calibration, above=self._volume.databar_rows > 0)

    def _on_line(self, start: Point, end: Point) -> None:
        self.line = start, end
        self.on_line()
