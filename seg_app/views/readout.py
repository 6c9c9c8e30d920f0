"""What is under the pointer, in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import panel as pn

from seg_app.lengths import UNITS, unit_of
from seg_app.models import Session, Volume
from seg_app.records import Window
from seg_app.views.courier import Courier, Watches
from seg_app.views.render import Frame
from seg_app.views.rest import POINTER_REST_S, AtRest

ON_ITS_WAY = "The picture is on its way …"
ABOUT = "≈ "
"""Of a value of the picture, which may be a mean of many pixels, and has 256 steps."""

Value = float | tuple[int, ...]


class Readout:
    """Tells the value under the pointer as the picture has it, marked so, and once it rests, as the data have it."""

    def __init__(self, session: Session, courier: Courier, watches: Watches, *, seen: Callable[[], Frame | None]):
        """seen: returns the picture on the screen; None while one of another time or channel is on its way."""
        self.text = pn.rx("")
        self._session, self._courier, self._seen = session, courier, seen
        self.place: tuple[float, float] | None = None
        """The pixel (x, y) under the pointer."""
        self._known: tuple[Any, Value] | None = None
        """Which pixel was read last, and its value."""
        self._rest = AtRest(self._read, courier, rest_s=POINTER_REST_S)
        watches.add(session, "index", lambda _: courier(self.refresh))
        watches.add(session.volume, "image", lambda _: setattr(self, "_known", None))  # it may have been written anew
        watches.add(session.volume, ["calibration", "said_databar"], lambda *_: courier(self.refresh))

    def point_at(self, place: tuple[float, float] | None) -> None:
        """Say, in the page's thread, at which pixel (x, y) the pointer is; None when it has left."""
        self.place = place
        self.refresh()

    def refresh(self) -> None:
        """Tell what is under the pointer now, also when another plane has come under it."""
        frame, place, words = self._seen(), self.place, ""
        if frame and place and (value := frame.value_at(*place)) is not None:
            is_known = self._known is not None and self._known[0] == self._pixel(*place)
            shown, bound = (self._known[1], "") if self._known and is_known else (value, frame.bound_of(value) or ABOUT)
            words = spoken_place(*place, shown, self._session.volume, bound)
            if not is_known:
                self._rest.moved()
        self.text.rx.value = words if frame else ON_ITS_WAY

    def _pixel(self, x: float, y: float) -> tuple[int, int, int, tuple[tuple[str, int], ...]]:
        session = self._session
        return session.z, round(y), round(x), tuple(sorted(session.index.items()))

    def _read(self) -> None:
        place = self.place
        if place and self._session.is_on_plane(*place):
            z, y, x, _ = pixel = self._pixel(*place)
            value = self._session.volume.read(z, Window(0, y, x, y + 1, x + 1))[0, 0]
            if self._pixel(*place) == pixel:  # else the session has gone elsewhere while it was read
                self._known = pixel, tuple(map(int, value)) if value.ndim else value.item()
                self._courier(self.refresh)

    def close(self) -> None:
        """End the threads after what they are doing."""
        self._rest.close()


def spoken_place(x: float, y: float, value: Value, volume: Volume, bound: str = "") -> str:
    """Return a place in pixels, the value there, and the place in the unit that suits the plane, where it is known.

    `bound` says how the value there may differ from the one that is shown. Lengths are counted from the middle of the
    upper left pixel, with as many digits as tell pixels apart.
    """
    words = [f"x {round(x)}  y {round(y)}  value {bound}{_spoken(value)}"]
    if size_nm := volume.pixel_size_nm:
        words.append(_lengths(round(x) * size_nm[2], round(y) * size_nm[1], size_nm[2], volume.width * size_nm[2]))
    if volume.is_databar(y):
        words.append("databar")
    return "  ·  ".join(words)


def _spoken(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:d}" if isinstance(value, int) else f"{value:.5g}"


def _lengths(x_nm: float, y_nm: float, pixel_nm: float, width_nm: float) -> str:
    unit = unit_of(width_nm)
    digits = max(0, min(6, -math.floor(math.log10(pixel_nm / UNITS[unit]))))
    return f"{x_nm / UNITS[unit]:.{digits}f}, {y_nm / UNITS[unit]:.{digits}f} {unit}"
