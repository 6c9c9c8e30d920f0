"""Rendering: the right pixels, no more than the screen needs, and the values that were shown."""

import numpy as np
import pytest
from builders import square
from datashader import resampling
from skimage import data

from seg_app.models import Volume
from seg_app.records import Window
from seg_app.views import render
from seg_app.views.render import Viewport
from seg_app.views.theme import COLOURS, OBJECTS

PLANE = (2048, 3072)


@pytest.fixture(scope="module")
def volume():
    values = np.random.default_rng(0).integers(1000, 60000, (2, *PLANE), dtype=np.uint16)
    return Volume.from_array(values)


def around(x, y, *, width, height, scale):
    """A viewport whose top left screen pixel has its outer corner at (x, y) - 0.5."""
    return Viewport((x - 0.5, y - 0.5, x - 0.5 + width * scale, y - 0.5 + height * scale), width, height)


@pytest.mark.parametrize("scale", [0.1, 0.5, 1, 1.7, 2.5, 5])
def test_a_frame_has_no_more_pixels_than_the_screen_with_its_margin(volume, scale):
    viewport = around(300, 200, width=400, height=300, scale=scale)
    frame = render.make_frame(volume, 0, viewport, (0, 65535))
    assert frame.pixels.size <= 400 * 300 * 1.3
    assert frame.pixels.dtype == np.uint8


@pytest.mark.parametrize("scale", [0.25, 1])
def test_at_one_to_one_and_closer_pixels_are_shown_as_they_are(volume, scale):
    viewport = around(100, 50, width=200, height=100, scale=scale)
    window = render.window_of(viewport, PLANE, volume.n_levels)
    frame = render.make_frame(volume, 1, viewport, (0, 65535))
    assert window.level == 0
    assert frame.pixels.shape == window.shape


def test_a_frame_covers_the_viewport(volume):
    viewport = around(300, 200, width=400, height=300, scale=1.9)
    x0, y0, x1, y1 = render.make_frame(volume, 0, viewport, (0, 1)).extent
    left, top, right, bottom = viewport.extent
    assert x0 <= left
    assert y0 <= top
    assert x1 >= right
    assert y1 >= bottom


def test_a_viewport_beside_the_plane_gives_a_frame_all_the_same(volume):
    frame = render.make_frame(volume, 0, Viewport((-900.0, -900.0, -500.0, -500.0), 400, 400), (0, 1))
    assert frame.pixels.size > 0


def test_the_value_under_the_pointer_is_the_pixels_own(volume):
    viewport = around(100, 50, width=200, height=100, scale=0.5)
    frame = render.make_frame(volume, 0, viewport, (0, 65535))
    exact = volume.read(0, Window(0, 60, 120, 61, 121))[0, 0]
    step = (frame.coded[1] - frame.coded[0]) / 255
    assert frame.value_at(120.4, 59.6) == pytest.approx(exact, abs=step)


def test_a_value_beyond_what_the_contrast_shows_is_said_as_its_end(volume):
    viewport = around(100, 50, width=200, height=100, scale=0.5)
    exact = float(volume.read(0, Window(0, 60, 120, 61, 121))[0, 0])
    for limits, bound in [((exact + 100, exact + 200), "≤ "), ((exact - 200, exact - 100), "≥ "), ((0, 65535), "")]:
        frame = render.make_frame(volume, 0, viewport, limits)
        assert frame.bound_of(frame.value_at(120.4, 59.6)) == bound
    for low in np.random.default_rng(0).normal(0, 1e-3, 100):
        frame = render.Frame(np.full((1, 1), 255, np.uint8), (low, low + 3e-4), (0, 0, 1, 1), 0)
        assert frame.bound_of(frame.value_at(0.5, 0.5)) == "≥ "
    assert render.BLANK.bound_of(0.0) == ""  # eight bits are shown as they are


def test_there_is_no_value_outside_of_a_frame(volume):
    frame = render.make_frame(volume, 0, around(0, 0, width=10, height=10, scale=1), (0, 1))
    assert frame.value_at(-3, 0) is None


def test_what_shrinks_is_compiled_once_and_kept_for_the_next_start():
    render.resample(np.zeros((8, 8)), 2)
    assert resampling._downsample_2d_mean.stats.cache_path


def test_shrinking_keeps_the_mean():
    pixels = np.random.default_rng(1).normal(100, 20, (300, 400)).astype(np.float32)
    assert render.resample(pixels, 1.7).mean() == pytest.approx(pixels.mean(), rel=0.01)


def test_shrinking_keeps_an_edge_in_its_place():
    pixels = np.zeros((300, 400), np.float32)
    pixels[:, 200:] = 1
    shrunk = render.resample(pixels, 1.6)
    assert shrunk.shape == (188, 250)
    assert (shrunk[:, :124] == 0).all()
    assert (shrunk[:, 126:] == 1).all()


def test_colours_are_shrunk_one_by_one():
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[..., 1] = 200
    shrunk = render.resample(pixels, 2)
    assert shrunk.shape == (50, 50, 3)
    assert (shrunk == (0, 200, 0)).all()


@pytest.mark.parametrize("n_colours", [1, 7, 256])
def test_few_colours_are_shown_exactly_with_a_byte_for_each_pixel(n_colours):
    rng = np.random.default_rng(n_colours)
    pixels = rng.integers(0, 256, (n_colours, 3), np.uint8)[rng.integers(0, n_colours, (60, 80))]
    frame = render.make_frame(Volume.from_array(pixels), 0, around(0, 0, width=80, height=60, scale=1), render.BYTES)
    np.testing.assert_array_equal(frame.palette[frame.pixels], pixels)
    assert (frame.pixels.nbytes, len(frame.colours)) == (pixels.nbytes // 3, 256)
    assert frame.value_at(7, 5) == tuple(pixels[5, 7].tolist())


def test_of_many_colours_those_next_to_them_are_shown():
    pixels = data.astronaut()
    frame = render.make_frame(Volume.from_array(pixels), 0, around(0, 0, width=512, height=512, scale=1), render.BYTES)
    off = frame.palette[frame.pixels].astype(float) - pixels
    assert 10 * np.log10(255**2 / (off**2).mean()) > 32


def test_contrast_within_the_headroom_needs_no_new_pixels(volume):
    frame = render.make_frame(volume, 0, around(0, 0, width=100, height=100, scale=1), (10000, 30000))
    assert not render.needs_new_codes(frame, (5000, 35000))
    assert render.needs_new_codes(frame, (0, 65535))
    assert render.needs_new_codes(frame, (20000, 20500))


def test_limits_lie_on_the_codes_of_their_values(volume):
    frame = render.make_frame(volume, 0, around(0, 0, width=100, height=100, scale=1), (10000, 30000))
    low, high = frame.limits_as_codes((0, 40000))
    assert (low, high) == (0, 255)


def overlay(masks, selected=(), scale=1.0):
    drawn = render.make_overlay(masks, selected, around(0, 0, width=60, height=40, scale=scale), (40, 60))
    assert drawn is not None
    return drawn


def test_without_masks_nothing_is_drawn():
    assert render.make_overlay([], (), around(0, 0, width=60, height=40, scale=1), (40, 60)) is None


def test_an_object_has_a_fill_and_an_edge_of_its_colour():
    codes = overlay([square(10, 20, 6, number=3)]).objects
    assert codes[22, 12] == 3
    assert codes[20, 12] == 3 + len(COLOURS)
    assert np.count_nonzero(codes) == 36


def test_numbers_beyond_the_palette_begin_again():
    assert overlay([square(10, 20, 6, number=len(OBJECTS) + 1)]).objects[22, 12] == 1


def test_the_smaller_of_two_overlapping_objects_is_on_top():
    codes = overlay([square(10, 10, 4, number=1), square(5, 5, 20, number=2)]).objects
    assert codes[12, 12] == 1


def test_zoomed_in_an_edge_is_one_screen_pixel_thin():
    codes = overlay([square(1, 1, 4, number=1)], scale=0.1).objects
    assert np.count_nonzero(codes == 1) > np.count_nonzero(codes == 1 + len(COLOURS))


def test_only_selected_objects_are_highlighted():
    one, other = square(5, 5, 12, number=1), square(30, 5, 12, number=2)
    drawn = overlay([one, other], selected=[other.id]).selection
    assert drawn[:, :20].max() == 0
    assert drawn[11, 36] == 1
    assert drawn[5, 32] == 2
