"""Where the pointer rests, what a click would outline is shown before it."""

from __future__ import annotations

from seg_app.models import Preview
from seg_app.views.courier import Courier
from seg_app.views.rest import POINTER_REST_S, AtRest


class Glance:
    """Asks for the preview of the place under the pointer, in a thread of its own, and only for the latest place."""

    def __init__(self, preview: Preview, courier: Courier):
        self._preview = preview
        self._place: tuple[float, float] | None = None
        self._is_prepared = False
        self._rest = AtRest(self._look, courier, rest_s=POINTER_REST_S)

    def point_at(self, place: tuple[float, float] | None) -> None:
        """Say, in the page's thread, at which pixel (x, y) the pointer is; None when it has left."""
        self._place = place
        if place is None:
            self._preview.forget()
        elif self._preview.is_on and self._is_prepared:
            self._preview.move_to(*place)
            self._rest.moved()

    def on_prepared(self) -> None:
        """Look at the place again: the model is there, and has seen what is on screen."""
        self._is_prepared = True
        self.again()

    def again(self) -> None:
        """Look at the place where the pointer is, which has not moved."""
        self.point_at(self._place)

    def _look(self) -> None:
        if place := self._place:
            self._preview.look(*place)

    def close(self) -> None:
        """End the threads after what they are doing."""
        self._rest.close()
