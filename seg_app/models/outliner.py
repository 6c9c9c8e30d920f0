"""From prompts to the masks that they can mean: what the model is shown, and what of its answers counts."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

from seg_app.errors import AwayError
from seg_app.geometry import distinct
from seg_app.models.corrections import Corrections
from seg_app.models.grey import to_uint8
from seg_app.records import Box, Mask, Prompts, Provenance, Window
from seg_app.sam import windows
from seg_app.sam.cache import Recent
from seg_app.sam.pieces import clicked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seg_app.models.session import Session
    from seg_app.sam.outline import Outline
    from seg_app.sam.protocol import Trace

SEEN_BYTES = 64 * 2**20
"""Of windows that are kept as the model sees them."""


class _Answer(NamedTuple):
    """What prompts can mean, on the window that was asked about."""

    outline: Outline
    score: float
    trace: Trace | None


class Outliner:
    """Asks the segmenter of a session about its volume, at the zoom and contrast on view. Blocking."""

    def __init__(self, session: Session):
        self._session = session
        self._seen: Recent[NDArray[np.uint8]] = Recent(SEEN_BYTES, weigh=lambda image: image.nbytes)
        self._client, self._preparing = uuid.uuid4().hex, object()
        self._corrections = Corrections()

    def outlines(self, prompts: Prompts, z: int) -> list[Mask]:
        """Return the masks that prompts can mean, best first.

        Raises SegAppError; where that is because the segmenter is away, the draft waits for it.
        """
        plane, draft = self._session.volume.shape[1:], self._session.draft
        try:
            window, found = self._answers(prompts, z)
        except AwayError:
            draft.is_waiting = True
            raise
        draft.is_waiting = False
        # what else is cut may be anything beyond the window
        meant = [found[0], *(each for each in found[1:] if not windows.is_cut(each.outline, window, plane))]
        made = {"z": z, "prompts": prompts, "provenance": Provenance(self._session.segmenter.name)}
        image = self._session.volume.image_shape  # nothing is outlined on the databar
        masks = [windows.to_mask(each.outline, window, image, score=each.score, **made) for each in meant]
        pairs = zip(masks, meant, strict=True)
        traces = {mask.id: each.trace for mask, each in pairs if mask and each.trace is not None}
        self._corrections.keep(prompts, (z, window, self._session.limits), traces)
        return distinct([mask for mask in masks if mask]) if masks[0] else []

    def forget_answers(self) -> None:
        """Correct none of the answers so far: another model gave them."""
        self._corrections = Corrections()

    def forget(self) -> None:
        """Forget what was seen, and answered: the volume is at another place now."""
        # a new one, for what is being read in another thread is kept in the one of before
        self._seen = Recent(SEEN_BYTES, weigh=lambda image: image.nbytes)
        self.forget_answers()

    def _answers(self, prompts: Prompts, z: int) -> tuple[Window, list[_Answer]]:
        """Return the window that shows the object well, and the answers there, best first."""
        plane, size = self._session.volume.shape[1:], self._session.segmenter.input_size
        window = windows.locate(prompts, plane, scale=self._session.scale, size=size, view=self._session.view)
        found = self._ask(prompts, window, z)
        while windows.is_cut(found[0].outline, window, plane) and (
            larger := windows.wider(window, prompts, plane, size)
        ):
            window, found = larger, self._ask(prompts, larger, z)
        while smaller := windows.closer(window, found[0].outline, prompts, plane, size):
            closely = self._ask(prompts, smaller, z)
            if closely[0].outline.is_empty or windows.is_cut(closely[0].outline, smaller, plane):
                break
            window, found = smaller, closely
        return window, found

    def _ask(self, prompts: Prompts, window: Window, z: int) -> list[_Answer]:
        shown = self._session.draft.mask.id if self._session.draft.mask else ""
        previous = self._corrections.before(prompts, (z, window, self._session.limits), chosen=shown)
        placed = window.to_window(prompts)
        found = self._session.segmenter.predict(self.as_seen(window, z), placed, previous=previous)
        return [_Answer(clicked(each.outline, placed), each.score, each.trace) for each in found]

    def as_seen(self, window: Window, z: int) -> NDArray[np.uint8]:
        """Return a window as the segmenter sees it: (rows, columns, 3) uint8, at the contrast on view.

        Raises SourceError.
        """
        # the clicks on one object, and on its neighbours, share windows: each is read once
        wanted = f"{z} {window} {self._session.limits}"
        seen = self._seen.find(wanted)
        if seen is None:
            self._seen.keep(wanted, seen := self._read(window, z))
        return seen

    def _read(self, window: Window, z: int) -> NDArray[np.uint8]:
        # SAM wants 8 bits: stretched to the displayed contrast, so that the model sees what the user sees.
        image = to_uint8(self._session.volume.read(z, window), self._session.limits, rgb=True)
        image.flags.writeable = False  # so that a segmenter which has seen it knows it again at once
        return image

    def prepare(self) -> None:
        """Let the model look at what is on screen, so that a click on it is answered sooner; blocking.

        What was to be prepared before, and has not begun, is given up. Raises SegAppError.
        """
        mine = self._preparing = object()
        plane, size = self._session.volume.shape[1:], self._session.segmenter.input_size
        view = self._session.view
        middle = Prompts((windows.middle_of(view or Box(-0.5, -0.5, plane[1] - 0.5, plane[0] - 0.5), plane),))
        window = windows.locate(middle, plane, scale=self._session.scale, size=size, view=view)
        image = self.as_seen(window, self._session.z)
        if self._preparing is mine:  # else the user has moved on while it was read
            self._session.segmenter.embed(image, client=self._client)
