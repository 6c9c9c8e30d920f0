"""Stability and boxes of many masks at once are those that are found for each of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seg_app.sam import measuring
from seg_app.sam.lowres import box_of, stability
from seg_app.sam.outline import enlarged, places

OFFSET, SHAPE = 0.5, (100, 230)


def hills(count: int) -> np.ndarray:
    """Return (count, 32, 48) float32 logits of round objects of growing size, one on the rim."""
    y, x = np.indices((32, 48))
    return np.stack([(1 + n - np.hypot(y - 4 * n, x - 6 * n)) / 2 for n in range(count)]).astype(np.float32)


@pytest.fixture(params=[measuring.PIXELS_AT_ONCE, 1], ids=["together", "one by one"])
def hilly(request, monkeypatch):
    """Logits of hills, measured in parts of some size."""
    monkeypatch.setattr(measuring, "PIXELS_AT_ONCE", request.param)
    return hills(5)


def fine(logits: np.ndarray) -> np.ndarray:
    return enlarged(logits, places(SHAPE[0], 32), places(SHAPE[1], 48))


def test_boxes_are_those_of_each_mask(hilly):
    found = measuring.boxes(torch.as_tensor(hilly), SHAPE)
    assert [tuple(box) for box in found.tolist()] == [box_of(one, SHAPE) for one in hilly]


@given(
    arrays(np.float32, (2, 5, 7), elements=st.floats(-9, 3, width=16)),
    st.tuples(st.integers(5, 40), st.integers(7, 40)),
)
def test_boxes_are_drawn_around_what_is_inside(logits, shape):
    drawn = [enlarged(one, places(shape[0], 5), places(shape[1], 7)) > 0 for one in logits]
    for inside, box in zip(drawn, measuring.boxes(torch.as_tensor(logits), shape).tolist(), strict=True):
        (rows,), (columns,) = inside.any(axis=1).nonzero(), inside.any(axis=0).nonzero()
        assert box == ([columns[0], rows[0], columns[-1], rows[-1]] if rows.size else [-1] * 4)


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9])
def test_what_is_stable_is_what_is_stable_when_it_is_enlarged(hilly, wanted):
    steady = measuring.stability(torch.as_tensor(hilly), OFFSET, SHAPE, doubt_at=wanted)
    exact = [np.count_nonzero(fine(one) > OFFSET) / np.count_nonzero(fine(one) > -OFFSET) for one in hilly]
    assert [one >= wanted for one in steady.tolist()] == [one >= wanted for one in exact]
    assert steady.tolist() == [
        pytest.approx(stability(one, OFFSET, shape=SHAPE, doubt_at=wanted), abs=1e-3) for one in hilly
    ]


def test_nothing_is_neither_stable_nor_anywhere():
    nothing = torch.full((1, 8, 8), -9.0)
    assert measuring.stability(nothing, OFFSET, (16, 16), doubt_at=0.9).tolist() == [0.0]
    assert measuring.boxes(nothing, (16, 16)).tolist() == [[-1, -1, -1, -1]]
