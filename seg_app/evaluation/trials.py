"""Simulated users: they click on labelled objects and correct the answers, in the session that the app has too."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seg_app.errors import UnreadableError
from seg_app.evaluation.clicks import next_click
from seg_app.evaluation.labelled import Labelled, objects_of, read_labels, spread
from seg_app.geometry import paste
from seg_app.models import Session, Volume
from seg_app.records import Point, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seg_app.evaluation.clicks import Bits
    from seg_app.sam import Segmenter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of all clicks on an object so far."""

    iou: float
    """Intersection over union with the labelled object, 0 to 1; 0 for an empty answer."""
    score: float | None
    """The IoU that the segmenter predicted; None for an empty answer."""
    seconds: float
    """From the last click to the mask at full resolution."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One object, and the answers to one click after the other; fewer than planned where an answer was perfect."""

    image: str
    area_px: int
    answers: tuple[Answer, ...]

    def after(self, clicks: int) -> Answer:
        """Return the answer after so many clicks, or the perfect one after which nobody clicks any more."""
        return self.answers[min(clicks, len(self.answers)) - 1]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a segmenter made of a set of labelled images. Of each image the trials are together, in order."""

    data: str
    """What people call the set of images."""
    engine: str
    trials: tuple[Trial, ...]
    too_small: int
    """How many objects were left out."""


def evaluate(
    images: Iterable[Labelled], segmenter: Segmenter, *, data: str, clicks: int, objects: int | None = None
) -> Evaluation:
    """Click on the objects of images up to `clicks` times each, and compare the answers with the labels.

    Everything is as in the app: contrast, windows, embeddings that are kept, the best candidate; looked at so that a
    pixel of the image is one of the screen. objects: at most so many of each image, spread over their sizes.
    Raises SegAppError when an image or its labels cannot be read, or the segmenter fails.
    """
    trials: list[Trial] = []
    too_small = 0
    for image in images:
        found, left_out = try_image(image, segmenter, clicks=clicks, objects=objects)
        log.info("%s: %d objects, mean IoU %s", image.name, len(found), _short_mean(found))
        trials, too_small = trials + found, too_small + left_out
    return Evaluation(data, segmenter.name, tuple(trials), too_small)


def _short_mean(trials: list[Trial]) -> str:
    return f"{np.mean([trial.answers[0].iou for trial in trials]):.2f} at the first click" if trials else "unknown"


def try_image(
    image: Labelled, segmenter: Segmenter, *, clicks: int, objects: int | None = None
) -> tuple[list[Trial], int]:
    """Return the trials of one image, and how many of its objects were too small. Raises SegAppError."""
    volume = Volume.from_file(image.image)
    if volume.n_planes > 1:
        raise UnreadableError(f"'{image.image}' has {volume.n_planes} planes. Give micrographs, or single planes.")
    labels = read_labels(image.labels, (volume.height, volume.width))
    volume.set_databar(0)  # what has a label is an object, also where a bar is suspected
    session = Session(volume, segmenter, user="evaluate")
    values, too_small = objects_of(labels)
    truths = (labels == value for value in spread(values, objects))
    trials = [Trial(image.name, int(truth.sum()), try_object(session, truth, clicks=clicks)) for truth in truths]
    return trials, too_small


def try_object(session: Session, truth: Bits, *, clicks: int) -> tuple[Answer, ...]:
    """Return the answers to clicks on an object, given as (rows, columns) bool of the plane on view."""
    answers: list[Answer] = []
    bits = np.zeros_like(truth)
    while len(answers) < clicks and (click := next_click(truth, bits)):
        answer, bits = _ask(session, click, truth)
        answers.append(answer)
    session.drop()
    return tuple(answers)


def _ask(session: Session, click: Point, truth: Bits) -> tuple[Answer, Bits]:
    start = time.perf_counter()
    mask = session.click(click.x, click.y, include=click.include)
    seconds = time.perf_counter() - start
    bits = paste(mask, Window(0, 0, 0, *truth.shape)) if mask else np.zeros_like(truth)
    return Answer(iou(truth, bits), mask.score if mask else None, seconds), bits


def iou(a: Bits, b: Bits) -> float:
    """Return intersection over union of two bool arrays of one shape, of which one is not empty."""
    return int(np.count_nonzero(a & b)) / int(np.count_nonzero(a | b))
