"""What an evaluation comes to, as Markdown: a report, and the card of the weights that come with the package."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from seg_app.evaluation.courses import outcome_of
from seg_app.evaluation.figures import by_size, calibration_error, images_of, mean_iou, reliability, timing
from seg_app.evaluation.labelled import MIN_AREA_PX
from seg_app.evaluation.volumes import MIN_AREA_PX as SMALLEST_PX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seg_app.evaluation.trials import Evaluation
    from seg_app.evaluation.volumes import VolumeEvaluation

CARD = Path(__file__).with_name("model_card.md")


def report(evaluation: Evaluation, clicks: Sequence[int]) -> str:
    """Return an evaluation as a section of Markdown, with the figures after numbers of clicks."""
    parts = [f"### {evaluation.data}", _counts(evaluation)]
    if evaluation.trials:
        parts += [_overall(evaluation, clicks), _sizes(evaluation, clicks), _scores(evaluation), _times(evaluation)]
    return "\n\n".join(parts) + "\n"


def model_card(
    evaluations: Sequence[Evaluation],
    clicks: Sequence[int],
    *,
    weights: Path,
    volumes: Sequence[VolumeEvaluation] = (),
) -> str:
    """Return the card of weights: what they are, what they are for, and what was measured. Markdown.

    Raises OSError when the weights cannot be read.
    """
    content = weights.read_bytes()
    sections = [*(report(evaluation, clicks) for evaluation in evaluations), *(volume_report(one) for one in volumes)]
    return Template(CARD.read_text(encoding="utf-8")).substitute(
        weights=weights.name,
        megabytes=f"{len(content) / 1e6:.1f}",
        sha256=hashlib.sha256(content).hexdigest(),
        figures="\n".join(sections).rstrip(),
    )


def volume_report(evaluation: VolumeEvaluation) -> str:
    """Return what came of the objects of a volume as a section of Markdown."""
    objects = len(next(iter(evaluation.courses.values()), ()))
    left_out = f"left out, as smaller than {SMALLEST_PX} pixels there: {evaluation.too_small}"
    counts = f"Engine: {evaluation.engine}. Objects: {objects}; {left_out}."
    parts = [f"### {evaluation.data}, objects of plane {evaluation.plane} followed", counts]
    return "\n\n".join([*parts, _followed(evaluation)] if objects else parts) + "\n"


def _followed(evaluation: VolumeEvaluation) -> str:
    rows = [
        (how, f"{f.mean:.3f}", f"{f.median:.3f}", _number(f.on_planes), _percent(f.given_up), _percent(f.claimed))
        for how, f in ((how, outcome_of(courses)) for how, courses in evaluation.courses.items())
    ]
    head = ("given by", "mean IoU in 3-D", "median", "IoU on other planes", "planes given up", "ended, still claimed")
    seconds = evaluation.seconds
    time = "" if seconds is None else f"\n\n{_seconds(seconds)} for an object on a plane ({_machine()})."
    return table(head, rows) + time


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _counts(evaluation: Evaluation) -> str:
    images, objects = len(images_of(evaluation)), len(evaluation.trials)
    left_out = f"left out, as smaller than {MIN_AREA_PX} pixels: {evaluation.too_small}"
    return f"Engine: {evaluation.engine}. Images: {images}. Objects: {objects}; {left_out}."


def _overall(evaluation: Evaluation, clicks: Sequence[int]) -> str:
    rows = [
        (n, f"{m.over_objects:.3f}", f"{m.over_images:.3f}", f"{m.good:.0%}", f"{_error(evaluation, n):.3f}")
        for n, m in ((n, mean_iou(evaluation, n)) for n in clicks)
    ]
    return table(
        ("clicks", "mean IoU over objects", "over images", "objects of IoU ≥ 0.9", "calibration error of the score"),
        rows,
    )


def _error(evaluation: Evaluation, clicks: int) -> float:
    return calibration_error(reliability(evaluation, clicks))


def _sizes(evaluation: Evaluation, clicks: Sequence[int]) -> str:
    rows = [
        (_range(b.low_px, b.high_px), b.count, *(f"{iou:.3f}" for iou in b.ious)) for b in by_size(evaluation, clicks)
    ]
    return table(("√area in pixels", "objects", *(f"IoU at {n}" for n in clicks)), rows)


def _range(low: float, high: float) -> str:
    if not low:
        return f"below {high}"
    return f"from {low}" if math.isinf(high) else f"{low} to {high}"


def _scores(evaluation: Evaluation) -> str:
    bins = reliability(evaluation, 1)
    rows = [(f"{b.low:.1f} to {b.high:.1f}", b.count, f"{b.score:.3f}", f"{b.iou:.3f}") for b in bins]
    return table(("score predicted at 1 click", "objects", "mean score", "mean IoU"), rows)


def _times(evaluation: Evaluation) -> str:
    times = timing(evaluation)
    further = "" if times.next_s is None else f", of all others {_seconds(times.next_s)}"
    return f"Median time of the first click on an image {_seconds(times.first_s)}{further} ({_machine()})."


def _machine() -> str:
    return f"the program ran on {platform.machine()} with {os.cpu_count()} CPU cores"


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
