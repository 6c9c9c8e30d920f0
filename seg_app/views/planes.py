"""Below the canvas: the slider through the planes."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui
from bokeh.models import PrintfTickFormatter
from panel.viewable import Viewer

from seg_app.models import Session, follow


class Planes(Viewer):
    """The slider through the planes, nothing for a micrograph; and whether to follow those that still come."""

    def __init__(self, session: Session):
        super().__init__()
        self._session = session
        self._n_planes = n = session.volume.n_planes
        self._slider = pmui.IntSlider(
            label=session.volume.stepped, start=1, end=max(n, 2), value=session.z + 1, size="small", min_width=130,
            sizing_mode="stretch_width", margin=(4, 24, 8, 24), visible=n > 1,
            format=PrintfTickFormatter(format=f"%d of {n}"),
        )  # fmt: skip
        self._slider.param.watch(lambda event: session.go_to(event.new - 1), "value")
        self._follow = pmui.Switch(
            label="Follow", value=session.follow, size="small", visible=False, margin=(12, 0), width=100
        )
        self._follow.param.watch(lambda event: follow(session, wanted=event.new), "value")
        self._row = pmui.Row(self._slider, self._follow, sizing_mode="stretch_width", margin=0, min_width=248)

    def refresh(self) -> None:
        """Follow the keys."""
        self._slider.value = self._session.z + 1

    def grow(self) -> None:
        """Show that there are more planes, where there are, and offer to follow them."""
        n = self._session.volume.n_planes
        if n == self._n_planes:  # another place of the same image
            return
        self._n_planes = n
        formatter = PrintfTickFormatter(format=f"%d of {n}")
        self._slider.param.update(end=max(n, 2), visible=n > 1, format=formatter)
        self._follow.visible = True
        self._row.min_width = 300

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row
