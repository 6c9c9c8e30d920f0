"""A workbench for tests of what is on it, and the clicks and keys that it hears."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from builders import square
from panel.models.reactive_html import DOMEvent
from threads import finish

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, load_extensions
from seg_app.views.gestures import Gesture

SPOTS = ((15, 15), (45, 45))
"""(x, y) of the middles of two bright squares, the same on all planes of `spotted`."""


def spotted(folder: Path, segmenter) -> Session:
    """A session of 31 planes with two bright squares, whose masks go to a folder."""
    plane = np.full((60, 60), 20, np.uint8)
    for x, y in SPOTS:
        plane[y - 8 : y + 8, x - 8 : x + 8] = 220
    return Session(Volume.from_array(np.stack([plane] * 31)), segmenter, store=MaskStore(LocalFolder(folder)))


@contextmanager
def bench_of(session: Session) -> Iterator[Workbench]:
    """A workbench of a session, without a page."""
    load_extensions()
    bench = Workbench(session)
    yield bench
    bench.close()
    bench.worker.close()


@contextmanager
def opened_bench(folder: Path, *, is_saved: bool = False) -> Iterator[Workbench]:
    """A workbench with two objects that are not saved; or with none, and these two saved as array.npz."""
    volume = Volume.from_array(np.zeros((1, 64, 96), np.uint8))
    session = Session(volume, connect_sam("classical:"), store=MaskStore(LocalFolder(folder)))
    session.masks.add([square(2, 3), square(20, 30)])
    if is_saved:
        session.save()
        session.undo()
    with bench_of(session) as bench:
        yield bench


def press_enter(field, text: str) -> None:
    """Press Enter in a field of a bench, in which a text stands that its widget has not heard of yet."""
    field._process_event(DOMEvent(None, node="enter", data={"key": "Enter", "target": {"value": text}}))


def type_class(listed, row: int, text: str) -> None:
    """Do what the table of a list does when a class was typed: its own value changes, then it tells."""
    listed._table.value.loc[row, "class"] = text
    listed._on_edit(SimpleNamespace(row=row, column="class", value=text))


def click(bench: Workbench, x: float, y: float) -> None:
    """Click on the image of a bench."""
    bench.image._on_gesture(Gesture("click", x, y))


def press(bench: Workbench, key: str) -> None:
    """Press a key over the image of a bench."""
    bench.image._on_gesture(Gesture("key", key=key))


def done(bench: Workbench) -> None:
    """Wait for all verbs that were asked for so far, none of which may have failed."""
    finish(bench)
    assert bench.worker.trouble == ""


def accept(bench: Workbench, x: float, y: float) -> None:
    """Click on an object, and accept it."""
    click(bench, x, y)
    press(bench, "Enter")
    done(bench)
