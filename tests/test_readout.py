"""The value under the pointer: first the picture's, then the pixel's own."""

import numpy as np
import pytest
from discs import Brightness
from threads import until

from seg_app.models import Session, Volume
from seg_app.views.courier import Courier, Watches
from seg_app.views.readout import Readout
from seg_app.views.render import Viewport, make_frame

PIXELS = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30) * 7
WHOLE = Viewport((-0.5, -0.5, 29.5, 19.5), 60, 40)


@pytest.fixture
def session():
    return Session(Volume.from_array(PIXELS), Brightness())


@pytest.fixture
def readout(session):
    readout = Readout(
        session, Courier(), Watches(), seen=lambda: make_frame(session.volume, session.z, WHOLE, (0, 1000))
    )
    yield readout
    readout.close()


def test_where_the_pointer_rests_the_value_is_the_pixels_own(readout):
    said = []
    readout.text.rx.watch(said.append)
    readout.point_at((12.2, 5.4))
    until(lambda: said[-1] == f"x 12  y 5  value {PIXELS[1, 5, 12]}")
    assert "≥" in said[0]  # the picture's, which ends at the white point


def test_the_pictures_value_is_marked_until_the_pixels_own_is_there(readout, session):
    said = []
    readout.text.rx.watch(said.append)
    session.go_to(0)
    readout.point_at((12.2, 5.4))
    until(lambda: said[-1] == f"x 12  y 5  value {PIXELS[0, 5, 12]}")
    assert said[0].startswith("x 12  y 5  value ≈ ")


def test_another_plane_under_the_pointer_has_its_own_value(readout, session):
    readout.point_at((3, 4))
    session.go_to(2)
    readout.refresh()
    until(lambda: readout.text.rx.value.endswith(f"value {PIXELS[2, 4, 3]}"))


def test_beside_the_plane_there_is_no_value(readout):
    readout.point_at((3, 4))
    readout.point_at((-5, 4))
    assert readout.text.rx.value == ""
    readout.point_at(None)
    assert readout.text.rx.value == ""
