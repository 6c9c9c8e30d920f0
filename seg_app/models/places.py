"""Where a user was on the images of before: place, part on screen, contrast, and what was not accepted yet."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from seg_app.models.neighbours import moved_view
from seg_app.records import Box

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from seg_app.models.left import At, Left
    from seg_app.models.session import Session
    from seg_app.models.volume import Volume

MOST = 100
"""Images; the one that was left longest ago is forgotten first."""
PART = re.compile(r"([^,:]+):(\d{1,9})(?:-(\d{1,9}))?")
"""A name with a number, or with the first and the last of a range."""


@dataclass(frozen=True, slots=True)
class Place:
    """What was on view of an image when it was left."""

    index: dict[str, int]
    """The time and channel, as {'t': 3, 'c': 0}."""
    z: int
    view: Box | None
    """None: the whole plane, which is fitted anew."""
    scale: float = 1.0
    limits: tuple[float, float] | None = None
    """None: those that suit the image."""
    waiting: Mapping[At, Left] = field(default_factory=dict)
    """What was not accepted there, also at other times."""

    @classmethod
    def of(cls, session: Session) -> Place:
        """Return where a session is."""
        waiting = session.draft.waiting
        return cls(session.index, session.z, moved_view(session), session.scale, session.limits, waiting)

    @classmethod
    def read(cls, text: str) -> Place | None:
        """Return the place that an address names, see `written`; None where it names none."""
        parts = {name: (int(first), int(last or first)) for name, first, last in PART.findall(text)}
        plane, (x0, x1), (y0, y1) = parts.pop("plane", (0, 0))[0], parts.pop("x", (0, 0)), parts.pop("y", (0, 0))
        view = Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
        index = {unquote(name): first for name, (first, _) in parts.items()}
        return cls(index, plane - 1, view) if plane else None

    def written(self) -> str:
        """Return it in words of an address, as 'plane:13,t:3,x:120-640,y:80-400'; planes count from 1."""
        index = [f"{quote(name, safe='')}:{n}" for name, n in self.index.items()]
        view, words = self.view, [f"plane:{self.z + 1}", *index]
        if view:
            x0, y0, x1, y1 = (max(round(edge), 0) for edge in (view.x0, view.y0, view.x1, view.y1))
            words += [f"x:{x0}-{x1}", f"y:{y0}-{y1}"]
        return ",".join(words)


class Places:
    """As long as the page is open; the place of now is in its address, too."""

    def __init__(self) -> None:
        self._places: OrderedDict[Hashable, Place] = OrderedDict()

    def leave(self, session: Session) -> None:
        """Remember what is on view of an image."""
        self.put(session.volume, Place.of(session))

    def put(self, volume: Volume, place: Place) -> None:
        """Remember a place of an image."""
        key = _key(volume)
        self._places[key] = place
        self._places.move_to_end(key)
        while len(self._places) > MOST:
            self._places.popitem(last=False)

    def at_place(self, volume: Volume) -> Volume:
        """Return an image at the time and channel where it was left, as far as these are there; no pixel is read."""
        place = self._places.get(_key(volume))
        names = {axis.name for axis in volume.axes}  # an address may say anything
        return volume.at(**{n: i for n, i in place.index.items() if n in names}) if place else volume

    def forget(self, volume: Volume) -> bool:
        """Forget where an image was left; say whether it was ever."""
        return self._places.pop(_key(volume), None) is not None

    def return_to(self, session: Session) -> None:
        """Show of an image what was on view when it was left; one that was never left stays as it is."""
        if place := self._places.get(_key(session.volume)):
            view = place.view if _is_on(place.view, session.volume) else None
            session.param.update(view=view, scale=place.scale, limits=place.limits or session.limits)
            session.go_to(place.z)
            n_planes = session.volume.n_planes
            session.draft.resume({at: left for at, left in place.waiting.items() if at[1] < n_planes})


def _is_on(view: Box | None, volume: Volume) -> bool:
    """Say whether something of an image is to be seen there: it may have been larger when the address was written."""
    return bool(view) and view.x0 < volume.width and view.y0 < volume.height


def _key(volume: Volume) -> Hashable:
    image, whole = volume.image, volume.whole
    # there may be more planes since
    return image.source, whole.path if whole else image.path, image.shape[1:]
