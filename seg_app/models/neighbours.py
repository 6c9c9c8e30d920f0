"""Going from one place of an image to another, or getting more of it: what the user had set stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seg_app.errors import BusyError
from seg_app.io.axes import CHANNEL
from seg_app.models.session import Session

if TYPE_CHECKING:
    from seg_app.io.levels import Opened
    from seg_app.models.maskset import MaskSet
    from seg_app.models.volume import Volume
    from seg_app.records import Box, ImageId


def move(session: Session, index: dict[str, int], masks_of: Callable[[ImageId], MaskSet]) -> None:
    """Go to another place of the axes of a session's volume: the same plane, and the same part of it, is on view.

    Within a channel also at the same contrast. The masks are those of there, see `masks_of`. Points that are not
    accepted yet stay at their time, and are those of all channels; what a search or a carrying has found so far is
    dropped; what is said of the scale stays.
    Blocking: it reads some pixels of there. Raises BusyError while an object is being accepted, which belongs to the
    place of now, other SegAppErrors where there cannot be read; then nothing has changed, but that these have ended.
    """
    other, before = session.volume.looked_at(**index), session.volume.image.path
    is_same = other.image.path == before  # as another channel, which shares the masks
    masks = session.masks if is_same else masks_of(other.image)
    for finding in session.findings:
        finding.give_up()  # what it would still accept belongs to the place of before
    with session.staying, session.draft.held:  # all that was slow is done
        if session.draft.is_in_hand:
            raise BusyError("An object is being accepted. Go to another time or channel when it is in the list.")
        _arrive(session, other, None if is_same else masks)


def _arrive(session: Session, other: Volume, masks: MaskSet | None) -> None:
    """Become what is there, at once; without masks those of before are those of there."""
    session.volume.become(other)
    session.outliner.forget()
    if masks is not None:
        session.draft.turn(session.z, other.image.path)
        session.masks.become(masks)
        session.timeline.arrive()
        if session.saved_as:  # the masks of there have a name already
            session.set_title = session.masks.saved.saving.title
    if session.index.get(CHANNEL) != other.index.get(CHANNEL):
        session.limits = other.percentiles()
    session.index = other.index


def grow(session: Session, larger: Opened) -> None:
    """Take over planes that came to the image of a session; the view stays, or follows to the last one if wanted.

    It does not follow away from points that are not accepted yet; when these are gone, it does with the next planes.
    """
    was_last = session.z == session.volume.n_planes - 1
    session.volume.grow(larger)
    if session.follow and (was_last or session.is_late):
        _go_on(session)


def follow(session: Session, *, wanted: bool) -> None:
    """Follow the planes that still come, from the last one that is there on; or stay where the user is."""
    session.follow = wanted
    if wanted:
        _go_on(session)


def _go_on(session: Session) -> None:
    session.is_late = bool(session.draft.prompts)
    if not session.is_late:
        session.go_to(session.volume.n_planes - 1)


def moved_view(session: Session) -> Box | None:
    """Return what is on screen, unless it is the whole plane, which is fitted anew."""
    view, (rows, columns) = session.view, session.volume.shape[1:]
    if view and view.x0 <= 0 and view.y0 <= 0 and view.x1 >= columns - 1 and view.y1 >= rows - 1:
        return None  # the browser computes the edges, which are half a pixel further out
    return view
