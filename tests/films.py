"""Films, whose times are read one after another."""

import threading
from contextlib import contextmanager

import numpy as np
import tifffile

from seg_app.models import Volume


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
