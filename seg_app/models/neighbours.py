"""Going from one place of an image's further axes to another: what the user had set is set there, too."""

from __future__ import annotations

from seg_app.io.axes import CHANNEL
from seg_app.models.session import Session
from seg_app.records import Box


def carry_over(before: Session, after: Session) -> None:
    """Show in a new session what was on view in the one before: the same plane, and the same part of it.

    Within a channel also at the same contrast, and between channels with what was saved of their common masks.
    """
    after.param.update(scale=before.scale, view=_moved_view(before), class_name=before.class_name)
    after.go_to(before.z)
    if before.volume.index.get(CHANNEL) == after.volume.index.get(CHANNEL):
        after.limits = before.limits
    if before.volume.image.path == after.volume.image.path:
        after.param.update(saved_as=before.saved_as, kept=before.kept)


def _moved_view(session: Session) -> Box | None:
    """Return what is on screen, unless it is the whole plane, which is fitted anew."""
    view, (rows, columns) = session.view, session.volume.shape[1:]
    if view and view.x0 <= 0 and view.y0 <= 0 and view.x1 >= columns - 1 and view.y1 >= rows - 1:
        return None  # the browser computes the edges, which are half a pixel further out
    return view
