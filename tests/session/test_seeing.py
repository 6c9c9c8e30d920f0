"""What the model is shown of an image, at the zoom and contrast on view."""

import numpy as np
import pytest
from discs import DISCS, Brightness, discs, is_disc

from seg_app.models import Session, Volume
from seg_app.records import Box, Window
from seg_app.sam import connect_sam


def test_an_object_larger_than_the_window_is_answered_on_a_coarser_one():
    plane = discs((200, 190, 90), shape=(400, 420))
    segmenter = Brightness(input_size=64)
    mask = Session(Volume.from_array(plane), segmenter).click(200, 190)
    assert [image.shape[:2] for image in segmenter.images] == [(64, 64)] * 3
    assert mask.area == pytest.approx(np.pi * 90**2, rel=0.03)
    assert (mask.x0 + mask.x1 - 1) / 2 == pytest.approx(200, abs=4)


def test_an_object_larger_than_the_windows_of_the_classical_segmenter_is_whole():
    plane = discs((800, 700, 560), shape=(1400, 1600))
    mask = Session(Volume.from_array(plane), connect_sam("classical:")).click(800, 700)
    assert mask.area == pytest.approx(np.pi * 560**2, rel=0.05)


def test_a_small_object_is_looked_at_again_and_comes_out_the_same():
    segmenter = Brightness(input_size=256)
    session = Session(Volume.from_array(discs((400, 300, 9), shape=(700, 800))), segmenter)
    assert is_disc(session.click(400, 300), 400, 300, 9, shape=(700, 800))
    assert [image.shape[:2] for image in segmenter.images] == [(256, 256), (128, 128), (64, 64)]


def test_a_second_look_that_sees_nothing_is_forgotten():
    class Shy(Brightness):
        def predict(self, image, prompts, *, previous=None):
            return super().predict(image if len(image) > 128 else 0 * image, prompts, previous=previous)

    session = Session(Volume.from_array(discs((400, 300, 9), shape=(700, 800))), Shy(input_size=256))
    assert is_disc(session.click(400, 300), 400, 300, 9, shape=(700, 800))


def test_an_object_at_the_edge_of_the_plane_is_not_cut():
    plane = discs((0, 0, 40))
    segmenter = Brightness(input_size=64)
    assert is_disc(Session(Volume.from_array(plane), segmenter).click(2, 2), 0, 0, 40)
    assert len(segmenter.images) == 1


def test_a_zoomed_out_view_is_answered_on_what_it_shows(segmenter):
    session = Session(Volume.from_array(discs((800, 800, 20), shape=(1600, 1600))), segmenter)
    session.scale = 2.0
    mask = session.click(800, 800)
    assert segmenter.images[0].shape == (800, 800, 3)
    assert mask.area == pytest.approx(np.pi * 20**2, rel=0.1)


def test_faint_16_bit_objects_are_seen_as_the_user_sees_them(segmenter):
    plane = discs(*DISCS, dtype=np.uint16, dark=30_000, bright=30_100)
    session = Session(Volume.from_array(plane), segmenter)
    assert is_disc(session.click(60, 50), *DISCS[0])
    (seen,) = segmenter.images
    assert (seen.dtype, seen.shape, seen.min(), seen.max()) == (np.uint8, (200, 240, 3), 0, 255)


def test_the_contrast_that_is_set_reaches_the_model(session, segmenter):
    session.limits = (250.0, 255.0)
    assert session.click(60, 50) is None
    assert segmenter.images[0].max() == 0


@pytest.fixture
def on_screen(segmenter):
    """A session whose view shows a part of a large plane at twice its size."""
    session = Session(Volume.from_array(discs((2000, 1500, 20), shape=(3000, 4000))), segmenter)
    session.param.update(scale=0.5, view=Box(1700, 1300, 2300, 1700))
    return session


@pytest.mark.parametrize("place", [(2000, 1500), (1990, 1490), (2010, 1510)])
def test_a_click_on_what_was_prepared_asks_about_the_same_pixels(on_screen, segmenter, place):
    on_screen.outliner.prepare()
    on_screen.click(*place)
    ((prepared, _),) = segmenter.embedded
    assert segmenter.images[0] is prepared


def test_what_is_prepared_is_asked_for_in_the_name_of_the_session(on_screen, segmenter, session):
    for one in (on_screen, on_screen, session):
        one.outliner.prepare()
    clients = [client for _, client in segmenter.embedded]
    assert clients[0] == clients[1] != clients[2]


def test_without_a_view_the_middle_of_the_plane_is_prepared(segmenter):
    Session(Volume.from_array(discs((2000, 1500, 20), shape=(3000, 4000))), segmenter).outliner.prepare()
    assert segmenter.embedded[0][0].max() > 200


def test_what_the_user_has_left_while_it_was_read_is_not_prepared(on_screen, segmenter, monkeypatch):
    read = on_screen.volume.read

    def move_on(*where):
        monkeypatch.setattr(on_screen.volume, "read", read)
        on_screen.view = Box(100, 100, 700, 500)
        on_screen.outliner.prepare()
        return read(*where)

    monkeypatch.setattr(on_screen.volume, "read", move_on)
    on_screen.outliner.prepare()
    assert [image.max() for image, _ in segmenter.embedded] == [
        on_screen.outliner.as_seen(Window(0, 0, 0, 9, 9), 0).max()
    ]
