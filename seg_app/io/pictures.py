"""PNG and JPEG: unpacked as a whole when a part is asked for, so the last ones are kept."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from seg_app.errors import UnreadableError
from seg_app.io.levels import Content, Key, Stored, readable
from seg_app.io.sidecars import about, side_car

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT = 2
"""Pictures that stay unpacked: the one that is looked at, and the one before."""

MOST_BYTES = 2**30
"""Pixels that may be unpacked: 16384 × 16384 of four colours. Pillow's own limit is lower, and of the whole process."""

SHOWN_AS = {"1": "L", "P": "RGB", "PA": "RGBA", "LA": "L", "La": "L", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB"}
"""Mode of a picture -> mode that planes can be made of; others stay as they are."""

LAYOUT: dict[str, tuple[int, Any]] = {
    "L": (0, np.uint8),
    "I": (0, np.int32),
    "I;16": (0, np.uint16),
    "I;16B": (0, np.uint16),
    "F": (0, np.float32),
    "RGB": (3, np.uint8),
    "RGBA": (4, np.uint8),
    "RGBX": (4, np.uint8),
}
"""Mode of a picture -> its colours (0: grey) and its type."""


def open_picture(path: Path, part: str | None = None) -> Content:  # noqa: ARG001 - the same for every format
    """Open a PNG or JPEG; only its header is read yet. Raises UnreadableError when it would fill the memory."""
    with _opened(path) as picture:
        columns, rows = picture.size
        colours, dtype = LAYOUT[SHOWN_AS.get(picture.mode, picture.mode)]
    header = side_car(path)
    shape = (rows, columns, colours) if colours else (rows, columns)
    _check_bytes(path, shape, np.dtype(dtype))
    attributes = about(header, rows, columns) if header else {}
    return [Stored(shape, np.dtype(dtype), functools.partial(_part, path))], attributes


def _opened(path: Path) -> PngImageFile | JpegImageFile:
    """Read the header. Not by `Image.open`, which refuses what has more pixels than a number that all threads share."""
    for kind in (PngImageFile, JpegImageFile):
        try:
            return kind(path)
        except SyntaxError:  # so Pillow says that it is of another kind
            continue
    raise UnreadableError(f"Cannot read {path.name}: it is no PNG or JPEG. Look what it is, or copy it again.")


def _check_bytes(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > MOST_BYTES:
        size = f"{shape[1]} × {shape[0]} pixels ({n_bytes / 1e9:.1f} GB)"
        raise UnreadableError(
            f"Cannot open {path.name}: {size} would fill the memory. Save it as TIFF, which is read in parts."
        )


def _part(path: Path, key: Key) -> NDArray[Any]:
    with readable(path.name):
        return _pixels(path, path.stat().st_mtime_ns)[key]


@functools.lru_cache(maxsize=KEPT)
def _pixels(path: Path, modified_ns: int) -> NDArray[Any]:  # noqa: ARG001 - a changed file is another one
    with _opened(path) as picture:
        mode = SHOWN_AS.get(picture.mode, picture.mode)
        return np.asarray(picture if mode == picture.mode else picture.convert(mode))
