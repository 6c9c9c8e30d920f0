"""What could not be saved yet: how much, why, when it is tried again; each set can be downloaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.views.dialog import make_dialog
from seg_app.views.download import Download
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.io.waiting import Waiting
    from seg_app.models import Outbox
    from seg_app.models.outbox import Delivery
    from seg_app.views.workbench import Workbench


class OutboxNotice(Viewer):
    """A few lines below the list of masks; nothing while nothing waits."""

    def __init__(self, bench: Workbench, outbox: Outbox):
        super().__init__()
        self._bench, self._outbox = bench, outbox
        self._said: Delivery | None = outbox.arrived
        self._text = Text(margin=(4, 12), sizing_mode="stretch_width")
        self._try = self._button("Try now", lambda: bench.do("Saving what waits", outbox.try_now))
        self._more = self._button("Details", lambda: setattr(self.dialog, "open", True))
        self._close = self._button("OK", self._hide)
        self._download = Download()
        self._rows = pmui.Column(sizing_mode="stretch_width", margin=0)
        self.dialog = make_dialog(self._rows, self._download, title="Sets that wait to be saved")
        buttons = pmui.Row(self._try, self._more, self._close, margin=(0, 8, 4, 8))
        self._notice = pmui.Column(self._text, buttons, sizing_mode="stretch_width", margin=0, visible=False)
        self._listed: tuple[Waiting, ...] = ()
        names = ["waiting", "next_try_s", "arrived"]
        bench.watches.add(outbox, names, lambda *_: bench.courier(self.refresh))
        self.refresh()

    def _button(self, label: str, act: Callable[[], object]) -> pmui.Button:
        return pmui.Button(label=label, variant="text", size="small", margin=4, on_click=lambda _: act())

    def refresh(self) -> None:
        """Say what waits, or that it has arrived."""
        waiting, arrived = self._outbox.waiting, self._outbox.arrived
        if waiting:
            self._text.text = waits(waiting, self._outbox.next_try_s)
        elif arrived and arrived is not self._said:
            self._text.text = f"{arrived.name} had to wait, and is saved now."
        self._notice.visible = bool(waiting) or arrived is not self._said
        self._try.visible = self._more.visible = bool(waiting)
        self._close.visible = not waiting
        if waiting != self._listed:
            self._listed = waiting
            self._rows[:] = [self._row(one) for one in waiting]
            self.dialog.open = self.dialog.open and bool(waiting)

    def _hide(self) -> None:
        self._said = self._outbox.arrived
        self._notice.visible = False

    def _row(self, waiting: Waiting) -> pmui.Column:
        export = self._button("Export", partial(self._on_export, waiting))
        aside = self._button("Put aside", partial(self._on_aside, waiting))
        aside.description = "Do not try it any more; its file stays on the server"
        return pmui.Column(
            Text(text=about(waiting), margin=(4, 8), sizing_mode="stretch_width"),
            Text(text=waiting.reason, kind="caption", margin=(0, 8), sizing_mode="stretch_width"),
            pmui.Row(export, aside, margin=0),
            sizing_mode="stretch_width",
        )

    def _on_export(self, waiting: Waiting) -> None:
        self._bench.do("Exporting the masks", self._outbox.export, waiting.id, then=self._send)

    def _on_aside(self, waiting: Waiting) -> None:
        self._bench.do("Putting a set aside", self._outbox.put_aside, waiting.id)

    def _send(self, made: tuple[str, bytes] | None) -> None:
        if made:  # else the line of errors says why
            self._download.send(*made)

    def __panel__(self) -> pmui.Column:
        return pmui.Column(self._notice, self.dialog, sizing_mode="stretch_width", margin=0)


def waits(waiting: tuple[Waiting, ...], next_try_s: float | None) -> str:
    """Return in plain words how many sets wait, why, and when they are tried again."""
    count = len(waiting)
    sets = "1 set of masks waits" if count == 1 else f"{count} sets of masks wait"
    again = f" Next try at {clock(next_try_s)}." if next_try_s and not all(one.is_stuck for one in waiting) else ""
    reason = next((one.reason for one in waiting if one.reason), "")
    return " ".join(filter(None, (f"{sets} to be saved.", reason))) + again


def about(waiting: Waiting) -> str:
    """Return in one line what a set is: image, title, number of masks, since when it waits."""
    name = f"{waiting.name} · {waiting.title}" if waiting.title else waiting.name
    masks = "1 mask" if waiting.count == 1 else f"{waiting.count} masks"
    return f"{name} · {masks} · since {time.strftime('%Y-%m-%d %H:%M', time.localtime(waiting.since_s))}"


def clock(seconds: float) -> str:
    """Return a time of day by the clock of the app's server."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))
