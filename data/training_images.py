"""Computed micrographs to train on, other ones than the samples: `python data/training_images.py FOLDER`.

They are planes of battery electrodes as in `fib_volume`, from other seeds, whole at half the resolution and in pieces
at the full one: FOLDER/images/*.png (8 bit) and FOLDER/labels/*.png (16 bit), as `seg-app train-base` reads them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from fib_volume import fib_volume
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEDS = range(101, 107)
"""The sample volume has 7."""
SIZE = 512


def pieces(seed: int) -> Iterator[tuple[str, NDArray[np.uint16], NDArray[np.uint16]]]:
    """Yield name, image and labels, (512, 512), of three planes of the electrode of a seed."""
    made = fib_volume((5, 2 * SIZE, 2 * SIZE), seed)
    for z in (0, 2, 4):
        image, labels = (made[name].planes[z] for name in ("fib_volume", "fib_volume_truth"))
        half = image.reshape(SIZE, 2, SIZE, 2).mean(axis=(1, 3)).astype(np.uint16)
        yield f"fib-{seed}-{z}-half", half, labels[::2, ::2]
        for y, x in ((0, 0), (SIZE, SIZE)) if z % 4 else ((0, SIZE), (SIZE, 0)):
            part = slice(y, y + SIZE), slice(x, x + SIZE)
            yield f"fib-{seed}-{z}-{y}-{x}", image[part], labels[part]


def as_png(image: NDArray[np.uint16]) -> Image.Image:
    """Return an image in 8 bits, stretched between its 0.5th and 99.5th percentile, as the app shows it."""
    low, high = np.percentile(image, (0.5, 99.5))
    return Image.fromarray((255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8))


def numbered(labels: NDArray[np.uint16]) -> Image.Image:
    """Return labels counted anew from 1; 0 stays 0."""
    values, places = np.unique(labels, return_inverse=True)
    return Image.fromarray((places.reshape(labels.shape) + (values[0] > 0)).astype(np.uint16))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the images; return 0."""
    parser = argparse.ArgumentParser(description="Make computed micrographs, with their labels, to train on.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        for name, image, labels in pieces(seed):
            as_png(image).save(folder / "images" / f"{name}.png")
            numbered(labels).save(folder / "labels" / f"{name}.png")
        print(f"The images of seed {seed} are in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
