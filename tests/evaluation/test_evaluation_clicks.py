"""Where simulated clicks are; checked against brute force."""

import numpy as np
import pytest
from hypothesis import given
from masks import bits, pairs_of_bits
from scipy.spatial.distance import cdist

from seg_app.evaluation.clicks import Disc, largest_disc, next_click
from seg_app.records import Point


@given(bits(max_edge=9))
def test_the_largest_disc_is_the_one_of_brute_force(region) -> None:
    around = np.pad(region, 1)
    inside, outside = np.argwhere(around), np.argwhere(~around)
    if not len(inside):
        assert largest_disc(region) is None
        return
    radii = cdist(inside, outside).min(axis=1)
    y, x = inside[radii >= radii.max() - 1e-9][0] - 1
    assert largest_disc(region) == Disc(y, x, pytest.approx(radii.max()))


@given(pairs_of_bits)
def test_every_click_is_on_a_pixel_that_is_wrong(pair) -> None:
    truth, answer = pair
    click = next_click(truth, answer)
    if click is None:
        np.testing.assert_array_equal(truth, answer)
    else:
        assert (truth[click.y, click.x], answer[click.y, click.x]) == (click.include, not click.include)


def block(rows: slice, columns: slice) -> np.ndarray:
    bits = np.zeros((20, 30), dtype=bool)
    bits[rows, columns] = True
    return bits


NOTHING = block(slice(0), slice(0))


def test_the_first_click_is_in_the_middle_of_the_object() -> None:
    assert next_click(block(slice(4, 11), slice(8, 15)), NOTHING) == Point(11, 7)


def test_beyond_the_border_of_the_image_is_outside() -> None:
    assert next_click(block(slice(0, 5), slice(0, 5)), NOTHING) == Point(2, 2)


def test_more_missing_than_too_much_asks_for_an_including_click() -> None:
    answer = block(slice(0, 7), slice(0, 6)) | block(slice(15, 18), slice(20, 23))
    assert next_click(block(slice(0, 7), slice(0, 13)), answer) == Point(9, 3)


def test_more_too_much_than_missing_asks_for_an_excluding_click() -> None:
    answer = block(slice(0, 7), slice(3, 17))
    assert next_click(block(slice(0, 7), slice(0, 10)), answer) == Point(13, 3, include=False)
