"""One object of all answers that mean the same: where windows meet, none of them decides alone.

A model says something else of an object when it sees other things beside it, so that what the best answer is, and where
it has its edge, depends on how the windows lie. What the answers to all points of an object have in common hardly does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from seg_app.sam.doubles import ious
from seg_app.sam.lowres import box_of
from seg_app.sam.outline import outline_of, pixels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from seg_app.sam.caught import Caught

ALIKE = 0.7
"""Answers with at least this IoU with the best of them mean the same object."""
AGREED = 0.25
"""Of the points inside of an object that were asked on its level, at least so many must have been answered by it."""
SAMPLES = 64
"""Along the longer side of a box, for an IoU."""
NEAR = 0.4
"""IoU of the boxes of two answers below which nobody asks for that of their masks."""
SURE = 1e-4
"""Nothing is surer than one less this."""


def agreed(answers: Sequence[Caught], asked: Mapping[int, NDArray[np.float64]]) -> Iterator[Caught]:
    """Yield the objects that answers agree on, best first: each as the mean of those that mean it.

    asked: group of crops -> (n, 2) all points x, y that were asked there, in pixels of the image.
    """
    ordered = sorted(answers, key=lambda each: each.rank)
    boxes = np.array([each.box for each in ordered]).T
    is_left = np.ones(len(ordered), bool)
    for i, best in enumerate(ordered):
        if is_left[i]:
            near = _near(boxes, i)
            alike = near[_ious(best, [ordered[j] for j in near]) >= ALIKE]
            is_left[alike] = is_left[i] = False
            those = [ordered[j] for j in alike] or [best]  # a box of a single row has no area, and no IoU
            one = _mean(best, those)
            if _share(one, those, asked[best.crop.group]) >= AGREED:
                yield one


def _near(boxes: NDArray[np.float64], i: int) -> NDArray[np.intp]:
    x0, y0, x1, y1 = box = boxes[:, i]
    meet = np.flatnonzero((boxes[0] <= x1) & (boxes[2] >= x0) & (boxes[1] <= y1) & (boxes[3] >= y0))
    return meet[ious(box, boxes[:, meet]) >= NEAR]


def _ious(best: Caught, others: Sequence[Caught]) -> NDArray[np.float64]:
    """Return the IoU of the masks of the best one and each of some others that lie near it, by samples."""
    low, high = _around([best, *others])
    step = max(1.0, (high - low).max() / SAMPLES)
    columns, rows = (np.arange(start, end + 1, step) for start, end in zip(low, high, strict=True))
    here, *there = (each.logits_at(rows, columns, outside=-np.inf) > 0 for each in (best, *others))
    return np.array([np.count_nonzero(here & one) / max(np.count_nonzero(here | one), 1) for one in there])


def _around(answers: Sequence[Caught]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last column and row of all of them."""
    boxes = np.array([each.box for each in answers])
    return boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)


def _mean(best: Caught, those: Sequence[Caught]) -> Caught:
    """Return the best answer with the mean outline of several. Chances are averaged: logits have no scale."""
    if len(those) == 1:
        return best
    (low, high), window = _around(those), best.crop.window
    (rows, columns), shape = best.outline.grid, window.shape
    y, part_y = _between(rows, shape[0], low[1] - window.y0, high[1] - window.y0)
    x, part_x = _between(columns, shape[1], low[0] - window.x0, high[0] - window.x0)
    chances = [expit(each.logits_at(y + window.y0, x + window.x0, outside=-np.inf)) for each in those]
    logits = np.full((rows, columns), logit(SURE), np.float32)
    logits[part_y, part_x] = logit(np.mean(chances, axis=0).clip(SURE, 1 - SURE))
    if logits.max() <= 0:
        return best
    x0, y0, x1, y1 = box_of(logits, shape)
    box = (x0 + window.x0, y0 + window.y0, x1 + window.x0, y1 + window.y0)
    return replace(best, outline=outline_of(logits).in_half(), box=box)


def _between(grid: int, length: int, low: float, high: float) -> tuple[NDArray[np.float64], slice]:
    """Return which of the grid points of a window lie between two pixels of it, or next to them, and their places."""
    pixels = pixels_of(grid, length)
    first, end = np.searchsorted(pixels, low) - 1, np.searchsorted(pixels, high, side="right") + 1
    part = slice(max(int(first), 0), int(end))
    return pixels[part], part


def _share(one: Caught, those: Sequence[Caught], asked: NDArray[np.float64]) -> float:
    """Return of the points inside of an object that were asked on its level, the share that was answered by it."""
    answered = {each.point for each in those if each.crop.group == one.crop.group}
    return len(answered) / max(np.count_nonzero(one.holds(asked)), len(answered))
