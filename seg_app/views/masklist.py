"""The table of objects: select, classify; below it what saves them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models.widgets.tables import HTMLTemplateFormatter
from panel.viewable import Viewer

from seg_app.records import Mask
from seg_app.views import theme
from seg_app.views.saved import SavedSets
from seg_app.views.text import Text
from seg_app.views.toolbar import ThroughPlanes

if TYPE_CHECKING:
    from seg_app.models import Volume
    from seg_app.views.workbench import Workbench

ROWS_PER_PAGE = 20
TABLE_REST_S = 0.3
"""Tabulator takes new rows in steps of its own; what comes while it is at it may be lost in the browser."""
EMPTY = "Nothing is outlined yet.<br>Click on an object in the image,<br>then press Enter to accept it."
TABLE = {
    "editTriggerEvent": "dblclick",
    "placeholder": EMPTY,
    "renderVertical": "basic",  # the virtual one draws rows anew when one is selected, and would end the typing in it
    "columnDefaults": {"resizable": "header"},  # else the handles between the cells take clicks on the rows
}
COLUMNS = {"#": "int64", "colour": "object", "class": "object", "area": "float64", "score": "float64", "plane": "int64"}
COLUMNS |= {"last": "int64", "n": "int64"}
"""The types are the same for every table, also an empty one: Tabulator builds itself anew when one changes, and loses
the rows that come meanwhile."""

THREE_DIGITS = "<%= value < 100 ? value.toPrecision(3) : value.toFixed(0) %>"
"""For areas in µm², which go from pores to the whole plane; the table sorts by the values themselves."""
WHOLE = "<%= value.toFixed(0) %>"
SCORE = "<%= isNaN(value) ? '' : value.toFixed(2) %>"
RIGHT: Any = {"#": "right", "area": "right", "score": "right", "plane": "right"}
TOOLTIPS = {
    "area": "That of the largest outline of the object",
    "score": "The lowest of its outlines",
    "plane": "The first and the last; in brackets how many, where some between them are missing",
}
PLANES = "<%= value %><%= last > value ? '–' + last : '' %><%= n < last - value + 1 ? ' (' + n + ')' : '' %>"


def table_of(objects: Sequence[tuple[Mask, ...]], pixel_area_um2: float | None) -> pd.DataFrame:
    """Return one row for each object, indexed by position; area in µm² where the pixel size is known, else in pixels.

    Of an object on several planes the area is that of its largest mask, the score the lowest.
    """
    rows = [
        (
            masks[0].number,
            swatch(masks[0].number),
            ", ".join(dict.fromkeys(mask.class_name for mask in masks if mask.class_name)),
            max(mask.area for mask in masks) * (pixel_area_um2 or 1),
            min((round(mask.score, 2) for mask in masks if mask.score is not None), default=None),
            min(mask.z for mask in masks) + 1,
            max(mask.z for mask in masks) + 1,
            len({mask.z for mask in masks}),
        )
        for masks in objects
    ]
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS)).astype(COLUMNS)


def pixel_area_um2(volume: Volume) -> float | None:
    """Return the area of a pixel; None where it is not known."""
    size_nm = volume.pixel_size_nm
    return size_nm[1] * size_nm[2] / 1e6 if size_nm else None


def titles(area_um2: float | None) -> dict[str, str]:
    """Return what stands above the columns."""
    area = "Area, µm²" if area_um2 else "Area, px"
    return {"colour": "", "area": area, "class": "Class", "score": "Score", "plane": "Plane"}


def formatters(area_um2: float | None) -> dict[str, Any]:
    """Return how the values of the columns are written, for one table: it would be kept by what it shares."""
    area = HTMLTemplateFormatter(template=THREE_DIGITS if area_um2 else WHOLE)
    score, plane = HTMLTemplateFormatter(template=SCORE), HTMLTemplateFormatter(template=PLANES)
    return {"colour": {"type": "html"}, "class": {"type": "plaintext"}, "area": area, "score": score, "plane": plane}


def swatch(number: int) -> str:
    """Return the colour of an object as HTML."""
    return f'<span class="swatch" style="background: {theme.colour_of(number)}"></span>'


class MaskList(Viewer):
    """The objects of the session, a page at a time; its selection is the session's."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench, self._session = bench, bench.session
        self._pixel_area_um2 = pixel_area_um2(self._session.volume)
        self._table = self._make_table()
        self._title = Text(kind="title", margin=(12, 12, 4, 12))
        self._class = pmui.TextInput(
            label="Class of new objects", value=self._session.class_name, placeholder="e.g. particle, pore",
            size="small", margin=(6, 0, 6, 12), sizing_mode="stretch_width",
        )  # fmt: skip
        self._class.param.watch(lambda event: setattr(self._session, "class_name", event.new.strip()), "value")
        self._classify = pmui.Button(
            label="Set on selected", variant="text", size="small", margin=(6, 6), align="center",
            description="Give this class to the selected objects", on_click=self._on_classify,
        )  # fmt: skip
        self._every = self._select_button("All", self._select_all, margin=(6, 0))
        self._none = self._select_button("None", self._select_none, margin=(6, 6, 6, 0))
        self._saved, self._through = SavedSets(bench), ThroughPlanes(bench)
        self.dialogs = self._saved.dialogs
        self._refreshing = False
        self._shown: list[tuple[Mask, ...]] = []
        self._drawn: tuple[Mask, ...] | None = None
        self._followed: list[str] = []
        self._is_due, self._next_s = False, 0.0
        self.refresh()

    def _select_button(self, label: str, act: Callable[[Any], None], *, margin: tuple[int, ...]) -> pmui.Button:
        return pmui.Button(label=label, variant="text", size="small", margin=margin, on_click=act)

    def _make_table(self) -> pn.widgets.Tabulator:
        table = pn.widgets.Tabulator(
            table_of((), None),
            show_index=False,
            pagination="remote",
            page_size=ROWS_PER_PAGE,
            selectable=True,
            configuration=TABLE,
            sizing_mode="stretch_both",
            layout="fit_columns",
            widths={"#": 42, "colour": 26, "area": 70, "plane": 74, "score": 48},
            hidden_columns=["last", "n"],
            header_tooltips=TOOLTIPS if self._session.volume.n_planes > 1 else {},
            titles=titles(self._pixel_area_um2),
            formatters=formatters(self._pixel_area_um2),
            text_align=RIGHT,
            header_align=RIGHT,
            editors={column: None for column in COLUMNS if column != "class"} | {"class": {"type": "input"}},
            header_filters=False,
            stylesheets=[theme.TABLE_CSS],
            margin=(0, 6),
        )  # fmt: skip
        table.param.watch(self._on_selection, "selection")
        table.on_edit(self._on_edit)
        return table

    def refresh(self) -> None:
        """Show the masks and the selection as they are now."""
        masks = self._session.masks
        self._saved.refresh()
        self._through.refresh()
        self._classify.disabled = self._none.disabled = not masks.selected
        self._every.disabled = not masks.masks
        self._title.text = title_of(masks.objects, set(masks.selected))
        if not self._is_due:
            self._is_due = True
            wait_s = self._next_s - time.monotonic()
            self._bench.courier.later(max(0.0, wait_s), self._draw)

    def _draw(self) -> None:
        self._is_due, self._next_s = False, time.monotonic() + TABLE_REST_S
        masks, shown = self._session.masks, self._session.masks.masks
        area_um2 = pixel_area_um2(self._session.volume)
        self._refreshing = True
        try:
            if area_um2 != self._pixel_area_um2:
                self._pixel_area_um2, self._drawn = area_um2, None
                self._table.param.update(titles=titles(area_um2), formatters=formatters(area_um2))
            if shown is not self._drawn:
                self._shown, self._drawn = masks.objects, shown
                self._table.value = table_of(self._shown, self._pixel_area_um2)
            positions = {mask.id: i for i, parts in enumerate(self._shown) for mask in parts}
            chosen = [id_ for id_ in masks.selected if id_ in positions]
            self._table.selection = list(dict.fromkeys(positions[id_] for id_ in chosen))
        finally:
            self._refreshing = False
        if chosen != self._followed:  # else the user may have turned the page since
            self._followed = chosen
            self._turn_to(self._table.selection)

    def _turn_to(self, selection: list[int]) -> None:
        if len(selection) == 1:
            place = self._table.current_view.index.tolist().index(selection[0])  # the rows may be sorted
            self._table.page = place // ROWS_PER_PAGE + 1

    def _on_selection(self, event: Any) -> None:
        if not self._refreshing:
            self._followed = [mask.id for i in event.new for mask in self._shown[i]]  # where the user has clicked
            self._session.masks.select(self._followed)
            if len(event.new) == 1:
                self._session.go_to(nearest_plane(self._shown[event.new[0]], self._session.z))

    def _on_edit(self, event: Any) -> None:
        ids, name = [mask.id for mask in self._shown[event.row]], str(event.value or "").strip()
        self._drawn = None  # the table shows what was typed, whether it will be kept or not: draw it again
        self._bench.do("Classifying", self._session.masks.classify, ids, name, then=lambda _: self.refresh())

    def _on_classify(self, _: Any) -> None:
        masks = self._session.masks
        self._bench.do("Classifying", masks.classify, list(masks.selected), self._session.class_name)

    def _select_all(self, _: Any) -> None:
        masks = self._session.masks
        masks.select(mask.id for mask in masks.masks)

    def _select_none(self, _: Any) -> None:
        self._session.masks.select(())

    def __panel__(self) -> pn.viewable.Viewable:
        buttons = (self._every, self._none)
        head = pmui.Row(self._title, pn.layout.HSpacer(), *buttons, sizing_mode="stretch_width", margin=0)
        classes = pmui.Row(self._class, self._classify, sizing_mode="stretch_width", margin=0)
        return pmui.Paper(
            *(head, classes, self._through, self._table, self._saved), width=380, sizing_mode="stretch_height",
            elevation=0, sx=theme.PAPER, margin=(8, 8, 8, 0),
        )  # fmt: skip


def title_of(objects: Sequence[tuple[Mask, ...]], selected: set[str]) -> str:
    """Return how many objects there are and are selected; where these are on several planes, how many outlines."""
    chosen = [masks for masks in objects if masks[0].id in selected]
    n = sum(len(masks) for masks in chosen)
    outlines = f" ({n} {'planes' if len(chosen) == 1 else 'outlines'})" if n > len(chosen) else ""
    return f"Objects · {len(objects)}" + (f" · {len(chosen)} selected{outlines}" if chosen else "")


def nearest_plane(masks: tuple[Mask, ...], z: int) -> int:
    """Return the plane of an object that is nearest to z."""
    return min((mask.z for mask in masks), key=lambda plane: abs(plane - z))
