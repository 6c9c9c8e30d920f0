"""What reads a file here, by the suffix of its name."""

from __future__ import annotations

import math
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.hdf5 import hdf5_parts, open_hdf5
from seg_app.io.levels import Content, Stored, check_length, readable
from seg_app.io.mrc import open_mrc
from seg_app.io.pictures import open_picture
from seg_app.io.tiff import open_tiff, tiff_parts
from seg_app.io.zarr_files import is_zarr, open_zarr, zarr_parts


def _one_part(_: Path) -> list[str]:
    return [""]


@dataclass(frozen=True)
class Reader:
    """How files of one format are opened."""

    open: Callable[[Path, str | None], Content]
    """Return the levels and the attributes of the image that the second argument names; None: the one to begin with."""
    parts: Callable[[Path], list[str]] = _one_part
    """Return the names of the images in a file."""
    is_numbered: bool = False
    """Whether programs write the planes of a volume as files of this format."""


def read_content(path: Path, part: str | None = None) -> Content:
    """Return the levels of an image in a file or Zarr folder, and its attributes; no pixel is read yet.

    Raises MissingError when it is not there, UnreadableError when it is damaged or of an unknown format.
    """
    reader = reader_of(path)
    if not path.exists():
        raise MissingError(f"There is no {path}. Check the path, or the name of the folder above it.")
    with readable(path.name):
        _check_size(path)
        return reader.open(path, part or None)


def read_parts(path: Path) -> list[str]:
    """Return the names of the images in a file or Zarr folder; one, which may be empty, where it has no others.

    Raises UnreadableError when it is damaged or of an unknown format.
    """
    reader = reader_of(path)
    with readable(path.name):
        _check_size(path)
        return reader.parts(path)


def reader_of(path: Path) -> Reader:
    """Return what reads a file or Zarr folder. Raises UnreadableError that names the known formats."""
    if path.is_dir() and is_zarr(path):
        return FORMATS[".zarr"]
    if path.suffix.lower() not in FORMATS:
        raise UnreadableError(f"Cannot open {path.name!r}. Known formats: {', '.join(sorted(FORMATS))}.")
    return FORMATS[path.suffix.lower()]


def _check_size(path: Path) -> None:
    if path.is_file() and path.stat().st_size == 0:
        raise UnreadableError(f"Cannot read {path.name}: it is empty. Copy or make it again.")


def _open_npy(path: Path, part: str | None) -> Content:  # noqa: ARG001 - the same for every format
    try:
        _check_npy(path)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except tokenize.TokenError as error:  # its header is Python, which NumPy parses
        raise UnreadableError(f"Cannot read {path.name}: its header is damaged. Copy or make it again.") from error
    return [Stored(array.shape, array.dtype, lambda key: np.array(array[key]))], {}


def _check_npy(path: Path) -> None:
    with path.open("rb") as file:
        is_first = np.lib.format.read_magic(file) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if not dtype.hasobject:  # of Python objects only a pickle is there, which is not opened
            check_length(path, file.tell() + math.prod(shape) * dtype.itemsize)


_HDF5 = Reader(open_hdf5, hdf5_parts)
_MRC = Reader(open_mrc)
_PICTURE = Reader(open_picture, is_numbered=True)
_TIFF = Reader(open_tiff, tiff_parts, is_numbered=True)

FORMATS: Mapping[str, Reader] = {
    ".ali": _MRC,
    ".h5": _HDF5,
    ".hdf": _HDF5,
    ".hdf5": _HDF5,
    ".jpeg": _PICTURE,
    ".jpg": _PICTURE,
    ".mrc": _MRC,
    ".npy": Reader(_open_npy),
    ".nxs": _HDF5,
    ".png": _PICTURE,
    ".rec": _MRC,
    ".st": _MRC,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".zarr": Reader(open_zarr, zarr_parts),
}
