"""The windows on which objects are followed: room for each, and no more windows than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_app.records import Window
from seg_app.sam.sharing import ROOM, shared_windows
from tests.builders import square

PLANE = (1000, 1500)
SQUARES = st.lists(st.builds(square, st.integers(0, 1400), st.integers(0, 900), st.integers(4, 100)), max_size=12)


def windows_of(*masks, size: int = 256) -> dict[Window, list[int]]:
    return shared_windows(masks, PLANE, size=size)


@given(SQUARES, st.sampled_from([256, 1024]))
def test_every_object_is_followed_once_with_room_to_grow(masks, size) -> None:
    shared = shared_windows(masks, PLANE, size=size)
    assert sorted(index for indices in shared.values() for index in indices) == [*range(len(masks))]
    for window, indices in shared.items():
        x0, y0, x1, y1 = window.extent
        for mask in (masks[index] for index in indices):
            more = (ROOM - 1) * mask.width / 2
            assert x0 <= max(mask.x0 - 0.5 - more, -0.5)
            assert y0 <= max(mask.y0 - 0.5 - more, -0.5)
            assert x1 >= min(mask.x1 - 0.5 + more, PLANE[1] - 0.5)
            assert y1 >= min(mask.y1 - 0.5 + more, PLANE[0] - 0.5)


def test_objects_of_any_size_share_the_only_window_of_a_small_plane() -> None:
    shared = shared_windows([square(10, 10, 20), square(60, 50, 40)], (100, 120), size=256)
    assert shared == {Window(0, 0, 0, 100, 120): [0, 1]}


def test_neighbours_share_a_window() -> None:
    assert windows_of(square(500, 500, 60), square(580, 520, 50)) == {Window(0, 384, 384, 640, 640): [0, 1]}


def test_objects_far_apart_do_not() -> None:
    assert sorted(windows_of(square(500, 500, 60), square(900, 500, 60)).values()) == [[0], [1]]


def test_a_large_object_is_seen_coarsely_and_does_not_take_a_neighbour_along() -> None:
    shared = windows_of(square(300, 300, 300), square(620, 400, 60))
    assert {window.level: indices for window, indices in shared.items()} == {2: [0], 0: [1]}


@pytest.mark.parametrize(("size", "edge"), [(256, 128), (1024, 1000)])
def test_a_small_object_is_seen_closely_by_a_model_of_a_small_input(size, edge) -> None:
    (window,) = windows_of(square(500, 500, 20), size=size)
    assert (window.level, window.shape[0]) == (0, edge)


def test_an_object_at_the_edge_of_the_plane_needs_no_room_beyond() -> None:
    assert windows_of(square(0, 0, 100)) == {Window(0, 0, 0, 256, 256): [0]}
