"""Choosing a saved set to load; what it would replace, where that is not saved, is said before."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.errors import SegAppError
from seg_app.views.dialog import make_dialog
from seg_app.views.loaded import Loaded, load
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.io.maskstore import SavedSet
    from seg_app.models import Session
    from seg_app.views.workbench import Workbench


class LoadDialog(Viewer):
    """The saved sets of the image. A click on one loads it, after a question where unsaved objects would go."""

    def __init__(self, bench: Workbench, then: Callable[[Loaded | None], None]):
        super().__init__()
        self._bench, self._then = bench, then
        self._paths: dict[str, str] = {}
        self._chosen = self._image = ""
        self._sets = pmui.MenuList(items=[], sizing_mode="stretch_width")
        self._sets.on_click(self._on_choice)
        self._loss = Text(margin=0, sizing_mode="stretch_width")
        replace = pmui.Button(label="Replace", size="small", margin=(12, 8, 0, 0), on_click=lambda _: self._load())
        back = pmui.Button(
            label="Back", variant="text", size="small", margin=(12, 8, 0, 0), on_click=lambda _: self._ask_again()
        )
        self._question = pmui.Alert(
            objects=[pmui.Column(self._loss, pmui.Row(replace, back, margin=0), margin=0, sizing_mode="stretch_width")],
            severity="warning", margin=(4, 12), sizing_mode="stretch_width", visible=False,
        )  # fmt: skip
        self.dialog = make_dialog(self._question, self._sets, title="Saved masks of this image")

    def ask(self) -> None:
        """Look what there is, then open with it."""
        session = self._bench.session
        look = lambda: (session.volume.image.path, session.saved_sets())  # noqa: E731 - both of one time
        self._bench.do("Looking for saved masks", look, then=self._show)

    def _show(self, listed: tuple[str, list[SavedSet]] | None) -> None:
        if listed is None or listed[0] != self._bench.seen:
            return
        self._image, sets = listed
        self._paths = {label_of(saved): saved.path for saved in reversed(sets)}  # of one name the newest
        items = [{"label": label_of(saved), "secondary": about(saved), "icon": "layers"} for saved in sets]
        self._sets.items = items or [{"label": "Nothing saved yet", "selectable": False}]
        self._ask_again()
        self.dialog.open = True

    def _ask_again(self) -> None:
        self._question.visible, self._sets.visible = False, True

    def _on_choice(self, item: Any) -> None:
        self._chosen = item["label"]
        if self._chosen in self._paths and (loss := loss_of(self._bench.session)):
            self._loss.text = f"{self._chosen} {loss}"
            self._question.visible, self._sets.visible = True, False
        else:
            self._load()

    def _load(self) -> None:
        self.dialog.open = False
        if path := self._paths.get(self._chosen):
            self._bench.do("Loading the masks", _load_into, self._image, self._bench.session, path, then=self._then)

    def __panel__(self) -> pmui.Dialog:
        return self.dialog


def _load_into(image: str, session: Session, path: str) -> Loaded:
    """Load a set into the image of this path. Raises SegAppError, also when another one, as another time, is open."""
    if session.volume.image.path != image:
        raise SegAppError(f"'{path.rpartition('/')[2]}' belongs to another time of the image. Press Load once more.")
    return load(session, path)


def loss_of(session: Session) -> str:
    """Return which unsaved objects a set takes the place of, as the end of a sentence; empty: none."""
    saved = {mask.id: mask for mask in session.masks.saved.masks}
    count = sum(saved.get(mask.id) != mask for mask in session.masks.masks)
    objects = "1 unsaved object" if count == 1 else f"{count} unsaved objects"
    return f"replaces {objects} (undo brings {'it' if count == 1 else 'them'} back)." if count else ""


def label_of(saved: SavedSet) -> str:
    """Return the name of a set, which tells those of the older tool from those of the image."""
    return f"{saved.name} (older tool)" if saved.is_older else saved.name


def about(saved: SavedSet) -> str:
    """Return in one line what a set is called, when it was saved, its size, where it is, and what is doubtful."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(saved.modified_s))
    doubt = "may be of another image of this name" if saved.is_older else ""
    return " · ".join(filter(None, (saved.title, doubt, when, f"{saved.size / 1000:.1f} kB", saved.where)))
