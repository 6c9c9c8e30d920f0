"""The table of masks: select, classify, save, load."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models.widgets.tables import HTMLTemplateFormatter
from panel.viewable import Viewer

from seg_app.models import Outbox
from seg_app.records import Mask
from seg_app.views import theme
from seg_app.views.export import Export
from seg_app.views.loaded import LoadedNotice
from seg_app.views.loading import LoadDialog
from seg_app.views.outbox import OutboxNotice
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.models import Session, Volume
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
"""The types are the same for every table, also an empty one: Tabulator builds itself anew when one changes, and loses
the rows that come meanwhile."""

THREE_DIGITS = "<%= value < 100 ? value.toPrecision(3) : value.toFixed(0) %>"
"""For areas in µm², which go from pores to the whole plane; the table sorts by the values themselves."""
WHOLE = "<%= value.toFixed(0) %>"
SCORE = "<%= isNaN(value) ? '' : value.toFixed(2) %>"


def table_of(masks: tuple[Mask, ...], pixel_area_um2: float | None) -> pd.DataFrame:
    """Return one row for each mask, indexed by position; area in µm² where the pixel size is known, else in pixels."""
    rows = [
        (
            mask.number,
            swatch(mask.number),
            mask.class_name,
            mask.area * pixel_area_um2 if pixel_area_um2 else mask.area,
            None if mask.score is None else round(mask.score, 2),
            mask.z + 1,
        )
        for mask in masks
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
    score = HTMLTemplateFormatter(template=SCORE)
    return {"colour": {"type": "html"}, "class": {"type": "plaintext"}, "area": area, "score": score}


def swatch(number: int) -> str:
    """Return the colour of an object as HTML."""
    return f'<span class="swatch" style="background: {theme.colour_of(number)}"></span>'


class MaskList(Viewer):
    """The masks of the session, a page at a time; its selection is the session's."""

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
        self._saved = SavedSets(bench)
        self.dialogs = self._saved.dialogs
        self._refreshing = False
        self._shown: tuple[Mask, ...] = ()
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
            widths={"#": 42, "colour": 26, "area": 70, "plane": 46, "score": 48},
            titles=titles(self._pixel_area_um2),
            formatters=formatters(self._pixel_area_um2),
            text_align={"#": "right", "area": "right", "score": "right", "plane": "right"},
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
        chosen = f" · {len(masks.selected)} selected" if masks.selected else ""
        self._saved.refresh()
        self._classify.disabled = self._none.disabled = not masks.selected
        self._every.disabled = not masks.masks
        self._title.text = f"Objects · {len(masks.masks)}{chosen}"
        if not self._is_due:
            self._is_due = True
            wait_s = self._next_s - time.monotonic()
            self._bench.courier.later(max(0.0, wait_s), self._draw)

    def _draw(self) -> None:
        self._is_due, self._next_s = False, time.monotonic() + TABLE_REST_S
        masks, shown = self._session.masks, self._session.masks.masks
        positions = {mask.id: i for i, mask in enumerate(shown)}
        chosen = [id_ for id_ in masks.selected if id_ in positions]
        area_um2 = pixel_area_um2(self._session.volume)
        self._refreshing = True
        try:
            if area_um2 != self._pixel_area_um2:
                self._pixel_area_um2, self._drawn = area_um2, None
                self._table.param.update(titles=titles(area_um2), formatters=formatters(area_um2))
            if shown is not self._drawn:
                self._shown = self._drawn = shown
                self._table.value = table_of(shown, self._pixel_area_um2)
            self._table.selection = [positions[id_] for id_ in chosen]
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
            self._followed = [self._shown[i].id for i in event.new]  # the row is where the user has clicked
            self._session.masks.selected = tuple(self._followed)
            if len(event.new) == 1:
                self._session.go_to(self._shown[event.new[0]].z)

    def _on_edit(self, event: Any) -> None:
        mask, name = self._shown[event.row], str(event.value or "").strip()
        self._drawn = None  # the table shows what was typed, whether it will be kept or not: draw it again
        self._bench.do("Classifying", self._session.masks.classify, [mask.id], name, then=lambda _: self.refresh())

    def _on_classify(self, _: Any) -> None:
        masks = self._session.masks
        self._bench.do("Classifying", masks.classify, list(masks.selected), self._session.class_name)

    def _select_all(self, _: Any) -> None:
        masks = self._session.masks
        masks.selected = tuple(mask.id for mask in masks.masks)

    def _select_none(self, _: Any) -> None:
        self._session.masks.selected = ()

    def __panel__(self) -> pn.viewable.Viewable:
        buttons = (self._every, self._none)
        head = pmui.Row(self._title, pn.layout.HSpacer(), *buttons, sizing_mode="stretch_width", margin=0)
        classes = pmui.Row(self._class, self._classify, sizing_mode="stretch_width", margin=0)
        return pmui.Paper(
            head, classes, self._table, self._saved, width=380, sizing_mode="stretch_height", elevation=0,
            sx=theme.PAPER, margin=(8, 8, 8, 0),
        )  # fmt: skip


class SavedSets(Viewer):
    """Save, load what was saved, and export."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench = bench
        self._save = pmui.Button(
            label="Save", icon="save", variant="contained", size="small", margin=(8, 6, 8, 12),
            on_click=lambda _: bench.save(), sx=theme.WITH_TIP,
        )  # fmt: skip
        self.export, self._loaded = Export(bench), LoadedNotice(bench)
        self.loading = LoadDialog(bench, then=self._loaded.tell)
        self._load = pmui.Button(
            label="Load", icon="folder_open", variant="outlined", size="small", margin=(8, 6),
            on_click=lambda _: self.loading.ask(),
        )  # fmt: skip
        store, self._typed = bench.session.store, bench.session.set_title
        self._notices = [OutboxNotice(bench, store)] if isinstance(store, Outbox) else []
        self._title = pmui.TextInput(
            label="Name of the set", placeholder="optional, e.g. pores", value=bench.session.set_title, size="small",
            margin=(6, 12, 0, 12), sizing_mode="stretch_width",
        )  # fmt: skip
        # with every letter, so that Save is there for the click that ends the typing
        self._title.param.watch(self._on_title, ["value", "value_input"])
        # high enough for two lines: Save must not move away from under the pointer when the words change
        self._where = Text(kind="caption", margin=(0, 12, 8, 12), sizing_mode="stretch_width", min_height=36)
        self.dialogs = (self.loading.dialog, self.export.dialog, *(notice.dialog for notice in self._notices))

    def _on_title(self, *events: Any) -> None:
        self._bench.session.set_title = self._typed = events[-1].new  # the same in both, where both come at once

    def refresh(self) -> None:
        """Enable what makes sense, and say where the masks are."""
        session = self._bench.session
        reason = _why_not_saved(session)
        self._save.param.update(disabled=bool(reason), description=f"Save the masks (Ctrl+S){reason}")
        self._load.disabled = session.store is None
        self.export.refresh()
        if session.set_title != self._typed:  # another time of the image may have been saved under another one
            self._title.value = self._typed = session.set_title
        self._where.text = where_it_is(session)

    def __panel__(self) -> pn.viewable.Viewable:
        buttons = pmui.Row(self._save, self._load, self.export, margin=0)
        notices = (self._loaded, *self._notices)
        return pmui.Column(
            self._title, buttons, self._where, *notices, self.loading, sizing_mode="stretch_width", margin=0
        )


def _why_not_saved(session: Session) -> str:
    if session.store is None:
        return ": there is no place to keep them"
    if not session.masks.masks:
        return ": there are none yet"
    return "" if session.has_news else ": nothing has changed since"


def where_it_is(session: Session) -> str:
    """Return whether what is in the list is saved, and where it is or goes to."""
    if session.saved_as:
        name = session.saved_as.rpartition("/")[2]
        where = f" · below {session.store.where}" if session.store else ""
        return f"Unsaved changes since {name}" if session.unsaved else f"Saved as {name}{where}"
    if session.store is None:
        return ""
    return f"{'Not saved yet. ' if session.unsaved else ''}Saves below {session.store.where}"
