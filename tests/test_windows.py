"""Windows: where a prompt is answered, and that an answer comes back to the pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_app.geometry import bits_of
from seg_app.records import Box, Point, Prompts, Window
from seg_app.sam import windows
from seg_app.sam.outline import outline_of

PLANE = (4096, 6144)


def at(x, y):
    return Prompts((Point(x, y),))


def locate(prompts, *, scale=1.0, plane=PLANE, view=None):
    return windows.locate(prompts, plane, scale=scale, size=1024, view=view)


def test_zoomed_in_the_window_is_at_full_resolution():
    assert locate(at(3000, 2000), scale=0.2).level == 0


@pytest.mark.parametrize(("scale", "level"), [(1, 0), (1.9, 0), (2, 1), (5, 2), (100, 3)])
def test_zoomed_out_the_window_is_on_the_level_on_view(scale, level):
    assert locate(at(3000, 2000), scale=scale).level == level


@pytest.mark.parametrize("x", [0, 17, 3000, 6143])
@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_the_window_holds_the_prompt_and_stays_on_the_plane(x, scale):
    window = locate(at(x, 2000), scale=scale)
    x0, y0, x1, y1 = window.extent
    assert x0 <= x <= x1
    assert y0 <= 2000 <= y1
    assert window.x0 >= 0
    assert window.x1 <= -(-PLANE[1] // window.factor)


@given(
    st.lists(st.tuples(st.floats(-0.5, 6143.4), st.floats(-0.5, 4095.4)), min_size=1, max_size=3),
    st.sampled_from([0.3, 1.0, 2.7, 6.0]),
)
def test_every_prompt_is_inside_its_window(places, scale):
    window = locate(Prompts(tuple(Point(x, y) for x, y in places)), scale=scale)
    x0, y0, x1, y1 = window.extent
    assert all(x0 <= x <= x1 and y0 <= y <= y1 for x, y in places)


def test_neighbouring_clicks_share_a_window():
    assert locate(at(3000, 2000)) == locate(at(3010, 2020))


def test_prompts_far_apart_are_answered_on_a_coarser_level():
    window = locate(Prompts((Point(100, 100), Point(3000, 100))))
    assert window.level == 2


def test_a_box_counts_like_its_corners():
    assert locate(Prompts(box=Box(100, 100, 3000, 200))).level == 2


@pytest.mark.parametrize("scale", [0.3, 0.64, 2.4])
def test_clicks_on_one_screen_share_the_window_in_its_middle(scale):
    width, height = 1200 * scale, 800 * scale
    view = Box(2800 - width / 2, 2000 - height / 2, 2800 + width / 2, 2000 + height / 2)
    places = [(2800, 2000), (2800 - 0.31 * width, 2000), (2800, 2000 + 0.3 * height)]
    assert len({locate(at(*place), scale=scale, view=view) for place in places}) == 1


def test_a_click_near_the_edge_of_the_shared_window_gets_one_of_its_own():
    view, far = Box(2000, 1000, 4000, 3000), at(3500, 2000)
    assert locate(far, view=view) == locate(far) != locate(at(3000, 2000), view=view)


def test_at_the_edge_of_the_plane_there_is_nothing_beyond_that_could_be_cut():
    view = Box(0, 0, 800, 600)
    assert locate(at(0, 0), view=view) == locate(at(400, 300), view=view)


@given(st.floats(0, 6143), st.floats(0, 4095), st.floats(0.3, 9), st.floats(0, 1), st.floats(0, 1))
def test_what_is_clicked_on_screen_is_inside_its_window(x, y, scale, u, v):
    view = Box(x - 600 * scale, y - 400 * scale, x + 600 * scale, y + 400 * scale)
    clicked = at(min(max(view.x0 + u * 1200 * scale, 0), 6143), min(max(view.y0 + v * 800 * scale, 0), 4095))
    x0, y0, x1, y1 = locate(clicked, scale=scale, view=view).extent
    assert x0 <= clicked.points[0].x <= x1
    assert y0 <= clicked.points[0].y <= y1


def test_the_middle_of_a_view_beyond_the_plane_is_that_of_what_is_seen():
    assert windows.middle_of(Box(-1000.5, -0.5, 1999.5, 99.5), PLANE) == Point(999.5, 49.5)


def test_an_object_that_the_shared_window_cuts_is_tried_around_the_click_and_then_coarser():
    clicked = at(3350, 2000)
    shared = locate(clicked, view=Box(2000, 1000, 4000, 3000))
    own = windows.wider(shared, clicked, PLANE, 1024)
    assert (own, shared.level) == (locate(clicked), 0)
    assert windows.wider(own, clicked, PLANE, 1024) == locate(clicked, scale=2)


def test_a_small_plane_is_one_window():
    assert locate(at(5, 5), plane=(64, 96)) == Window(0, 0, 0, 64, 96)


def test_there_is_nothing_coarser_than_the_whole_plane():
    assert windows.wider(Window(0, 0, 0, 64, 96), at(5, 5), (64, 96), 1024) is None


def test_an_object_on_an_inner_edge_is_cut():
    logits = np.full((8, 8), -1.0, np.float32)
    logits[3, 7] = 1
    assert windows.is_cut(outline_of(logits), Window(0, 0, 0, 8, 8), (8, 16))
    assert not windows.is_cut(outline_of(logits), Window(0, 0, 8, 8, 16), (8, 16))


def test_an_empty_answer_is_no_mask():
    assert windows.to_mask(outline_of(np.full((8, 8), -1.0, np.float32)), Window(0, 0, 0, 8, 8), (8, 8)) is None


def test_a_full_resolution_answer_keeps_every_pixel():
    logits = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32)
    mask = windows.to_mask(outline_of(logits), Window(0, 8, 16, 16, 24), (64, 64))
    expected = np.zeros((64, 64), bool)
    expected[8:16, 16:24] = logits > 0
    assert np.array_equal(bits_of(mask), expected[mask.y0 : mask.y1, mask.x0 : mask.x1])


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_disc_found_on_a_coarse_level_is_the_disc_at_full_resolution(level):
    plane, f = (512, 512), 2**level
    centre = np.arange(512 // f) * f + (f - 1) / 2
    distance = np.hypot(centre[:, None] - 250, centre[None, :] - 230)
    mask = windows.to_mask(
        outline_of((100 - distance).astype(np.float32)), Window(level, 0, 0, 512 // f, 512 // f), plane
    )
    y, x = np.mgrid[mask.y0 : mask.y1, mask.x0 : mask.x1]
    truth = np.hypot(y - 250, x - 230) < 100
    assert (bits_of(mask) & truth).sum() / (bits_of(mask) | truth).sum() > 0.99


def test_the_last_rows_of_an_odd_plane_are_not_exceeded():
    mask = windows.to_mask(outline_of(np.ones((3, 3), np.float32)), Window(1, 0, 0, 3, 3), (5, 5))
    assert (mask.height, mask.width) == (5, 5)


# A second look at small objects


def closer(x, y, radius, *, level=0, size=256, prompts=None):
    """Return the window for a second look at a square around a pixel of the plane, seen on the window around it."""
    window = windows.locate(at(x, y), PLANE, scale=2.0**level, size=size)
    logits = np.full(window.shape, -1.0, np.float32)
    row, column = y // window.factor - window.y0, x // window.factor - window.x0
    logits[row - radius : row + radius + 1, column - radius : column + radius + 1] = 1.0
    return windows.closer(window, outline_of(logits), prompts or at(x, y), PLANE, size)


def test_a_small_object_gets_a_window_of_half_the_size_around_it():
    x0, y0, x1, y1 = closer(3000, 2000, 8).extent
    assert (x1 - x0, y1 - y0) == (128, 128)
    assert abs((x0 + x1) / 2 - 3000) <= 32
    assert abs((y0 + y1) / 2 - 2000) <= 32


def test_a_small_object_on_a_coarse_level_gets_a_window_of_the_next_finer_one():
    window = closer(3000, 2000, 8, level=2)
    assert (window.level, window.shape) == (1, (256, 256))
    assert abs((window.extent[0] + window.extent[2]) / 2 - 3000) <= 64


@pytest.mark.parametrize(
    "case",
    [
        {"radius": 45},  # large enough
        {"size": 1024},  # a large model sees it well
        {"prompts": Prompts((Point(3000, 2000), Point(3110, 2000, include=False)))},  # would be outside
    ],
)
def test_other_objects_are_not_looked_at_again(case):
    assert closer(3000, 2000, **{"radius": 8, **case}) is None


@pytest.mark.parametrize(("radius", "edge"), [(8, 64), (12, None)])
def test_what_is_tiny_is_looked_at_a_third_time(radius, edge):
    window, inside = Window(0, 1920, 2944, 2048, 3072), np.full((128, 128), -1.0, np.float32)
    inside[80 - radius : 81 + radius, 56 - radius : 57 + radius] = 1.0
    finest = windows.closer(window, outline_of(inside), at(3000, 2000), PLANE, 256)
    assert (finest and finest.shape) == (edge and (edge, edge))
    if finest:
        assert windows.closer(finest, outline_of(np.ones((64, 64), np.float32)), at(3000, 2000), PLANE, 256) is None


def test_an_empty_answer_is_not_looked_at_again():
    empty = np.full((256, 256), -1.0, np.float32)
    assert windows.closer(Window(0, 0, 0, 256, 256), outline_of(empty), at(9, 9), PLANE, 256) is None
