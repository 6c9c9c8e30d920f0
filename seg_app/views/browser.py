"""Choosing an image: the folders of the data server as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.errors import SegAppError
from seg_app.models import Desk, Worker
from seg_app.views.courier import Courier
from seg_app.views.dialog import make_dialog
from seg_app.views.insight import InSight
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.io.tiled import Entry

WAITING = {"label": "…", "disabled": True}
DELETE = "Delete"
MOST_NAMES = 4
NO_HIT = {"id": "/", "label": "No image here has this in its name.", "disabled": True}


def size_of(shape: tuple[int, ...]) -> str:
    """Return the size of an image as the bar on top says it: columns × rows, and planes where there are several."""
    is_colour = len(shape) > 2 and shape[-1] in (3, 4)
    last = 3 if is_colour else 2
    rows, columns, planes = shape[-last], shape[1 - last], shape[:-last]
    return " × ".join(map(str, (columns, rows, *(n for n in planes[-1:] if n > 1))))


def question(names: list[str]) -> str:
    """Return what somebody is asked who is about to delete files."""
    told = ", ".join(f"“{name}”" for name in names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more files" if len(names) > MOST_NAMES else ""
    what_stays = "Objects on them that were not saved are lost; saved sets of masks stay where they are."
    return f"Delete {told}{more} from the server? This cannot be undone. {what_stays}"


class Browser(Viewer):
    """A tree that is read folder by folder; a click on an image opens it."""

    def __init__(self, desk: Desk, worker: Worker, courier: Courier):
        super().__init__()
        self._desk, self._worker, self._courier = desk, worker, courier
        self._folders: dict[str, list[Entry]] = {}
        self._filter = pmui.TextInput(label="Filter", size="small", sizing_mode="stretch_width", margin=(4, 8))
        self._tree = pmui.Tree(items=[WAITING], sizing_mode="stretch_width", margin=(0, 4))
        self._in_sight = InSight()
        self._filter.param.watch(lambda _: self._on_filter(), "value_input")
        self._tree.param.watch(self._on_expanded, "expanded")
        self._tree.param.watch(self._on_active, "active")
        self._tree.on_action(DELETE, self._ask_to_delete)
        self._doomed, self._question = "", Text(margin=(0, 8, 12, 8))
        self._delete = pmui.Button(
            label=DELETE, icon="delete", color="error", margin=8, on_click=lambda _: self._on_delete()
        )
        cancel = pmui.Button(label="Cancel", variant="text", margin=8, on_click=lambda _: self._close())
        self.dialog = make_dialog(self._question, pmui.Row(self._delete, cancel, margin=0), title="Delete files")
        self._sought = self._open_path()
        """The image that was opened last, as long as the folders above it are not unfolded."""
        desk.param.watch(lambda _: self._courier(self._on_opened), "session")
        self.read("")

    def read(self, path: str) -> None:
        """List a folder in the worker thread, then show it."""
        future = self._worker.run("Looking what is there", self._desk.browse, path)
        future.add_done_callback(lambda done: self._courier(lambda: self._on_read(path, done.result())))

    @property
    def is_stale(self) -> bool:
        """Whether something at the root could not be listed."""
        root = self._folders.get("")
        return not root or any(entry.problem for entry in root)

    def reread(self) -> None:
        """List every folder that was looked into again, in the worker thread: files may have come."""
        future = self._worker.run("Looking what is there", self._list, "", set(self._folders))
        future.add_done_callback(lambda done: self._courier(lambda: self._on_reread(done.result())))

    def _list(self, path: str, known: set[str]) -> dict[str, list[Entry]]:
        """Return what is in a folder, and in those of the known folders that are still below it. Raises SourceError."""
        listed = {path: self._desk.browse(path)}
        for entry in listed[path]:
            if entry.path in known:
                listed |= self._list(entry.path, known)
        return listed

    def _on_reread(self, listed: dict[str, list[Entry]] | None) -> None:
        if listed is None:  # the worker has said why
            return
        is_first = not self._folders.get("")
        self._folders |= listed
        self._show()
        if is_first:
            self._unfold_first("")

    def _on_read(self, path: str, entries: list[Entry] | None) -> None:
        if entries is None:
            self._folders.pop(path, None)  # the worker has said why; unfolding it again tries again
            self._tree.expanded = []
            return
        self._folders[path] = entries
        self._show()
        self._unfold_first(path)

    def _unfold_first(self, path: str) -> None:
        """Show what is in the first folder without being asked, once it is read."""
        first = next(((i, entry) for i, entry in enumerate(self._shown("")) if entry.kind == "folder"), None)
        if first and path == "":
            self._folders[first[1].path] = []
            self.read(first[1].path)
        elif first and path == first[1].path:
            self._tree.expanded = [*self._tree.expanded, (first[0],)]

    def _on_filter(self) -> None:
        self._show()
        self._tree.expanded = list(self._known_folders("", ()))

    def _known_folders(self, folder: str, place: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield the places of the folders that were looked into."""
        for i, entry in enumerate(self._shown(folder)):
            if self._folders.get(entry.path):
                yield (*place, i)
                yield from self._known_folders(entry.path, (*place, i))

    def _show(self) -> None:
        self._tree.items = self._items("") or ([NO_HIT] if self._wanted else [])
        self._mark_open()

    def _items(self, folder: str) -> list[dict[str, Any]]:
        return [self._item(entry) for entry in self._shown(folder)]

    def _shown(self, folder: str) -> list[Entry]:
        return [entry for entry in self._folders.get(folder, []) if self._is_wanted(entry)]

    def _is_wanted(self, entry: Entry) -> bool:
        if entry.kind == "folder":  # one that was not looked into may have it
            return not self._wanted or not self._folders.get(entry.path) or bool(self._shown(entry.path))
        return self._wanted in f"{entry.title} {entry.name}".casefold()

    @property
    def _wanted(self) -> str:
        return str(self._filter.value_input or "").casefold().strip()

    def _item(self, entry: Entry) -> dict[str, Any]:
        if entry.kind == "image":
            size = size_of(entry.shape) if entry.shape else entry.name
            return {"id": entry.path, "label": entry.title, "secondary": size, "file_type": "image"}
        inside = self._items(entry.path) if entry.path in self._folders else [WAITING | {"id": f"{entry.path}/…"}]
        folder = {"id": entry.path, "label": entry.title, "file_type": "folder", "items": inside}
        if self._desk.is_own(entry.path):
            # in the colour of the words beside it: that of Material cannot be seen on a dark page
            sign = {"icon": "delete", "inline": True, "color": "inherit"}
            folder["actions"] = [{"label": f"{DELETE} {entry.title}", "action": DELETE, **sign}]
        return folder

    def _entry_at(self, place: tuple[int, ...]) -> Entry | None:
        folder, entry = "", None
        for index in place:
            shown = self._shown(folder)
            if index >= len(shown):
                return None
            entry = shown[index]
            folder = entry.path
        return entry

    def _on_expanded(self, event: Any) -> None:
        for place in event.new:
            entry = self._entry_at(tuple(place))
            if entry and entry.kind == "folder" and entry.path not in self._folders:
                self._folders[entry.path] = []
                self.read(entry.path)

    def _on_active(self, event: Any) -> None:
        place = tuple(event.new[0]) if event.new else ()
        entry = self._entry_at(place)
        if entry and entry.kind == "folder":
            folded = [one for one in self._tree.expanded if one != place]
            self._tree.expanded = folded if len(folded) < len(self._tree.expanded) else [*folded, place]
            self._mark_open()
        elif entry and entry.kind == "image" and entry.path != self._open_path():
            opening = self._worker.run(f"Opening {entry.title}", self._desk.open, entry.path)
            opening.add_done_callback(lambda _: self._courier(self._mark_open))

    def _open_path(self) -> str | None:
        return self._desk.path

    def _on_opened(self) -> None:
        self._sought = self._open_path()
        self._mark_open()

    def _mark_open(self) -> None:
        place = self._place_of(self._open_path(), "")
        self._tree.active = [place] if place else []
        self._reveal()

    def _reveal(self) -> None:
        """Show the image that was opened last, once: unfold the folders above it, which are read before, go to it."""
        if place := self._place_of(self._sought, ""):
            self._sought = None
            above = [place[:n] for n in range(1, len(place))]
            self._tree.expanded = [*self._tree.expanded, *(one for one in above if one not in self._tree.expanded)]
            self._in_sight.turn += 1
        elif (unread := self._unread_above(self._sought)) is not None:
            self._folders[unread] = []
            self.read(unread)

    def _unread_above(self, path: str | None, folder: str = "") -> str | None:
        for entry in self._shown(folder):
            if entry.kind == "folder" and path and path.startswith(f"{entry.path}/"):
                return self._unread_above(path, entry.path) if entry.path in self._folders else entry.path
        return None

    def _place_of(self, path: str | None, folder: str) -> tuple[int, ...] | None:
        for i, entry in enumerate(self._shown(folder)):
            if entry.path == path:
                return (i,)
            if entry.kind == "folder" and path and path.startswith(f"{entry.path}/"):
                inside = self._place_of(path, entry.path)
                return (i, *inside) if inside else None
        return None

    def _ask_to_delete(self, item: Any) -> None:
        try:
            names = self._desk.handed_over(item["id"])
        except SegAppError as error:
            self._worker.complain(str(error))
            return
        self._doomed, self._question.text, self.dialog.open = item["id"], question(names), True

    def _close(self) -> None:
        self.dialog.open = False

    def _on_delete(self) -> None:
        self._close()
        deleting = self._worker.run("Deleting files", self._desk.discard, self._doomed)
        deleting.add_done_callback(lambda _: self._courier(self.reread))

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Column(self._filter, self._tree, self._in_sight, self.dialog, sizing_mode="stretch_width", margin=0)
