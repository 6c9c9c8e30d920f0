"""Which of several boxes are kept when they overlap: the best ones (greedy non-maximum suppression)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def best_boxes(boxes: NDArray[np.float64], scores: NDArray[np.float64], threshold: float) -> list[int]:
    """Return the indices of the boxes that no better one overlaps by more than a threshold, best first.

    boxes: (n, 4), x0, y0, x1, y1. scores: (n,); of equal ones the first is better. threshold: of the IoU, 0 to 1.
    """
    kept: list[int] = []
    rest = np.argsort(-scores, kind="stable")
    while rest.size:
        best, rest = int(rest[0]), rest[1:]
        kept.append(best)
        rest = rest[_ious(boxes[best], boxes[rest]) <= threshold]
    return kept


def _ious(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = (high - low).clip(min=0).prod(axis=1)
    either = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - common
    # a box of a single row or column has no area between its first and last pixel
    return np.divide(common, either, out=np.zeros_like(common), where=either > 0)
