"""Lengths in words: the unit that fits, and nothing claimed that is not known."""

import pytest

from seg_app.lengths import round_length, spoken_length, spoken_pixel
from seg_app.records import Calibration


@pytest.mark.parametrize(
    ("nm", "words"), [(0.25, "0.25 nm"), (999, "999 nm"), (1000, "1 µm"), (2500, "2.5 µm"), (3.0e6, "3 mm")]
)
def test_a_length_has_the_unit_that_fits(nm, words):
    assert spoken_length(nm) == words


@pytest.mark.parametrize(("limit", "length"), [(1, 1), (1.99, 1), (2, 2), (4.9, 2), (51, 50), (0.3, 0.2)])
def test_a_round_length_is_no_longer_than_the_limit(limit, length):
    assert round_length(limit) == pytest.approx(length)


@pytest.mark.parametrize(
    ("size_nm", "words"),
    [
        (None, "no pixel size known"),
        ((None, 10.0, 10.0), "10 nm per pixel"),
        ((5.0, 1500.0, 1200.0), "1.2 × 1.5 µm per pixel"),
    ],
)
def test_a_pixel_is_as_wide_as_it_is_high_or_both_are_said(size_nm, words):
    assert spoken_pixel(Calibration(size_nm)) == words
