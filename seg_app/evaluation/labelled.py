"""Images and their label images in two folders: which belong together, and which objects are tried."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seg_app.errors import MissingError, UnreadableError
from seg_app.models import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

log = logging.getLogger(__name__)

LABEL_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
SUFFIXES = (*LABEL_SUFFIXES, ".jpg", ".jpeg")
"""Images may be JPEG; labels not: its compression makes values that nobody drew, and each would be an object."""
MIN_AREA_PX = 30
"""Smaller objects are left out: they are about 6 pixels wide, and a pixel of doubt at their edge is half of the IoU."""


@dataclass(frozen=True)
class Labelled:
    """An image and its label image."""

    image: Path
    labels: Path

    @property
    def name(self) -> str:
        """The file name of the image."""
        return self.image.name


def labelled_images(images: Path, labels: Path, *, keep: Callable[[str], bool] | None = None) -> list[Labelled]:
    """Return the images of a folder that have labels of the same name (but suffix) in another, in order of the names.

    keep: says of a file name whether the image is wanted. Raises MissingError when there is none, UnreadableError when
    two label images have one name.
    """
    targets = _by_stem(_pictures(labels, LABEL_SUFFIXES))
    sources = [path for path in _pictures(images, SUFFIXES) if keep is None or keep(path.name)]
    found = [Labelled(path, targets[path.stem]) for path in sources if path.stem in targets]
    if not found:
        raise MissingError(
            f"No image in '{images}' has labels in '{labels}'. Give a folder of images, and one of label images "
            f"({', '.join(LABEL_SUFFIXES)}) of the same names."
        )
    if len(found) < len(sources):
        log.warning("%d of %d images in '%s' have no labels in '%s'.", *_missing(sources, found), images, labels)
    return found


def _missing(sources: Sequence[Path], found: Sequence[Labelled]) -> tuple[int, int]:
    return len(sources) - len(found), len(sources)


def _by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        if other := found.get(path.stem):
            raise UnreadableError(f"'{other}' and '{path.name}' are both labels of '{path.stem}'. Keep one of them.")
        found[path.stem] = path
    return found


def _pictures(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        raise MissingError(f"There is no folder '{folder}'. Check the path.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def read_labels(path: Path, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the (rows, columns) labels of an image of a shape, 0 for background.

    In a colour image each colour is an object; black and what is transparent are background.
    Raises UnreadableError when they are not whole numbers, or not of that shape.
    """
    volume = Volume.from_file(path)
    if volume.shape != (1, *shape) or volume.dtype.kind not in "iu":
        raise UnreadableError(
            f"'{path}' has {volume.shape} labels of {volume.dtype}. They must be whole numbers of one plane of "
            f"{shape[0]} × {shape[1]} pixels, as its image has."
        )
    pixels = volume.levels[0][0].to_numpy()
    return _by_colour(pixels) if volume.is_rgb else pixels.astype(np.int64)


def _by_colour(pixels: NDArray[Any]) -> NDArray[np.int64]:
    red, green, blue, *opacity = np.moveaxis(pixels.astype(np.int64), 2, 0)
    code = red * 2**16 + green * 2**8 + blue
    return np.where(opacity[0] > 0, code, 0) if opacity else code


def objects_of(labels: NDArray[np.int64], *, at_least: int = MIN_AREA_PX) -> tuple[list[int], int]:
    """Return the values of the objects, the smallest object first, and how many were left out as of fewer pixels."""
    values, areas = np.unique(labels[labels > 0], return_counts=True)
    order = np.argsort(areas, kind="stable")
    kept = [int(values[i]) for i in order if areas[i] >= at_least]
    return kept, len(values) - len(kept)


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """Return at most `limit` of the items, evenly spread over all of them; all without a limit."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[int((n + 0.5) * len(items) / limit)] for n in range(limit)]
