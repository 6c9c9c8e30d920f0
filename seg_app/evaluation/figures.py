"""What an evaluation comes to: mean IoU, by size, how true the predicted scores are, how long a click takes."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg_app.evaluation.trials import Evaluation, Trial

EDGES_PX = (0, 16, 32, 64, 128, math.inf)
"""Sizes of objects are told apart here: edges of squares of the same area."""
SCORE_BINS = 10


@dataclass(frozen=True, slots=True)
class MeanIou:
    """Mean IoU after a number of clicks."""

    clicks: int
    over_objects: float
    over_images: float
    """The mean of the means of the images: an image of 300 particles counts as much as one of three."""
    good: float
    """The part of the objects with an IoU of at least 0.9."""


@dataclass(frozen=True, slots=True)
class SizeBin:
    """The objects of a range of sizes; the edge of a square of their area is from `low_px` to below `high_px`."""

    low_px: float
    high_px: float
    count: int
    ious: tuple[float, ...]
    """Mean IoU, one for each number of clicks."""


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """The answers of which a score from `low` to below `high` was predicted; the last bin has 1 as well."""

    low: float
    high: float
    count: int
    score: float
    """Mean of the predicted scores."""
    iou: float
    """Mean of the true ones."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from a click to its mask; medians."""

    first_s: float
    """Of the first click on each image: its window is cut out and encoded."""
    next_s: float | None
    """Of all others; None where there are none."""


def mean_iou(evaluation: Evaluation, clicks: int) -> MeanIou:
    """Return the mean IoU after a number of clicks."""
    ious = [trial.after(clicks).iou for trial in evaluation.trials]
    by_image = [_mean([trial.after(clicks).iou for trial in trials]) for trials in images_of(evaluation)]
    return MeanIou(clicks, _mean(ious), _mean(by_image), _mean([iou >= 0.9 for iou in ious]))


def images_of(evaluation: Evaluation) -> list[list[Trial]]:
    """Return the trials of each image, in order."""
    found: dict[str, list[Trial]] = defaultdict(list)
    for trial in evaluation.trials:
        found[trial.image].append(trial)
    return list(found.values())


def by_size(evaluation: Evaluation, clicks: Sequence[int]) -> list[SizeBin]:
    """Return the sizes that occur, the smallest first, with the mean IoU after numbers of clicks."""
    bins = []
    for low, high in pairwise(EDGES_PX):
        trials = [trial for trial in evaluation.trials if low**2 <= trial.area_px < high**2]
        if trials:
            ious = tuple(_mean([trial.after(n).iou for trial in trials]) for n in clicks)
            bins.append(SizeBin(low, high, len(trials), ious))
    return bins


def reliability(evaluation: Evaluation, clicks: int) -> list[ScoreBin]:
    """Return the scores that were predicted after a number of clicks, in ten equal bins, without empty ones.

    Empty answers have no score and are left out.
    """
    answers = [answer for trial in evaluation.trials if (answer := trial.after(clicks)).score is not None]
    scores, ious = np.array([answer.score for answer in answers], float), np.array([answer.iou for answer in answers])
    numbers = np.minimum((scores * SCORE_BINS).astype(int), SCORE_BINS - 1)
    return [
        ScoreBin(n / SCORE_BINS, (n + 1) / SCORE_BINS, int(here.sum()), _mean(scores[here]), _mean(ious[here]))
        for n in range(SCORE_BINS)
        if (here := numbers == n).any()
    ]


def calibration_error(bins: Sequence[ScoreBin]) -> float:
    """Return the expected calibration error: the mean over all answers of |score - IoU| of their bins, 0 to 1.

    Guo et al., On Calibration of Modern Neural Networks, 2017, eq. 3, with the IoU in place of the accuracy.
    """
    total = sum(one.count for one in bins)
    return sum(one.count / total * abs(one.score - one.iou) for one in bins)


def timing(evaluation: Evaluation) -> Timing:
    """Return how long clicks took."""
    seconds = [[answer.seconds for trial in trials for answer in trial.answers] for trials in images_of(evaluation)]
    further = [each for image in seconds for each in image[1:]]
    return Timing(float(np.median([image[0] for image in seconds])), float(np.median(further)) if further else None)


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values))
