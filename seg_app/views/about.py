"""What is open, in the bar on top: name, size, scale, and what should be known before measuring on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.lengths import spoken_pixel
from seg_app.models.remarks import remarks_on
from seg_app.views.courier import Watches
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.models import Session
    from seg_app.views.workbench import Workbench


class About(Viewer):
    """One line, whose scale opens the dialog of the scale, and whose sign opens the remarks on the image."""

    def __init__(self) -> None:
        super().__init__()
        self._bench: Workbench | None = None
        self._watches = Watches()
        self._name = Text(kind="bar", margin=(0, 0, 0, 16), align="center")
        self._scale = pmui.Button(
            label="", variant="text", color="light", size="small", margin=(0, 4), visible=False, align="center",
            description="Change the scale", sx={"textTransform": "none"},
            on_click=lambda _: self._bench and self._bench.show_scale(),
        )  # fmt: skip
        self._sign = pmui.IconButton(
            icon="info_outline", color="warning", size="small", margin=(0, 4), visible=False, align="center",
            description="Remarks on this image", on_click=lambda _: self._bench and self._bench.show_remarks(),
        )  # fmt: skip

    def follow(self, bench: Workbench) -> None:
        """Follow the image of another bench."""
        self._watches.end()
        self._bench = bench
        told = ["calibration", "image", "damaged_planes"]
        self._watches.add(bench.session.volume, told, lambda *_: bench.courier(self._show))
        self._show()

    def _show(self) -> None:
        if self._bench is None:
            return
        volume = self._bench.session.volume
        self._name.text = f"{describe(self._bench.session)} · "
        self._scale.param.update(label=spoken_pixel(volume.calibration), visible=True)
        self._sign.visible = bool(remarks_on(volume))

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Row(self._name, self._scale, self._sign, margin=0)


def describe(session: Session) -> str:
    """Return what is open in one line: name, size, data type."""
    volume = session.volume
    planes, height, width = volume.shape
    size = f"{width} × {height}" + (f" × {planes}" if planes > 1 else "")
    return f"{volume.title} · {size} · {volume.dtype}"
