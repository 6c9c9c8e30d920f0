"""Computed micrographs to train on, other ones than the samples: `python data/training_images.py FOLDER`.

They are planes of battery electrodes as in `fib_volume` and powders as in `sem_micrograph`, from other seeds, whole at
half the resolution and in pieces at the full one: FOLDER/images/*.png (8 bit) and FOLDER/labels/*.png (16 bit), as
`seg-app train-base` reads them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from fib_volume import fib_volume
from PIL import Image
from sem_micrograph import sem_micrograph

if TYPE_CHECKING:
    from numpy.typing import NDArray

Piece: TypeAlias = "tuple[str, NDArray[np.unsignedinteger], NDArray[np.uint16]]"

SEEDS = range(101, 113)
"""Of the electrodes; the sample volume has 7."""
POWDERS = range(301, 317)
"""Seeds of the powders; the sample micrograph has 11."""
SIZE = 512


def electrodes(seed: int) -> Iterator[Piece]:
    """Yield name, image and labels, (512, 512), of three planes of the electrode of a seed."""
    made = fib_volume((5, 2 * SIZE, 2 * SIZE), seed)
    for z in (0, 2, 4):
        image, labels = (made[name].planes[z] for name in ("fib_volume", "fib_volume_truth"))
        half = image.reshape(SIZE, 2, SIZE, 2).mean(axis=(1, 3)).astype(np.uint16)
        yield f"fib-{seed}-{z}-half", half, labels[::2, ::2]
        for y, x in ((0, 0), (SIZE, SIZE)) if z % 4 else ((0, SIZE), (SIZE, 0)):
            part = slice(y, y + SIZE), slice(x, x + SIZE)
            yield f"fib-{seed}-{z}-{y}-{x}", image[part], labels[part]


def powders(seed: int) -> Iterator[Piece]:
    """Yield name, image and labels, (512, 512), of the powder of a seed; the whole one shows the databar."""
    made = sem_micrograph((2 * SIZE, 2 * SIZE), seed)
    image, labels = (made[name].planes[0] for name in ("sem_micrograph", "sem_micrograph_truth"))
    half = image.reshape(SIZE, 2, SIZE, 2).mean(axis=(1, 3)).astype(np.uint8)
    yield f"sem-{seed}-half", half, labels[::2, ::2]
    for y, x in ((0, 0), (SIZE // 2, SIZE)):
        part = slice(y, y + SIZE), slice(x, x + SIZE)
        yield f"sem-{seed}-{y}-{x}", image[part], labels[part]


def as_png(image: NDArray[np.unsignedinteger]) -> Image.Image:
    """Return an image in 8 bits, stretched between its 0.5th and 99.5th percentile, as the app shows it."""
    low, high = np.percentile(image, (0.5, 99.5))
    return Image.fromarray((255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8))


def numbered(labels: NDArray[np.uint16]) -> Image.Image:
    """Return labels counted anew from 1; 0 stays 0."""
    values, places = np.unique(labels, return_inverse=True)
    return Image.fromarray((places.reshape(labels.shape) + (values[0] > 0)).astype(np.uint16))


def write(folder: Path, made: Iterable[Piece]) -> None:
    """Write images and labels."""
    for name, image, labels in made:
        as_png(image).save(folder / "images" / f"{name}.png")
        numbered(labels).save(folder / "labels" / f"{name}.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the images; return 0."""
    parser = argparse.ArgumentParser(description="Make computed micrographs, with their labels, to train on.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for kind, seeds in ((electrodes, SEEDS), (powders, POWDERS)):
        for seed in seeds:
            write(folder, kind(seed))
            print(f"The images of seed {seed} are in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
