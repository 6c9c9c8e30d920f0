"""`seg-app evaluate`: its arguments, and what it does."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from seg_app.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seg_app.evaluation.labelled import Labelled
    from seg_app.evaluation.trials import Evaluation
    from seg_app.evaluation.volumes import LabelledVolume, VolumeEvaluation
    from seg_app.sam import Segmenter

BUNDLED = "bundled:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("--images", type=Path, nargs="+", default=[], metavar="DIR", help="folders of images")
    add("--labels", type=Path, nargs="+", default=[], metavar="DIR", help="folders of their label images")
    add("--volumes", type=Path, nargs="+", default=[], metavar="VOLUME", help="volumes whose objects are followed")
    add("--truths", type=Path, nargs="+", default=[], metavar="TRUTH", help="their labels, one number an object")
    add(
        "--plane",
        type=plane_number,
        metavar="Z",
        help="where objects are given, from 0 (default: the middle)",
    )
    add("--clicks", type=click_counts, default=(1, 3, 5), metavar="N,N", help="after how many (default: 1,3,5)")
    add("--held-out", action="store_true", help="only images that `train-base` never trains on")
    add("--limit", type=positive, metavar="N", help="at most so many images of a folder, spread over it")
    add("--objects-per-image", type=positive, metavar="N", help="at most so many objects, spread over their sizes")
    add("--engine", metavar="URI", help="'bundled:', 'classical:', a checkpoint, http://host:port (default: the best)")
    add("--card", type=Path, metavar="FILE", help="write the model card of the bundled weights")


def click_counts(text: str) -> tuple[int, ...]:
    """Return numbers of clicks, rising, of a text like '1,3,5'. Raises ArgumentTypeError."""
    return tuple(sorted({positive(part) for part in text.split(",")}))


def positive(text: str) -> int:
    """Return a whole number above 0 of a text. Raises ArgumentTypeError."""
    if not (text.strip().isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def plane_number(text: str) -> int:
    """Return a whole number from 0 of a text. Raises ArgumentTypeError."""
    return 0 if text.strip() == "0" else positive(text)


def run(
    options: argparse.Namespace,
    connect: Callable[[str | None], Segmenter],
    *,
    keep: Callable[[str], bool] | None = None,
) -> None:
    """Evaluate the segmenter that `connect` returns for an address, or for None; write the report and the card.

    keep: says of a file name whether the image is wanted. Raises SegAppError.
    """
    _check(options)
    weights = _weights(options.engine, is_held_out=keep is not None) if options.card else None
    from seg_app.evaluation.labelled import labelled_images, spread  # weight: the command line needs none of it
    from seg_app.evaluation.volumes import LabelledVolume

    # before the model is loaded: a wrong folder is said at once
    sets = [
        (
            name_of(images) + (", held out" if keep else ""),
            spread(labelled_images(images, labels, keep=keep), options.limit),
        )
        for images, labels in zip(options.images, options.labels, strict=True)
    ]
    volumes = [
        (volume.stem, LabelledVolume.from_files(volume, truth, plane=options.plane))
        for volume, truth in zip(options.volumes, options.truths, strict=True)
    ]
    with closing(connect(BUNDLED if weights else options.engine)) as segmenter:
        evaluations = list(_evaluations(options, segmenter, sets))
        followed = list(_volume_evaluations(options, segmenter, volumes))
    if weights:
        _write_card(options, weights, evaluations, followed)


def _check(options: argparse.Namespace) -> None:
    images, labels, volumes, truths = (
        len(getattr(options, name)) for name in ("images", "labels", "volumes", "truths")
    )
    if images != labels:
        raise SettingsError(f"There are {images} folders of images and {labels} of labels. Give as many.")
    if volumes != truths:
        raise SettingsError(f"There are {volumes} volumes and {truths} truths. Give as many.")
    if not images + volumes:
        raise SettingsError("There is nothing to evaluate. Give --images and --labels, or --volumes and --truths.")


def _weights(engine: str | None, *, is_held_out: bool) -> Path:
    """Return the weights that a card is about. Raises SettingsError when there can be no such card."""
    from seg_app.sam.checkpoints import Checkpoint  # weight: the command line needs none of it

    if engine not in (None, BUNDLED):
        raise SettingsError(f"--card is about the bundled weights, not '{engine}'. Leave out one of the two.")
    if not is_held_out:
        raise SettingsError("--card must not praise what the weights were trained on. Add --held-out.")
    if checkpoint := Checkpoint.bundled():
        return checkpoint.weights
    raise SettingsError("--card is about the bundled weights, and this installation has none. Leave it out.")


def _evaluations(
    options: argparse.Namespace, segmenter: Segmenter, sets: list[tuple[str, list[Labelled]]]
) -> Iterator[Evaluation]:
    """Yield the evaluation of each named set of images; report it as soon as it is there."""
    from seg_app.evaluation.report import report
    from seg_app.evaluation.trials import evaluate

    for data, chosen in sets:
        found = evaluate(chosen, segmenter, data=data, clicks=max(options.clicks), objects=options.objects_per_image)
        sys.stdout.write(report(found, options.clicks) + "\n")
        sys.stdout.flush()
        yield found


def _volume_evaluations(
    options: argparse.Namespace, segmenter: Segmenter, volumes: list[tuple[str, LabelledVolume]]
) -> Iterator[VolumeEvaluation]:
    """Yield the evaluation of each named volume; report it as soon as it is there."""
    from seg_app.evaluation.report import volume_report
    from seg_app.evaluation.volumes import evaluate_volume

    for data, labelled in volumes:
        found = evaluate_volume(labelled, segmenter, data=data, objects=options.objects_per_image)
        sys.stdout.write(volume_report(found) + "\n")
        sys.stdout.flush()
        yield found


def name_of(folder: Path) -> str:
    """Return what a set of images is called: its folder, or the one above where that is just 'images'."""
    path = folder.expanduser().resolve()
    return path.parent.name if path.name == "images" else path.name


def _write_card(
    options: argparse.Namespace, weights: Path, evaluations: list[Evaluation], volumes: list[VolumeEvaluation]
) -> None:
    from seg_app.evaluation.report import model_card  # weight: the command line needs none of it
    from seg_app.io.local import write_atomically

    card = model_card(evaluations, options.clicks, weights=weights, volumes=volumes)
    write_atomically(options.card, card.encode())
