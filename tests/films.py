"""Films, whose times are read one after another."""

import threading
from contextlib import contextmanager

import numpy as np
import tifffile

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Desk, Volume
from seg_app.sam import connect_sam

FILM = np.arange(2 * 2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 2, 3, 20, 30)
"""Two times, two channels, three planes of 20 × 30 pixels."""


def desk_with_film(source, folder):
    """Return a desk on which it is open, and which keeps everything in a folder."""
    source.client.write_array(FILM, key="film", dims=tuple("tczyx"))
    store = MaskStore(LocalFolder(folder / "masks"))
    desk = Desk(source, connect_sam("classical:"), store=store, journals=folder / "journals", user="ada")
    desk.open("film")
    return desk


def write_film(folder):
    """Write a film of two times and two channels, of three planes with a bright square each."""
    film = np.zeros((2, 2, 3, 20, 30), np.uint16)
    film[..., 5:15, 10:20] = 1000
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "film.ome.tif", film, ome=True, photometric="minisblack", metadata={"axes": "TCZYX"})


@contextmanager
def while_read(monkeypatch, go):
    """Call `go`, which makes a thread go to another time of an image, and hold that thread while the image is read."""
    looked, has_looked, may_go_on = Volume.looked_at, threading.Event(), threading.Event()

    def slow(volume, **index):
        other = looked(volume, **index)
        has_looked.set()
        may_go_on.wait(30)
        return other

    monkeypatch.setattr(Volume, "looked_at", slow)
    go()
    assert has_looked.wait(30)
    yield
    may_go_on.set()
