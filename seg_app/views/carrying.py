"""Objects through the planes: how far that is, and what it has brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seg_app.views.progress import Progress

if TYPE_CHECKING:
    from seg_app.records import Mask

NOTHING = "On the other planes nothing was found that is not accepted there already."


class CarryingProgress(Progress):
    """How far the objects were followed, and where they were found."""

    def _words(self) -> str:
        return f"{len(self._finding.found)} outlines so far"

    def _outcome(self, accepted: tuple[Mask, ...]) -> str:
        return outcome(accepted)


def outcome(accepted: tuple[Mask, ...]) -> str:
    """Return where objects were found, and what can be done now."""
    if not accepted:
        return NOTHING
    planes = sorted({mask.z + 1 for mask in accepted})
    outlines = "1 outline was" if len(accepted) == 1 else f"{len(accepted)} outlines were"
    where = f"plane {planes[0]}" if len(planes) == 1 else f"{len(planes)} planes, {planes[0]} to {planes[-1]}"
    return f"{outlines} accepted on {where}. Undo takes them away again."
