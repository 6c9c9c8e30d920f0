"""Below the list of objects: save, load what was saved, export, and where the masks are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.models import Outbox
from seg_app.views import theme
from seg_app.views.export import Export
from seg_app.views.loaded import LoadedNotice
from seg_app.views.loading import LoadDialog
from seg_app.views.outbox import OutboxNotice
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.models import Session
    from seg_app.views.workbench import Workbench


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
        if not session.masks.masks:
            return f"Nothing is outlined. {name} has what was saved: Load brings it back."
        where = f" · below {session.store.where}" if session.store else ""
        return f"Unsaved changes since {name}" if session.unsaved else f"Saved as {name}{where}"
    if session.store is None:
        return ""
    return f"{'Not saved yet. ' if session.unsaved else ''}Saves below {session.store.where}"
