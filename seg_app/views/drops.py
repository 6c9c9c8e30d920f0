"""Choosing an image on Drops: one folder at a time, by clicks or by its path."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.io.copies import megabytes
from seg_app.models import Explorer, Row, Thumbnails, Worker
from seg_app.views import theme
from seg_app.views.courier import Courier
from seg_app.views.entering import keep_writing, on_enter
from seg_app.views.text import Text

MOST_ROWS = 500
"""More lines make a browser slow; nobody reads them."""

LOOKING = "Looking what is on Drops"
HINT = "A folder or file, as in /labdaq. Enter goes there."
OTHER = "insert_drive_file"
EMPTY = "This folder is empty."


class DropsBrowser(Viewer):
    """The list of a folder; a click on a folder looks into it, a click on an image fetches and opens it."""

    def __init__(self, explorer: Explorer, worker: Worker, courier: Courier):
        super().__init__()
        self._explorer, self._worker, self._courier = explorer, worker, courier
        self._thumbnails = Thumbnails(explorer)
        self._asked: tuple[Row, Future[Any]] | None = None
        self._crumbs = pmui.Breadcrumbs(items=[], max_items=4, margin=(4, 12), on_click=self._on_crumb)
        self._path = pmui.TextInput(label="Path", description=HINT, size="small", margin=(8, 8, 4, 8))
        self._path.sizing_mode = "stretch_width"
        self._sort = pmui.Checkbox.from_param(
            explorer.param.newest_first, label="Newest first", description="", margin=(0, 8)
        )
        self._again = pmui.IconButton(
            icon="refresh", description="Look again", size="small", on_click=lambda _: self._run(explorer.reload)
        )
        self._doing = Text(kind="caption", margin=(0, 12))
        self._list = pmui.MenuList(items=[], sizing_mode="stretch_width", margin=0)
        self._list.on_click(self._on_row)
        on_enter(self._path, self._on_path)
        keep_writing(self._path)
        explorer.param.watch(lambda *_: courier(self._show), ["folder", "rows"])
        explorer.param.watch(lambda _: courier(self._mark_open), "opened")
        self._thumbnails.param.watch(lambda _: courier(self._show_thumbnails), "pictures")
        worker.param.watch(lambda event: courier(lambda: setattr(self._doing, "text", _going_on(event.new))), "doing")

    def begin(self) -> None:
        """Look into the user's own folder, unless one is shown already."""
        if not self._explorer.folder:
            self._run(self._explorer.begin)

    def _run(self, verb: Callable[..., Any], *args: Any, title: str = LOOKING) -> Future[Any]:
        return self._worker.run(title, verb, *args)

    def _tell(self, words: str) -> None:
        self._worker.doing = words

    def _on_path(self, typed: str) -> None:
        self._run(lambda: self._explorer.go(typed, tell=self._tell))

    def _on_crumb(self, item: Any) -> None:
        self._run(self._explorer.go, f"/{item['path']}")

    def _on_row(self, item: Any) -> None:
        row = item.get("row")
        if row and not self._is_on_its_way(row):
            title = LOOKING if row.file.is_folder else f"Fetching {row.title} from Drops"
            self._asked = row, self._run(lambda: self._explorer.open(row, tell=self._tell), title=title)

    def _is_on_its_way(self, row: Row) -> bool:
        """Say whether it is being opened already: who is used to file managers clicks twice."""
        return bool(self._asked and self._asked[0] == row and not self._asked[1].done())

    def _show(self) -> None:
        rows = self._explorer.rows
        more = [_note(f"… and {len(rows) - MOST_ROWS} more: write the name above.")] if len(rows) > MOST_ROWS else []
        self._list.items = [_item(row) for row in rows[:MOST_ROWS]] + more or [_note(EMPTY)]
        self._crumbs.items = [{"label": path.split("/")[-1], "path": path} for path in self._explorer.crumbs]
        self._mark_open()
        self._show_thumbnails()

    def _mark_open(self) -> None:
        rows = [item.get("row") for item in self._list.items]
        places = (place for place, row in enumerate(rows) if row and self._explorer.shows(row))
        place = next(places, None)
        self._list.active = None if place is None else (place,)

    def _show_thumbnails(self) -> None:
        """Paint over the icons: to send all lines again for each picture would take the more the more there are."""
        pictures, lines = self._thumbnails.pictures, enumerate(self._list.items, start=1)
        painted = [_painted(n, pictures[item["row"]]) for n, item in lines if item.get("row") in pictures]
        self._list.stylesheets = [theme.FILES_CSS, "".join(painted)]

    def close(self) -> None:
        """Make no more thumbnails."""
        self._thumbnails.close()

    def __panel__(self) -> pn.viewable.Viewable:
        above = pmui.Row(self._sort, pn.layout.HSpacer(), self._again, sizing_mode="stretch_width", margin=0)
        parts = (self._path, self._crumbs, above, self._doing, self._list)
        return pmui.Column(*parts, sizing_mode="stretch_width", margin=0)


def _item(row: Row) -> dict[str, Any]:
    icon = "folder" if row.file.is_folder else "layers" if row.planes else "image" if row.is_image else OTHER
    return {"label": row.title, "secondary": about(row), "icon": icon, "row": row, "selectable": False}


def _painted(line: int, picture: bytes) -> str:
    data = base64.b64encode(picture).decode()
    icon = f".MuiListItemButton-root:nth-of-type({line}) .MuiListItemIcon-root"
    return f"{icon} {{ background-image: url(data:image/webp;base64,{data}); }} {icon} > * {{ visibility: hidden; }}\n"


def _note(text: str) -> dict[str, Any]:
    return {"label": text, "icon": None, "selectable": False}


def about(row: Row) -> str:
    """Return the size and time of a file in one line, by the clock of the app's server; of a folder its time."""
    modified = f"{datetime.fromtimestamp(row.file.modified_s):%Y-%m-%d %H:%M}"
    count = f"{len(row.planes)} files as planes · " if row.planes else ""
    return modified if row.file.is_folder else f"{count}{megabytes(row.file.size)} · {modified}"


def _going_on(doing: str) -> str:
    return f"{doing} …" if doing else ""
