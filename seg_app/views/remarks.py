"""The dialog of what should be known of an image before measuring on it."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.models import Volume
from seg_app.models.remarks import remarks_on
from seg_app.views.dialog import make_dialog
from seg_app.views.text import Text


class Remarks(Viewer):
    """Its sentences may hold names of files and words from inside files, and are shown as text."""

    def __init__(self, volume: Volume):
        super().__init__()
        self._volume = volume
        self._list = pmui.Column(margin=0, sizing_mode="stretch_width")
        self.dialog = make_dialog(self._list, title="Remarks on this image")

    def tell(self) -> None:
        """Open with the remarks as they are now."""
        remarks = remarks_on(self._volume)
        self._list[:] = [Text(text=remark, margin=(4, 8), sizing_mode="stretch_width") for remark in remarks]
        self.dialog.open = True

    def __panel__(self) -> pn.viewable.Viewable:
        return self.dialog
