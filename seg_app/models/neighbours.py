"""Going from one place of an image to another, or getting more of it: what the user had set stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seg_app.io.axes import CHANNEL
from seg_app.models.session import Session
from seg_app.records import Box

if TYPE_CHECKING:
    from seg_app.io.levels import Opened


def carry_over(before: Session, after: Session) -> None:
    """Show in a new session what was on view in the one before: the same plane, and the same part of it.

    Within a channel also at the same contrast. What was saved, and how the next set is called, see `goes_on_from`.
    """
    after.param.update(scale=before.scale, view=moved_view(before), class_name=before.class_name, follow=before.follow)
    after.go_to(before.z)
    if before.volume.index.get(CHANNEL) == after.volume.index.get(CHANNEL):
        after.limits = before.limits
    after.goes_on_from(before)


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
