"""The formats of mask files: one module for each, found by the suffix of the file's name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol, cast

from seg_app.errors import StorageError, UnreadableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import MaskFile


@dataclass(frozen=True, slots=True)
class Format:
    """One line of the table: what a format is called, which module knows it, and what it is good for."""

    title: str
    module: str
    """Below `seg_app.io.formats`; imported on first use, because some need heavy libraries."""
    reads: bool = True
    writes: bool = True
    is_folder: bool = False
    """Whether it is a folder, which has `load` and `save`, and not a file, which has `decode` and `encode`."""
    takes_picture: bool = False
    """Whether `encode` makes more of the masks when it is given the image."""
    measures: bool = False
    """Whether `encode` measures the masks, and is told where the image ends and its databar begins."""


FORMATS = {
    ".csv": Format("table of measurements", "csv_table", reads=False, takes_picture=True, measures=True),
    ".geojson": Format("QuPath GeoJSON", "geojson"),
    ".json": Format("COCO JSON", "coco"),
    ".npz": Format("seg_app's own", "npz"),
    ".parquet": Format("table of measurements", "parquet_table", reads=False, takes_picture=True, measures=True),
    ".pkl": Format("sement_duo", "legacy_pickle", writes=False),
    ".png": Format("picture", "overlay", reads=False, takes_picture=True),
    ".tif": Format("label TIFF", "label_tiff"),
    ".tiff": Format("label TIFF", "label_tiff"),
    ".zarr": Format("OME-Zarr labels", "ome_zarr_labels", is_folder=True),
    ".zip": Format("ImageJ ROIs", "imagej_roi"),
}
"""Suffix -> format."""


class MaskFormat(Protocol):
    """What the module of a file format offers; one of `Format.reads` alone has `decode`, of `writes` the others."""

    def encode(self, file: MaskFile) -> bytes:
        """Return the bytes of a mask file. Raises StorageError when the format cannot hold it."""
        ...

    def decode(self, data: bytes) -> MaskFile:
        """Return what the bytes hold. Raises UnreadableError, and nothing else, when they are broken."""
        ...

    def losses(self, file: MaskFile) -> list[str]:
        """Return in plain words what the format cannot keep of these masks; nothing where it keeps all."""
        ...


class PictureFormat(Protocol):
    """What the module of a format that takes the image offers beside `losses`."""

    def encode(self, file: MaskFile, *, picture: NDArray[Any] | None = None) -> bytes:
        """Return the bytes of a mask file; picture: (z, y, x[, c]), an array or what is indexed like one."""
        ...


class FolderFormat(Protocol):
    """What the module of a format that is a folder offers beside `losses`."""

    def save(self, path: Path, file: MaskFile) -> None:
        """Write masks into a folder, completely or not at all. Raises StorageError."""
        ...

    def load(self, path: Path) -> MaskFile:
        """Return the masks in a folder. Raises MissingError and UnreadableError."""
        ...


def entry_of(name: str) -> Format | None:
    """Return the line of the table for a file name, or for a path into a folder of a format; None when unknown."""
    path = PurePath(name)
    entry = FORMATS.get(path.suffix.lower())
    above = (FORMATS.get(folder.suffix.lower()) for folder in path.parents)
    return entry or next((found for found in above if found and found.is_folder), None)


def suffixes(*, reads: bool = False, writes: bool = False) -> str:
    """Return the suffixes of the formats that can be read, or written, as an error names them."""
    return ", ".join(sorted(s for s, f in FORMATS.items() if (f.reads or not reads) and (f.writes or not writes)))


def reader_of(name: str) -> Format:
    """Return the format in which a file can be read. Raises UnreadableError when there is none."""
    entry = entry_of(name)
    if entry is None or not entry.reads:
        reason = f" {entry.title} is only written." if entry else ""
        raise UnreadableError(f"Cannot read '{name}'.{reason} Known formats: {suffixes(reads=True)}.")
    return entry


def writer_of(name: str) -> Format:
    """Return the format in which a file can be written. Raises StorageError when there is none."""
    entry = entry_of(name)
    if entry is None or not entry.writes:
        reason = f" {entry.title} is only read." if entry else ""
        raise StorageError(f"Cannot write '{name}'.{reason} Known formats: {suffixes(writes=True)}.")
    return entry


def format_of(name: str) -> MaskFormat:
    """Return the format of a file that can be read, by its name; imports its module.

    Raises UnreadableError when no format has this suffix, or it is a folder.
    """
    entry = reader_of(name)
    if entry.is_folder:
        raise UnreadableError(f"Cannot read '{name}' here: {entry.title} is a folder. Load it from this computer.")
    return cast("MaskFormat", module_of(entry))


def module_of(entry: Format) -> Any:
    """Return the module of a format, which it imports."""
    return importlib.import_module(f"{__name__}.{entry.module}")
