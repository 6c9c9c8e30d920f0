"""A plane that cannot be shown: why, and the words in place of its picture."""

from __future__ import annotations

import logging
import textwrap
from dataclasses import replace
from typing import Any

from bokeh.models import Label, Node

from seg_app.errors import SegAppError
from seg_app.models import Session
from seg_app.views import theme
from seg_app.views.render import BLANK, Frame, Viewport, make_frame

log = logging.getLogger(__name__)
UNFORESEEN = "The plane cannot be shown for a reason that was not foreseen. The log of the server has the details."
LINE = 60
"""Letters: Bokeh breaks no lines by itself, and a canvas may be narrow."""


def read_frame(session: Session, z: int, viewport: Viewport) -> Frame:
    """Return the picture of a viewport of plane z, or one that says why there is none; blocking."""
    try:
        return make_frame(session.volume, z, viewport, session.limits)
    except SegAppError as error:
        return replace(BLANK, z=z, trouble=str(error))
    except Exception:  # the edge of the thread: the page would wait for its picture for ever
        log.exception("A plane could not be read")
        return replace(BLANK, z=z, trouble=UNFORESEEN)


class Unseen:
    """Words in the middle of the canvas, as long as there is no picture to be seen."""

    def __init__(self, session: Session):
        self._session = session
        middle = {axis: Node(target="frame", symbol="center") for axis in ("x", "y")}
        self._label = Label(text="", visible=False, **middle, **theme.UNSEEN_STYLE)

    def add_to(self, figure: Any) -> None:
        """Put the words into a Bokeh figure."""
        figure.add_layout(self._label)

    def show(self, frame: Frame) -> None:
        """Say why there is no picture, where there is none."""
        self._label.update(text=self._words(frame), visible=bool(frame.trouble))

    def _words(self, frame: Frame) -> str:
        volume = self._session.volume
        what = f"{volume.stepped} {frame.z + 1}" if volume.n_planes > 1 else "This image"
        return "\n".join([f"{what} cannot be shown.", *textwrap.wrap(frame.trouble, LINE)])
