"""What is damaged is asked for once: the second look asks nobody, and what is beside it can be looked at."""

import errno
from contextlib import suppress

import numpy as np
import pytest

from seg_app.errors import UnreachableError, UnreadableError
from seg_app.io.levels import Stored, opened, readable
from seg_app.models import Volume
from seg_app.models.unreadable import Unreadable
from seg_app.records import Window

PLANE = Window(0, 0, 0, 64, 96)


@pytest.fixture
def asked():
    """The planes that were asked for."""
    return []


@pytest.fixture
def volume(asked):
    """Three planes; on the second one the pixels from row 40 on are damaged."""

    def read(key):
        asked.append(key[0].start)
        if key[0].start == 1 and key[1].stop > 40:
            raise UnreadableError("Cannot read row 40.")
        return np.zeros([len(range(k.start, k.stop, k.step)) for k in key], np.uint8)

    def of(n_planes):
        return opened("local", "a", [Stored((n_planes, 64, 96), np.dtype(np.uint8), read)], attributes={})

    volume = Volume.of(of(3))
    volume.larger = of(4)
    return volume


def look(volume, window=PLANE, *, z=1):
    with pytest.raises(UnreadableError, match="row 40"):
        volume.read(z, window)


def test_the_second_look_asks_nobody_and_says_the_same(volume, asked):
    look(volume)
    look(volume)
    assert asked == [1]
    assert volume.unreadable.planes == (1,)


def test_other_planes_and_what_is_beside_the_damage_are_asked_for(volume, asked):
    look(volume)
    volume.read(0, PLANE)
    assert volume.read(1, Window(0, 0, 0, 30, 96)).shape == (30, 96)
    assert asked == [1, 0, 1]


def test_whatever_shows_what_is_damaged_is_not_asked_for(volume, asked):
    look(volume, Window(0, 30, 30, 50, 60))
    look(volume, Window(0, 32, 32, 48, 50))
    look(volume, Window(0, 20, 20, 60, 60))
    look(volume, Window(1, 0, 0, 32, 48))
    assert asked == [1, 1]


def test_it_is_asked_for_again_when_the_image_has_grown(volume, asked):
    look(volume)
    volume.grow(volume.larger)
    assert volume.unreadable.planes == ()
    look(volume)
    assert asked == [1, 1]


@pytest.mark.parametrize("cause", [MemoryError(), OSError(errno.EMFILE, "Too many open files")])
def test_what_may_pass_is_asked_for_again(cause):
    unreadable = Unreadable()
    message = r"Cannot read a\.tif: .*\. It may be whole: try again\."
    with pytest.raises(UnreachableError, match=message), unreadable.watching(1, PLANE, stored=0), readable("a.tif"):
        raise cause
    assert unreadable.planes == ()


def test_what_fails_while_something_else_is_read_is_remembered_too(volume, asked):
    upper, lower = Window(0, 0, 0, 32, 96), Window(0, 32, 0, 64, 96)
    with suppress(UnreadableError), volume.unreadable.watching(1, upper, stored=0):
        look(volume, lower)  # as another thread does
        raise UnreadableError("Cannot read row 3.")
    for window, row in ((upper, 3), (lower, 40)):
        with pytest.raises(UnreadableError, match=f"row {row}"):
            volume.read(1, window)
    assert asked == [1]
