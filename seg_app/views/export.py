"""Masks in the formats of other programs, downloaded by the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.io.formats import FORMATS, module_of
from seg_app.views.dialog import make_dialog
from seg_app.views.download import Download
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.records import MaskFile
    from seg_app.views.workbench import Workbench

OFFERED = {
    suffix: entry.title
    for suffix, entry in FORMATS.items()
    if entry.writes and not entry.is_folder and suffix != ".tiff"
}

NOTE_HEIGHT = 34
"""Two lines, in pixels: an image may have a long name."""


class Export(Viewer):
    """A button, and the formats to choose from; a click on one makes the file and hands it to the browser."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench = bench
        self._button = pmui.Button(
            label="Export", icon="file_download", variant="outlined", size="small", margin=(8, 6),
            on_click=lambda _: self._open(),
        )  # fmt: skip
        self._formats = pmui.MenuList(items=[_item(suffix) for suffix in OFFERED], sizing_mode="stretch_width")
        self._formats.on_click(self._on_choice)
        # The dialog stays as large as it is whatever the note says.
        self._note = Text(kind="caption", margin=(8, 16), sizing_mode="stretch_width", min_height=NOTE_HEIGHT)
        self._download = Download()
        parts = (self._formats, self._note, self._download)
        self.dialog = make_dialog(*parts, title="Export the masks", sizing_mode="stretch_width")

    def refresh(self) -> None:
        """Enable what makes sense."""
        self._button.disabled = not self._bench.session.masks.masks

    def _open(self) -> None:
        """Open with what each format cannot keep; without it where that would have to wait for something else.

        It is there from the beginning or not at all: the formats must not move away from under the pointer.
        """
        if self._bench.worker.doing:
            self._show({})
        else:
            session = self._bench.session
            self._bench.do("Looking what each format keeps", lambda: losses_of(session.file), then=self._show)

    def _show(self, losses: dict[str, list[str]] | None) -> None:
        self._note.text = ""
        self._formats.items = [_item(suffix, *(losses or {}).get(suffix, [])) for suffix in OFFERED]
        self.dialog.open = True

    def _on_choice(self, item: Any) -> None:
        self._note.text = f"Making the {item['label']} file …"
        self._bench.do("Exporting the masks", self._bench.session.export, item["label"], then=self._send)

    def _send(self, made: tuple[str, bytes, list[str]] | None) -> None:
        if made is None:  # the line of errors says why
            self._note.text = ""
            return
        name, data, _ = made  # what is lost is said at each format
        self._download.send(name, data)
        self._note.text = f"{name} is in your downloads."

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Row(self._button, self.dialog, margin=0)


def _item(suffix: str, *losses: str) -> dict[str, Any]:
    return {"label": suffix, "secondary": " · ".join([OFFERED[suffix], *losses]), "icon": "description"}


def losses_of(file: MaskFile) -> dict[str, list[str]]:
    """Return in plain words what each format that is offered cannot keep of these masks, by its suffix."""
    return {suffix: module_of(FORMATS[suffix]).losses(file) for suffix in OFFERED}
