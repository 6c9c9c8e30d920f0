"""What a loaded set has taken the place of, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.errors import SegAppError
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.models import Session
    from seg_app.records import Mask
    from seg_app.views.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Loaded:
    """One loading: the set's name, the masks that came and those that went."""

    name: str
    came: tuple[Mask, ...]
    went: tuple[Mask, ...]


def load(session: Session, path: str) -> Loaded:
    """Load a set, blocking, and say what it has replaced. Raises like `Session.load`."""
    went = session.load(path)
    return Loaded(path.rpartition("/")[2], session.masks.masks, went)


class LoadedNotice(Viewer):
    """A few lines below the list, until its objects change; nothing where nothing was replaced.

    Undo brings all back, also tomorrow, for each change is in the journal.
    """

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench, self._masks = bench, bench.session.masks
        self._came: tuple[Mask, ...] = ()
        self._text = Text(margin=0, sizing_mode="stretch_width")
        undo, close = self._button("Undo", self._undo), self._button("OK", self._hide)
        self._notice = pmui.Alert(
            objects=[pmui.Column(self._text, pmui.Row(undo, close, margin=0), margin=0, sizing_mode="stretch_width")],
            severity="info", margin=(4, 12), sizing_mode="stretch_width", visible=False,
        )  # fmt: skip
        bench.watches.add(self._masks, "masks", lambda event: self._on_masks(event.new))
        bench.watches.add(bench.session.timeline, "past", lambda _: bench.courier(self._hide))  # Ctrl+Z takes that back

    def _button(self, label: str, act: Callable[[], object]) -> pmui.Button:
        return pmui.Button(label=label, variant="text", size="small", margin=(4, 8, 0, 0), on_click=lambda _: act())

    def _on_masks(self, masks: tuple[Mask, ...]) -> None:
        if masks is not self._came:
            self._bench.courier(self._hide)

    def tell(self, loaded: Loaded | None) -> None:
        """Say what was replaced, unless the objects have changed again since; None: nothing was loaded."""
        if loaded and loaded.went and loaded.went != loaded.came and self._masks.masks is loaded.came:
            self._came = loaded.came
            self._text.text = spoken(loaded)
            self._notice.visible = True

    def _undo(self) -> None:
        """Undo the loading; where something that was still waiting has changed the objects since, nothing."""
        if not self._notice.visible:
            return  # the second of two quick clicks
        self._hide()
        came = self._came

        def undo() -> None:
            if self._masks.masks is not came:
                raise SegAppError("The objects have changed since the set was loaded. Ctrl+Z goes back step by step.")
            self._masks.undo()

        self._bench.do("Undoing", undo)

    def _hide(self) -> None:
        self._notice.visible = False

    def __panel__(self) -> pmui.Alert:
        return self._notice


def spoken(loaded: Loaded) -> str:
    """Return what came, and what undo brings back."""
    came, went = (len({mask.number for mask in masks}) for masks in (loaded.came, loaded.went))
    objects = "1 object" if came == 1 else f"{came} objects"
    back = "the one that was here" if went == 1 else f"the {went} that were here"
    return f"{loaded.name} is loaded: {objects}. Ctrl+Z brings back {back}."
