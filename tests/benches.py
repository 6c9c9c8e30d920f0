"""A workbench for tests of what is on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from builders import square
from panel.models.reactive_html import DOMEvent

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, load_extensions


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
