"""Polygons along the edges of pixels: filled again they are exactly the mask, by ours and by scikit-image."""

import numpy as np
import pytest
from builders import square
from hypothesis import example, given
from masks import bits
from skimage.draw import polygon2mask

from seg_app import polygons
from seg_app.geometry import mask_from_bits
from seg_app.polygons import filled, polygons_of

SHAPE = (20, 30)
DIAGONAL = np.array([[1, 0], [0, 1]], bool)
PINCHED = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
"""Its hole touches the outside in one point."""
CORNER_HOLES = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], bool)


def on_plane(inside: np.ndarray) -> np.ndarray:
    plane = np.zeros(SHAPE, bool)
    plane[3 : 3 + inside.shape[0], 5 : 5 + inside.shape[1]] = inside
    return plane


def polygons_at(inside: np.ndarray):
    mask = mask_from_bits(inside, y0=3, x0=5)
    return polygons_of(mask) if mask else []


@given(bits())
@example(DIAGONAL)
@example(PINCHED)
@example(CORNER_HOLES)
def test_scikit_image_fills_outer_rings_without_holes_to_the_mask(inside):
    plane = np.zeros(SHAPE, bool)
    for outer, *holes in polygons_at(inside):
        part = polygon2mask(SHAPE, np.array(outer)[:, ::-1] - 0.5)
        for hole in holes:
            part &= ~polygon2mask(SHAPE, np.array(hole)[:, ::-1] - 0.5)
        plane |= part
    np.testing.assert_array_equal(plane, on_plane(inside))


@given(bits())
@example(CORNER_HOLES)
def test_filled_rings_are_the_mask(inside):
    rings = [np.array(ring, float) for polygon in polygons_at(inside) for ring in polygon]
    part, y0, x0 = filled(rings, rows=SHAPE[0], columns=SHAPE[1])
    plane = np.zeros(SHAPE, bool)
    plane[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    np.testing.assert_array_equal(plane, on_plane(inside))


@given(bits())
@example(PINCHED)
def test_rings_never_meet_themselves_and_are_turned_as_they_should(inside):
    for polygon in polygons_at(inside):
        assert all(len(set(ring)) == len(ring) >= 4 for ring in polygon)
        assert [np.sign(polygons._area(ring)) for ring in polygon] == [1, *[-1] * (len(polygon) - 1)]


def test_a_square_has_the_corners_of_its_pixels():
    assert sorted(polygons_of(square(10, 20, 4))[0][0]) == [(10, 20), (10, 24), (14, 20), (14, 24)]


def test_pixels_that_touch_in_a_point_are_two_polygons():
    assert [len(polygon) for polygon in polygons_at(DIAGONAL)] == [1, 1]


def test_a_hole_that_touches_the_outside_in_a_point_is_a_hole():
    assert [len(polygon) for polygon in polygons_at(PINCHED)] == [2]


@given(bits(4))
def test_slanted_outlines_are_filled_as_scikit_image_fills_them(corners):
    chosen = np.argwhere(corners) * (3.7013, 3.1171) + (1.3137, 1.7173)  # no pixel has its centre on an edge
    ring = chosen[np.argsort(np.arctan2(*(chosen - chosen.mean(axis=0)).T))] if len(chosen) > 2 else np.empty((0, 2))
    part, y0, x0 = filled([ring], rows=SHAPE[0], columns=SHAPE[1])
    plane = np.zeros(SHAPE, bool)
    plane[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    expected = polygon2mask(SHAPE, ring[:, ::-1] - 0.5) if len(ring) else np.zeros(SHAPE, bool)
    np.testing.assert_array_equal(plane, expected)


def test_an_outline_that_leaves_the_plane_ends_at_its_edge():
    part, y0, x0 = filled([np.array([[-1e9, -1e9], [5, -1e9], [5, 5], [-1e9, 5]])], rows=20, columns=30)
    assert (part.sum(), y0, x0) == (25, 0, 0)


@pytest.mark.parametrize("rings", [[], [np.empty((0, 2))], [np.full((4, 2), 99.0)], [np.full((1, 2), 3.0)]])
def test_rings_around_nothing_fill_nothing(rings):
    assert not filled(rings, rows=20, columns=30)[0].any()


@pytest.mark.parametrize("corner", [np.nan, np.inf])
def test_corners_that_are_no_numbers_are_refused(corner):
    with pytest.raises(ValueError, match="no number"):
        filled([np.array([[0, 0], [corner, 1], [1, 0]])], rows=20, columns=30)


def test_an_absurd_outline_is_refused():
    with pytest.raises(ValueError, match="at most 100"):
        filled([np.array([[0, 0], [20, 0], [0, 20.0]])], rows=20, columns=30, limit=100)
