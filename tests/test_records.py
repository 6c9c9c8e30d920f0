import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_app.records import Box, FileInfo, ImageId, Mask, Point, Prompts, Window

CLICKS = Prompts((Point(1, 2), Point(3, 4, include=False)), Box(5, 6, 7, 8))


def test_empty_prompts_are_false():
    assert not Prompts()


@pytest.mark.parametrize("prompts", [Prompts((Point(0, 0),)), Prompts(box=Box(0, 0, 0, 0))])
def test_any_prompt_is_true(prompts: Prompts):
    assert prompts


def test_a_point_is_added_last():
    assert CLICKS.with_point(Point(9, 9)).points == (*CLICKS.points, Point(9, 9))
    assert CLICKS.with_point(Point(9, 9)).box == CLICKS.box


def test_the_last_point_is_taken_first_then_the_box():
    once = CLICKS.without_last()
    assert once == Prompts((Point(1, 2),), Box(5, 6, 7, 8))
    assert once.without_last() == Prompts((), Box(5, 6, 7, 8))
    assert once.without_last().without_last() == Prompts()
    assert Prompts().without_last() == Prompts()


def test_prompts_are_shifted_then_scaled():
    assert CLICKS.moved(dx=1, dy=-1, scale=10) == Prompts(
        (Point(20, 10), Point(40, 30, include=False)), Box(60, 50, 80, 70)
    )


def test_a_window_of_level_0_only_shifts():
    assert Window(0, 10, 20, 30, 40).to_window(Prompts((Point(20, 10),))) == Prompts((Point(0, 0),))


def test_a_window_of_level_1_has_its_first_centre_between_four_pixels():
    prompts = Prompts((Point(20.5, 10.5),), Box(19.5, 9.5, 23.5, 13.5))
    assert Window(1, 5, 10, 30, 40).to_window(prompts) == Prompts((Point(0, 0),), Box(-0.5, -0.5, 1.5, 1.5))


@given(st.integers(0, 4), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_the_middle_of_a_block_of_pixels_is_the_centre_of_its_pixel(
    level: int, y0: int, x0: int, row: int, column: int
):
    f = 2**level
    xs = [(x0 + column) * f + i for i in range(f)]
    ys = [(y0 + row) * f + i for i in range(f)]
    middle = Point(sum(xs) / f, sum(ys) / f)
    assert Window(level, y0, x0, y0 + 20, x0 + 20).to_window(Prompts((middle,))).points == (Point(column, row),)


@given(st.integers(0, 4), st.integers(0, 9), st.integers(0, 9))
def test_the_extent_of_a_window_is_its_outer_edge(level: int, y0: int, x0: int):
    window = Window(level, y0, x0, y0 + 3, x0 + 5)
    moved = window.to_window(Prompts(box=Box(*window.extent)))
    assert moved.box == Box(-0.5, -0.5, 4.5, 2.5)
    assert window.shape == (3, 5)


def test_a_mask_knows_its_area_and_its_edges():
    mask = Mask("a", 0, 10, 20, 2, 3, (1, 4, 1))
    assert (mask.area, mask.y1, mask.x1) == (4, 12, 23)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("samples/fib_volume", "fib_volume"),
        ("a/b.tif", "b"),
        ("b.ome.tif", "b.ome"),
        (".hidden", ".hidden"),
        ("a/", "a"),
        ("", "image"),
        (".", "image"),
    ],
)
def test_the_stem_is_the_last_part_without_suffix(path: str, stem: str):
    assert ImageId("local", path, (1, 2, 3), "uint8").stem == stem


def test_the_name_of_a_file_is_the_last_part_of_its_path():
    assert FileInfo("a/b.c", 1, 2.0).name == "b.c"
