"""PNG and JPEG: unpacked as a whole when a part is asked for, so the last ones are kept."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from seg_app.errors import UnreadableError
from seg_app.io.levels import Content, Key, Stored, readable
from seg_app.io.sidecars import about, side_car

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT = 2
"""Pictures that stay unpacked: the one that is looked at, and the one before."""

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
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            columns, rows = picture.size
            colours, dtype = LAYOUT[SHOWN_AS.get(picture.mode, picture.mode)]
    except UnidentifiedImageError as error:
        raise UnreadableError(
            f"Cannot read {path.name}: it is no PNG or JPEG. Look what it is, or copy it again."
        ) from error
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"Cannot open {path.name}: {error}. Save it as TIFF, which is read in parts.") from error
    header = side_car(path)
    shape = (rows, columns, colours) if colours else (rows, columns)
    attributes = about(header, rows, columns) if header else {}
    return [Stored(shape, np.dtype(dtype), functools.partial(_part, path))], attributes


def _part(path: Path, key: Key) -> NDArray[Any]:
    with readable(path.name):
        return _pixels(path, path.stat().st_mtime_ns)[key]


@functools.lru_cache(maxsize=KEPT)
def _pixels(path: Path, modified_ns: int) -> NDArray[Any]:  # noqa: ARG001 - a changed file is another one
    with Image.open(path, formats=("PNG", "JPEG")) as picture:
        mode = SHOWN_AS.get(picture.mode, picture.mode)
        return np.asarray(picture if mode == picture.mode else picture.convert(mode))
