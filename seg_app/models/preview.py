"""What a click would outline, shown before anybody clicks; gone as soon as anything is otherwise."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

import param

from seg_app.geometry import contains
from seg_app.records import Mask, Point, Prompts
from seg_app.sam import windows
from seg_app.sam.pieces import clicked

if TYPE_CHECKING:
    from seg_app.models.session import Session

CHANGES = {
    "session": ["z", "index", "limits", "scale", "view", "segmenter"],
    "draft": ["prompts", "drawing", "include"],
}


class Preview(param.Parameterized):
    """The mask that a click on the place under the pointer would give, while nothing is prompted.

    A segmenter answers only where it need not take long, and after all clicks.
    """

    is_on = param.Boolean(default=False, doc="Whether the place under the pointer is outlined at all.")
    mask = param.ClassSelector(class_=Mask, allow_None=True, default=None, doc="What a click there would outline.")

    def __init__(self, session: Session):
        super().__init__()
        self._session, self._client = session, uuid.uuid4().hex
        self._wanted = object()
        self._lock = threading.RLock()
        # not derived: it answers what was asked about the state of before, whatever changes then
        forget = lambda *_: self.forget()  # noqa: E731 - one name for all the watchers
        session.param.watch(forget, CHANGES["session"])
        session.draft.param.watch(forget, CHANGES["draft"])
        session.masks.param.watch(forget, "masks")
        self.param.watch(forget, "is_on")

    def switch(self) -> None:
        """Preview what is under the pointer, or no longer."""
        self.is_on = not self.is_on

    def forget(self) -> None:
        """Show nothing, also of what is on its way."""
        with self._lock:
            self._wanted = object()
            if self.mask:
                self.mask = None

    def move_to(self, x: float, y: float) -> None:
        """Say that the pointer is at pixel (x, y): what it has left is no longer outlined."""
        if self.mask and not contains(self.mask, y=round(y), x=round(x)):
            self.forget()

    def look(self, x: float, y: float) -> Mask | None:
        """Outline what a click on pixel (x, y) would, and return it; None where it would do anything else.

        Blocking. What was looked for before, and is not found yet, is given up. Raises SegAppError.
        """
        with self._lock:
            self._wanted = mine = object()
        mask = self._found(x, y) if self._is_free(x, y) else None
        with self._lock:
            if self._wanted is not mine:
                return None
            if self.mask or mask:
                self.mask = mask
        return mask

    def _is_free(self, x: float, y: float) -> bool:
        """Say whether a plain click would include a first point."""
        session, draft = self._session, self._session.draft
        would_include = self.is_on and draft.include and not draft.drawing and not draft.prompts
        on_image = session.is_on_plane(x, y) and not session.volume.is_databar(y)
        return would_include and on_image and not session.masks.at(session.z, y=round(y), x=round(x))

    def _found(self, x: float, y: float) -> Mask | None:
        session, z, segmenter = self._session, self._session.z, self._session.segmenter
        prompts, plane = Prompts((Point(x, y),)), session.volume.shape[1:]
        window = windows.locate(prompts, plane, scale=session.scale, size=segmenter.input_size, view=session.view)
        placed = window.to_window(prompts)
        found = segmenter.preview(session.outliner.as_seen(window, z), placed.points[0], client=self._client)
        image = session.volume.image_shape
        if not found:
            return None
        meant = clicked(found[0].outline, placed)
        return windows.to_mask(meant, window, image, z=z, score=found[0].score, prompts=prompts)
