"""The parts that stand for a whole image."""

import pytest

from seg_app.models.sampling import SIDE, some_planes, some_windows


@pytest.mark.parametrize(
    ("count", "planes"), [(1, [0]), (2, [0, 1]), (5, [0, 1, 2, 3, 4]), (101, [0, 25, 50, 75, 100])]
)
def test_some_planes_are_the_first_the_last_and_what_is_between(count, planes):
    assert some_planes(count) == planes


@pytest.mark.parametrize("size", [(1, 4000), (SIDE, SIDE), (3000, 4001)])
def test_all_windows_are_inside_and_of_one_size(size):
    windows = some_windows(0, *size)
    assert {w.shape for w in windows} == {(min(SIDE, size[0]), min(SIDE, size[1]))}
    assert all(0 <= w.y0 < w.y1 <= size[0] and 0 <= w.x0 < w.x1 <= size[1] for w in windows)


def test_every_ninth_of_a_large_plane_has_a_window():
    assert [(w.y0, w.x0) for w in some_windows(0, 3000, 6000)][:4] == [
        (244, 744),
        (244, 2744),
        (244, 4744),
        (1244, 744),
    ]
