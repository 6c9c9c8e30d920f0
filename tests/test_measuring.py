"""Stability and boxes of many masks at once are those that are found for each of them."""

import numpy as np
import pytest
import torch

from seg_app.sam import measuring
from seg_app.sam.lowres import box_of
from seg_app.sam.measuring import measured
from seg_app.sam.outline import enlarged, places

OFFSET = 0.5


def hills(count: int) -> np.ndarray:
    """Return (count, 32, 48) float32 logits of round objects of growing size, one on the rim."""
    y, x = np.indices((32, 48))
    return np.stack([(1 + n - np.hypot(y - 4 * n, x - 6 * n)) / 2 for n in range(count)]).astype(np.float32)


@pytest.mark.parametrize("at_once", [measuring.PIXELS_AT_ONCE, 1])
def test_masks_are_measured_as_they_are_enlarged(monkeypatch, at_once):
    monkeypatch.setattr(measuring, "PIXELS_AT_ONCE", at_once)
    logits, shape = hills(5), (100, 230)
    stability, boxes = measured(torch.as_tensor(logits), OFFSET, shape)
    for one, steady, box in zip(logits, stability.tolist(), boxes.tolist(), strict=True):
        fine = enlarged(one, places(shape[0], 32), places(shape[1], 48))
        assert steady == pytest.approx(np.count_nonzero(fine > OFFSET) / np.count_nonzero(fine > -OFFSET), abs=2e-3)
        assert tuple(box) == box_of(one, shape)


def test_nothing_is_neither_stable_nor_anywhere():
    stability, boxes = measured(torch.full((1, 8, 8), -9.0), OFFSET, (16, 16))
    assert (stability.tolist(), boxes.tolist()) == ([0.0], [[-1, -1, -1, -1]])
