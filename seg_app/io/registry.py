"""Mask files here, in every known format, chosen by the suffix of their name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg_app.errors import StorageError, UnreadableError
from seg_app.io.formats import format_of, module_of, reader_of, writer_of
from seg_app.io.local import read_file, write_atomically

if TYPE_CHECKING:
    from seg_app.records import ImageId, MaskFile


def load_masks(path: str | Path, *, image: ImageId | None = None) -> MaskFile:
    """Return the masks of a file.

    image: which image they belong to; some formats (GeoJSON, ROI zip) cannot say it, nor how large it is.
    Raises MissingError when there is no such file, UnreadableError when it is broken, of an unknown format, or about
    another image than `image`.
    """
    try:
        return _placed(_load(Path(path)), image)
    except UnreadableError as error:
        reason = str(error)
        raise UnreadableError(reason if reason.startswith("Cannot ") else f"Cannot read '{path}': {reason}") from error


def save_masks(path: str | Path, file: MaskFile, *, picture: Any = None, databar_rows: int = 0) -> list[str]:
    """Write a mask file completely or not at all; replaces a file that is there, but adds to an OME-Zarr image.

    picture: the image, (planes, rows, columns) or (planes, rows, columns, colours), an array or what is indexed like
    one: overlays are drawn on it and tables measure its grey values. databar_rows: its lowest rows that are no image,
    as `Volume.databar_rows`: tables count objects that touch these as cut. Returns in plain words what the format
    cannot keep. Raises StorageError when it cannot be written or its suffix is of no known format.
    """
    entry = writer_of(str(path))
    if entry.is_folder:
        module_of(entry).save(Path(path), file)
        return module_of(entry).losses(file)
    data, losses = encode_masks(str(path), file, picture=picture, databar_rows=databar_rows)
    write_atomically(Path(path), data)
    return losses


def encode_masks(name: str, file: MaskFile, *, picture: Any = None, databar_rows: int = 0) -> tuple[bytes, list[str]]:
    """Return the bytes of a mask file by the suffix of its name, and what the format cannot keep; see `save_masks`.

    Raises StorageError when the format cannot hold the masks, or is a folder.
    """
    entry = writer_of(name)
    if entry.is_folder:
        raise StorageError(
            f"'{name}' would be a folder. Save it on this computer: seg_app.save_masks, seg-app convert."
        )
    more = {"picture": picture} if entry.takes_picture else {}
    more |= {"databar_rows": databar_rows} if entry.measures else {}
    return module_of(entry).encode(file, **more), module_of(entry).losses(file)


def _load(path: Path) -> MaskFile:
    entry = reader_of(str(path))
    if entry.is_folder:
        return module_of(entry).load(path)
    decode = format_of(str(path)).decode
    return decode(read_file(path))


def _placed(file: MaskFile, image: ImageId | None) -> MaskFile:
    """Return the masks as those of an image. Raises UnreadableError where they are not."""
    if image is None:
        return file
    fits = all(small <= large for small, large in zip(file.image.shape, image.shape, strict=True))
    if not (file.image.shape == image.shape or (fits and not file.image.source)):
        raise UnreadableError(
            f"it belongs to an image of {file.image.shape} voxels, '{image.path}' has {image.shape}. "
            "Give the image that the masks were made on."
        )
    return replace(file, image=image)
