"""Which masks of one search are among those of another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from pycocotools import mask as pycocotools_mask

from seg_app.io.formats import coco
from seg_app.records import ImageId, MaskFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg_app.records import Mask

pycoco: Any = pycocotools_mask  # its type stubs know only some of what it takes
Rle = dict[str, Any]
"""A mask on the whole image, as pycocotools takes it and JSON holds it."""


def rles_of(masks: Sequence[Mask], rows: int, columns: int) -> list[Rle]:
    """Return masks of ours on an image of (rows, columns)."""
    file = MaskFile(ImageId("local", "image", (1, rows, columns), "uint8"), tuple(masks))
    return [each["segmentation"] for each in json.loads(coco.encode(file))["annotations"]]


def packed(rles: Sequence[Rle]) -> list[Rle]:
    """Return masks whose run lengths are numbers, as the package's generator gives them, in the same form."""
    return [{**rle, "counts": coco.compressed(rle["counts"])} for rle in rles]


def best_ious(wanted: list[Rle], among: list[Rle]) -> np.ndarray:
    """Return for each wanted mask the IoU with the most similar one; only where boxes meet, pixels are looked at."""
    if not wanted or not among:
        return np.zeros(len(wanted))
    return np.max(pycoco.iou(wanted, among, [0] * len(among)), axis=1)


def share_found(wanted: list[Rle], among: list[Rle], *, at_least: float) -> float:
    """Return which share of the wanted masks is among others, with an IoU of at least so much; 1 where none is."""
    return float(np.mean(best_ious(wanted, among) >= at_least)) if wanted else 1.0
