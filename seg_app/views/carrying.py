"""Objects through the planes: how far that is, and what it has brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seg_app.models.remarks import MOST_NAMED, named
from seg_app.views.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Collection

    from seg_app.records import Mask

NOTHING = "On the other planes nothing was found that is not accepted there already."


class CarryingProgress(Progress):
    """How far the objects were followed, and where they were found."""

    def _words(self) -> str:
        count = len(self._finding.found)
        return f"{count} {'outline' if count == 1 else 'outlines'} so far"

    def _outcome(self, accepted: tuple[Mask, ...]) -> str:
        return outcome(accepted, self._bench.session.carrying.passed_over)


def outcome(accepted: tuple[Mask, ...], passed_over: Collection[int] = ()) -> str:
    """Return where objects were found, which planes could not be read, and what can be done now."""
    damaged = named([str(z + 1) for z in sorted(passed_over)])
    return f"{_found(accepted)} Passed over, as it cannot be read: plane {damaged}." if damaged else _found(accepted)


def _found(accepted: tuple[Mask, ...]) -> str:
    if not accepted:
        return NOTHING
    planes = sorted({mask.z + 1 for mask in accepted})
    outlines = "1 outline was" if len(accepted) == 1 else f"{len(accepted)} outlines were"
    is_range = len(planes) > MOST_NAMED or planes[-1] - planes[0] in (len(planes) - 1, len(planes))  # around its own
    names = f"{planes[0]} to {planes[-1]}" if is_range else named([str(plane) for plane in planes])
    where = f"plane {planes[0]}" if len(planes) == 1 else f"{len(planes)} other planes, {names}"
    return f"{outlines} accepted on {where}. Undo takes them away again."
