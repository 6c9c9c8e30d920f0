"""What a candidate shows of its coarse grid is what is inside when the whole grid is enlarged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seg_app.geometry import paste
from seg_app.records import Window
from seg_app.sam import Candidate, windows
from seg_app.sam.outline import outline_of

grids = arrays(np.float32, (6, 9), elements=st.floats(-9, 3, width=16))
shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def full(outline) -> np.ndarray:
    """Return what is inside of an outline, on all of its grid."""
    inside = np.zeros(outline.grid, bool)
    rows, columns = outline.logits.shape
    inside[outline.y0 : outline.y0 + rows, outline.x0 : outline.x0 + columns] = outline.logits > 0
    return inside


@given(grids, shapes)
def test_an_outline_has_all_that_is_inside(grid, shape) -> None:
    candidate = Candidate(grid, 0.5, over=shape)
    assert candidate.logits.shape == shape
    np.testing.assert_array_equal(full(candidate.outline), candidate.logits > 0)
    assert candidate.outline.is_empty == (not (candidate.logits > 0).any())


@given(grids, shapes, st.integers(0, 3))
def test_a_mask_is_that_of_the_logits_of_all_pixels(grid, shape, level) -> None:
    candidate, window = Candidate(grid, 0.5, over=shape), Window(level, 0, 0, *shape)
    plane = tuple(n * window.factor for n in shape)
    whole = Window(0, 0, 0, *plane)
    masks = [windows.to_mask(found, window, plane) for found in (candidate.outline, outline_of(candidate.logits))]
    ours, theirs = (paste(mask, whole) if mask else np.zeros(plane, bool) for mask in masks)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("over", [None, (12, 18)])
def test_logits_have_a_value_for_each_pixel(over) -> None:
    grid = np.arange(54, dtype=np.float32).reshape(6, 9)
    candidate = Candidate(grid, 0.5, over=over)
    assert candidate.logits.shape == candidate.shape == (over or (6, 9))
    assert (candidate.logits[0, 0], candidate.logits[-1, -1]) == (0, 53)
