"""What the search for all objects finds of a labelled image, how long it takes, and which part of that the segmenter.

    python tests/benchmarks/finding.py sem_micrograph.zarr sem_micrograph_truth.zarr [--edge 2048]

The bundled model searches the whole plane, or its top left corner, with the defaults of the page. Recall is the part of
the objects that a mask meets with an IoU of at least 0.5 or 0.75, precision the part of the masks that meet an object.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seg_app.evaluation.labelled import objects_of
from seg_app.geometry import bits_of
from seg_app.models import Session, Volume
from seg_app.models.search import Wanted
from seg_app.records import Mask, Window
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.engine import Sam2Segmenter

LEAST_IOUS = 0.5, 0.75


class Timed(Sam2Segmenter):
    """The bundled model; `seconds` is what it took to come from one step of the search to the next."""

    seconds = 0.0

    def automask(self, *arguments: object, **options: object) -> Iterator[object]:
        """Search, as the engine does."""
        steps, start = super().automask(*arguments, **options), time.perf_counter()
        for step in steps:
            self.seconds += time.perf_counter() - start
            yield step
            start = time.perf_counter()


def met(masks: Sequence[Mask], labels: np.ndarray) -> Iterator[tuple[int, float]]:
    """Yield for each mask the label that it shares most pixels with, and the IoU with that object."""
    sizes = np.bincount(labels.ravel())
    for mask in masks:
        inside = labels[mask.y0 : mask.y1, mask.x0 : mask.x1][bits_of(mask)]
        shared = np.bincount(inside, minlength=len(sizes))
        shared[0] = 0
        most = int(shared.argmax())
        yield most, shared[most] / (mask.area + sizes[most] - shared[most])


def main() -> None:
    """Read the arguments, search, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--edge", type=int, default=10**6)
    given = parser.parse_args()
    whole, truth = Volume.from_file(given.image), Volume.from_file(given.truth)
    window = Window(0, 0, 0, min(given.edge, whole.height), min(given.edge, whole.width))
    labels = truth.read(0, window).astype(np.int64)
    volume = whole if window.shape == whole.shape[1:] else Volume.from_array(whole.read(0, window))
    bundled = Checkpoint.bundled()
    assert bundled, "this checkout has no weights"
    engine = Timed(bundled, device="cpu")
    session, start = Session(volume, engine, user="finding"), time.perf_counter()
    masks = session.search.run(Wanted(whole_plane=True))
    seconds = time.perf_counter() - start
    wanted, _ = objects_of(labels)
    pairs = list(met(masks, labels))
    print("| image | objects | masks | IoU at least | recall | precision | seconds | of the segmenter |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for least in LEAST_IOUS:
        hits = {number for number, iou in pairs if iou >= least}
        recall = len(hits & {int(number) for number in wanted}) / len(wanted)
        precision = np.mean([iou >= least for _, iou in pairs] or [0])
        row = [f"{window.shape[1]} × {window.shape[0]}", len(wanted), len(masks), least, f"{recall:.3f}"]
        print(f"| {' | '.join(map(str, row))} | {precision:.3f} | {seconds:.0f} | {engine.seconds / seconds:.0%} |")


if __name__ == "__main__":
    main()
