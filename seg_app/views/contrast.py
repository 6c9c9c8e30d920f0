"""The contrast of a session: a slider with two ends, and a button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

if TYPE_CHECKING:
    from seg_app.views.workbench import Workbench


class Contrast(Viewer):
    """Black and white points on the data's own scale."""

    def __init__(self, bench: Workbench):
        super().__init__()
        session = bench.session
        self._bench, self._session = bench, session
        low, high = session.volume.data_range()
        self._slider = pmui.RangeSlider(
            label="Contrast", start=low, end=high, value=session.limits, step=self._step(low, high), size="small",
            format="0" if session.volume.dtype.kind in "iu" else "0.0000",
            sizing_mode="stretch_width", margin=(4, 8, 8, 24), visible=not session.volume.is_rgb,
        )  # fmt: skip
        self._slider.param.watch(self._on_value, "value")
        self._auto = pmui.Button(
            label="Auto", variant="text", size="small", margin=(8, 8), on_click=self._on_auto,
            visible=not session.volume.is_rgb, description="Show the 0.5th to the 99.5th percentile",
        )  # fmt: skip

    def _step(self, low: float, high: float) -> float:
        step = (high - low) / 500
        return max(1.0, round(step)) if self._session.volume.dtype.kind in "iu" else step

    def _on_value(self, event: Any) -> None:
        low, high = event.new
        if high > low:
            self._session.limits = (float(low), float(high))

    def _on_auto(self, _: Any) -> None:
        self._bench.do("Looking at the contrast", self._session.volume.percentiles, then=self._show)

    def _show(self, limits: tuple[float, float] | None) -> None:
        if limits:  # else the worker has said why
            self._session.limits = limits

    def refresh(self) -> None:
        """Follow the session."""
        self._slider.value = self._session.limits

    def turn(self) -> None:
        """Follow it to other grey values."""
        low, high = self._session.volume.data_range()
        self._slider.param.update(start=low, end=high, step=self._step(low, high), value=self._session.limits)

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Row(self._slider, self._auto, sizing_mode="stretch_width", margin=0, min_width=300)
