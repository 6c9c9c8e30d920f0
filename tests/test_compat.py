import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seg_app.sam.compat import ensure_torchvision, nms


def brute_force(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Keep the best box, drop what overlaps it too much, and so on; one pair at a time."""
    left = sorted(range(len(boxes)), key=lambda i: -scores[i])
    kept = []
    while left:
        best, *rest = left
        kept.append(best)
        left = [i for i in rest if pair_iou(boxes[best], boxes[i]) <= threshold]
    return kept


def pair_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)


boxes_drawn = st.lists(
    st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 12)] * 2).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    min_size=1,
    max_size=12,
)


@given(boxes_drawn, st.floats(0.05, 0.95), st.randoms(use_true_random=False))
def test_nms_keeps_what_brute_force_keeps(boxes, threshold, random) -> None:
    scores = [i / len(boxes) for i in random.sample(range(len(boxes)), len(boxes))]
    kept = nms(torch.tensor(boxes, dtype=torch.float64), torch.tensor(scores), threshold)
    assert kept.tolist() == brute_force(np.array(boxes, dtype=float), np.array(scores), threshold)


def test_nms_of_nothing_is_nothing() -> None:
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_torchvision_can_be_imported_and_suppresses_overlaps() -> None:
    ensure_torchvision()
    from torchvision.ops import nms as installed

    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]], dtype=torch.float32)
    assert installed(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]


def test_a_working_torchvision_is_left_alone(monkeypatch) -> None:
    ensure_torchvision()
    monkeypatch.setattr("seg_app.sam.compat._declare", lambda: pytest.fail("declared operators that exist"))
    ensure_torchvision()
