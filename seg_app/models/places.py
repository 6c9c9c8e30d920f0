"""Where a user was on the images of before: time, channel, plane, the part of it on screen, and the contrast."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seg_app.models.neighbours import moved_view

if TYPE_CHECKING:
    from collections.abc import Hashable

    from seg_app.models.session import Session
    from seg_app.models.volume import Volume
    from seg_app.records import Box

MOST = 100
"""Images; the one that was left longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class Place:
    """What was on view of an image when it was left."""

    index: dict[str, int]
    """The time and channel, as {'t': 3, 'c': 0}."""
    z: int
    view: Box | None
    """None: the whole plane, which is fitted anew."""
    scale: float
    limits: tuple[float, float]


class Places:
    """As long as the page is open; it is not worth a file."""

    def __init__(self) -> None:
        self._places: OrderedDict[Hashable, Place] = OrderedDict()

    def leave(self, session: Session) -> None:
        """Remember what is on view of an image."""
        key = _key(session.volume)
        self._places[key] = Place(session.index, session.z, moved_view(session), session.scale, session.limits)
        self._places.move_to_end(key)
        while len(self._places) > MOST:
            self._places.popitem(last=False)

    def at_place(self, volume: Volume) -> Volume:
        """Return an image at the time and channel where it was left, as far as these are there; no pixel is read."""
        place = self._places.get(_key(volume))
        return volume.at(**place.index) if place else volume

    def forget(self, volume: Volume) -> bool:
        """Forget where an image was left; say whether it was ever."""
        return self._places.pop(_key(volume), None) is not None

    def return_to(self, session: Session) -> None:
        """Show of an image what was on view when it was left; one that was never left stays as it is."""
        if place := self._places.get(_key(session.volume)):
            session.param.update(view=place.view, scale=place.scale, limits=place.limits)
            session.go_to(place.z)


def _key(volume: Volume) -> Hashable:
    image, whole = volume.image, volume.whole
    # there may be more planes since
    return image.source, whole.path if whole else image.path, image.shape[1:]
