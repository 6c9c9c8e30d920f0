"""Mask files here, in every known format, chosen by the suffix of their name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seg_app.errors import StorageError, UnreadableError
from seg_app.io.formats import FORMATS, format_of
from seg_app.io.local import read_file, write_atomically

if TYPE_CHECKING:
    from seg_app.records import MaskFile


def load_masks(path: str | Path) -> MaskFile:
    """Return the masks of a file.

    Raises MissingError when there is no such file, UnreadableError when it is broken or of an unknown format.
    """
    decode = format_of(str(path)).decode
    data = read_file(Path(path))
    try:
        return decode(data)
    except UnreadableError as error:
        raise UnreadableError(f"Cannot read '{path}': {error}") from error


def save_masks(path: str | Path, file: MaskFile) -> None:
    """Write a mask file completely or not at all; replaces one that is there.

    Raises StorageError when it cannot be written or its suffix is of no known format.
    """
    try:
        encode = format_of(str(path)).encode
    except UnreadableError as error:
        raise StorageError(f"Cannot write '{path}'. Known formats: {', '.join(sorted(FORMATS))}.") from error
    write_atomically(Path(path), encode(file))
