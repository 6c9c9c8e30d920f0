"""The scale bar in a corner of the canvas: a round length that follows the zoom in the browser itself."""

from __future__ import annotations

from typing import Any

from bokeh.models import CustomJS, Metric, MetricLength, Range1d, ScaleBar

from seg_app.lengths import UNITS
from seg_app.records import Calibration
from seg_app.views import theme

ROUND = [digit * 10**power / 1000 for power in range(6) for digit in (1, 2, 5)]
"""Up to 500: a thousand is one of the next unit."""

IN_NANOMETRES = """
export default ({bar, nm, px}) => nm.setv({start: px.start * bar.tags[0], end: px.end * bar.tags[0]})
"""


class CanvasScale:
    """Two bars of which one is seen: nm, µm and mm where the size of a pixel is known, else pixels."""

    def __init__(self) -> None:
        lengths = MetricLength(include=[*UNITS], ticks=ROUND)
        pixels = Metric(base_unit="px", include=["px"], ticks=[*ROUND, *(1000 * tick for tick in ROUND[9:])])
        self._range = Range1d(start=0, end=1, syncable=False)  # only the browser needs it
        self._lengths = ScaleBar(range=self._range, unit="nm", dimensional=lengths, tags=[1.0], **theme.SCALE_STYLE)
        self._pixels = ScaleBar(unit="px", dimensional=pixels, **theme.SCALE_STYLE)

    def add_to(self, figure: Any) -> None:
        """Put the bars into a Bokeh figure whose x axis counts pixels."""
        self._pixels.range = figure.x_range
        follow = CustomJS(args={"bar": self._lengths, "nm": self._range, "px": figure.x_range}, code=IN_NANOMETRES)
        for side in ("start", "end"):
            figure.x_range.js_on_change(side, follow)
        self._lengths.js_on_change("tags", follow)
        figure.js_on_change("inner_width", follow)  # the first one, too
        nm = self._lengths.tags[0]
        self._range.update(start=figure.x_range.start * nm, end=figure.x_range.end * nm)
        for bar in (self._lengths, self._pixels):
            figure.add_layout(bar)

    def show(self, calibration: Calibration, *, above: bool) -> None:
        """Follow the size of a pixel, on the upper left, `above` a databar, else on the lower left."""
        size_nm, corner = calibration.pixel_size_nm, "top_left" if above else "bottom_left"
        self._lengths.update(tags=[size_nm[2] if size_nm else 1.0], visible=size_nm is not None, location=corner)
        self._pixels.update(visible=size_nm is None, location=corner)
