"""The object that is being made, over the picture: points, box and outline, and what a click would outline."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource

from seg_app.geometry import outline
from seg_app.models import Latest, Session
from seg_app.records import Mask, Prompts
from seg_app.views import theme
from seg_app.views.courier import Courier, Watches

EDGES = ("left", "right", "top", "bottom")


class DraftLayer:
    """Bokeh glyphs, which change in a tenth of the time that HoloViews would need; nothing else knows of them."""

    def __init__(self, session: Session, courier: Courier, watches: Watches):
        self._session, self._courier = session, courier
        self._points = ColumnDataSource(data={"x": [], "y": [], "color": [], "marker": []})
        self._box = ColumnDataSource(data={edge: [] for edge in EDGES})
        self._outline = ColumnDataSource(data={"xs": [], "ys": []})
        self._preview = ColumnDataSource(data={"xs": [], "ys": []})
        self._latest, self._latest_preview = Latest("seg-app-outline"), Latest("seg-app-preview")
        draft = session.draft
        watches.add(draft, "prompts", lambda event: self._show_prompts(event.new))
        watches.add(draft, "mask", lambda event: self._latest.ask(lambda: self._show_outline(event.new)))
        watches.add(session.preview, "mask", lambda event: self._on_preview(event.new))
        self._show_prompts(draft.prompts)
        self._show_outline(draft.mask)

    def furnish(self, figure: Any) -> None:
        """Add the glyphs to a Bokeh figure; once for each figure."""
        figure.multi_polygons("xs", "ys", source=self._outline, **theme.DRAFT_STYLE)
        figure.multi_polygons("xs", "ys", source=self._preview, **theme.PREVIEW_STYLE)
        for style in (theme.BOX_CASING, theme.BOX_STYLE):
            figure.quad(*EDGES, source=self._box, **style)
        points = {"marker": "marker", "fill_color": "color", **theme.MARKER_STYLE}
        figure.scatter("x", "y", source=self._points, **points)

    def _show_prompts(self, prompts: Prompts) -> None:
        points, box = prompts.points, prompts.box
        marks = {
            "x": [point.x for point in points],
            "y": [point.y for point in points],
            "color": [theme.INCLUDE if point.include else theme.EXCLUDE for point in points],
            "marker": ["circle_cross" if point.include else "circle_x" for point in points],
        }
        edges = [[box.x0], [box.x1], [box.y0], [box.y1]] if box else [[], [], [], []]
        self._courier(lambda: self._update_prompts(prompts, marks, dict(zip(EDGES, edges, strict=True))))

    def _update_prompts(self, prompts: Prompts, marks: dict[str, Any], edges: dict[str, Any]) -> None:
        current = prompts is self._session.draft.prompts
        _update_if(current, self._points, marks)
        _update_if(current, self._box, edges)

    def _show_outline(self, mask: Mask | None) -> None:
        rings = rings_of(mask, self._session.scale)
        self._courier(lambda: _update_if(mask is self._session.draft.mask, self._outline, rings))

    def _on_preview(self, mask: Mask | None) -> None:
        if mask:
            self._latest_preview.ask(lambda: self._show_preview(mask))
        else:
            self._show_preview(None)  # at once: what is no longer so is not seen any more

    def _show_preview(self, mask: Mask | None) -> None:
        rings = rings_of(mask, self._session.scale)
        self._courier(lambda: _update_if(mask is self._session.preview.mask, self._preview, rings))

    def close(self) -> None:
        """End the threads."""
        self._latest.close()
        self._latest_preview.close()


def rings_of(mask: Mask | None, scale: float) -> dict[str, Any]:
    """Return the outline of a mask as the data of Bokeh's multi-polygons, as smooth as a screen pixel of `scale`."""
    rings = outline(mask, tolerance=scale / 2) if mask else []
    # One polygon with all rings: Bokeh fills by the even-odd rule, which leaves the holes free.
    return {"xs": [[[ring[:, 0] for ring in rings]]], "ys": [[[ring[:, 1] for ring in rings]]]} if rings else NO_RINGS


NO_RINGS: dict[str, Any] = {"xs": [], "ys": []}


def _update_if(current: bool, source: ColumnDataSource, data: dict[str, Any]) -> None:
    # What the page's thread changes is shown at once, and may overtake what still comes from the worker's.
    if current:
        source.update(data=data)
