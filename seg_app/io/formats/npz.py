"""Mask sets as `.npz`: everything that a MaskFile holds, without loss, and nothing that runs on opening.

A zip archive (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) of three flat arrays, which
`numpy.load` reads without pickle: `header` (uint8), the UTF-8 bytes of a JSON object with all but the run lengths;
`runs` (int64), the run lengths of all masks one after the other; `offsets` (int64), where in `runs` each mask begins,
and the end of the last. Equal sets give equal bytes, so that files can be compared.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import UnreadableError
from seg_app.io.formats.fields import (
    about,
    as_json,
    calibration_of,
    checked_mask,
    fields_of,
    image_of,
    mask_values,
    storing,
    whole,
)
from seg_app.records import Mask, MaskFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "seg_app masks"
VERSION = 1
DTYPES = {"header": "|u1", "runs": "<i8", "offsets": "<i8"}
"""The arrays of a file, in their order."""
MAX_BYTES = 2**30
"""A set that unpacks to more is refused: it is a zip bomb before it is anybody's work."""
NPY_HEAD = 128
"""Bytes before the values of a flat array."""
MADE = (1980, 1, 1, 0, 0, 0)
"""The date of all entries, so that equal sets give equal bytes; zip knows none before."""
NPY = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([^']{3})', 'fortran_order': (?:False|True), 'shape': \((\d{1,12}),\), \} *\n",
    re.DOTALL,
)
"""The head of a flat array: read by hand, because numpy's reader evaluates it, warns, and allocates what it claims."""
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, OverflowError,
    ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError,
)  # fmt: skip
"""All that the readers of zip and JSON say of broken bytes."""


def encode(file: MaskFile) -> bytes:
    """Return the bytes of a mask file; equal files give equal bytes.

    Raises StorageError when the image or a mask has impossible values, which `decode` would refuse.
    """
    with storing(file):
        return _zipped(_arrays(file))


def losses(file: MaskFile) -> list[str]:  # noqa: ARG001 - every format has it
    """Return nothing: all is kept."""
    return []


def _arrays(file: MaskFile) -> dict[str, NDArray[Any]]:
    ends = np.cumsum([0, *(len(mask.counts) for mask in file.masks)])
    runs = np.fromiter((run for mask in file.masks for run in mask.counts), dtype="<i8", count=int(ends[-1]))
    header = np.frombuffer(_header(file), dtype=np.uint8)
    return {"header": header, "runs": runs, "offsets": ends}


def decode(data: bytes) -> MaskFile:
    """Return what the bytes of a mask file hold.

    Raises UnreadableError, and nothing else, when they are no mask file, broken, or of a newer version.
    """
    try:
        arrays = _unzipped(data)
        return _mask_file(json.loads(arrays["header"].tobytes()), arrays["runs"], arrays["offsets"])
    except BROKEN as error:
        raise UnreadableError(f"not a mask set of this program, or damaged ({error}). Use another copy.") from error


def _zipped(arrays: dict[str, NDArray[Any]]) -> bytes:
    _check_size(sum(array.nbytes for array in arrays.values()) + len(arrays) * NPY_HEAD)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, dtype in DTYPES.items():
            entry = zipfile.ZipInfo(f"{name}.npy", MADE)
            entry.create_system = 3  # Unix, also when written on Windows: equal sets give equal bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            raw = io.BytesIO()
            np.lib.format.write_array(raw, arrays[name].astype(dtype), version=(1, 0), allow_pickle=False)
            archive.writestr(entry, raw.getvalue())
    return packed.getvalue()


def _unzipped(data: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(archive.infolist()) != len(DTYPES) or entries.keys() != {f"{name}.npy" for name in DTYPES}:
            raise ValueError(f"it holds {', '.join(sorted(entries)[:5]) or 'nothing'}")
        _check_size(sum(entry.file_size for entry in entries.values()))
        # Asked for no more than the entry announces, zlib unpacks no more, whatever the entry holds.
        return {name: _array(_entry_bytes(archive, entries[f"{name}.npy"]), DTYPES[name]) for name in DTYPES}


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise ValueError(f"it unpacks to {size} bytes, and at most {MAX_BYTES} are allowed")


def _entry_bytes(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename} is packed by method {entry.compress_type}")
    with archive.open(entry) as stream:
        return stream.read(entry.file_size)


def _array(raw: bytes, dtype: str) -> NDArray[Any]:
    head = NPY.match(raw)
    if not head or head[2].decode() != dtype:
        raise ValueError(f"an array is not flat or not of type {dtype}")
    array = np.frombuffer(raw, dtype=dtype, offset=head.end())
    if int.from_bytes(head[1], "little") + 10 != head.end() or array.size != int(head[3]):
        raise ValueError("an array is shorter or longer than it says")
    return array


def _header(file: MaskFile) -> bytes:
    masks = [fields_of(mask) | {"box": (mask.y0, mask.x0, mask.height, mask.width)} for mask in file.masks]
    return as_json({"format": FORMAT, "version": VERSION, **about(file), "masks": masks}).encode()


def _mask_file(header: dict[str, Any], runs: NDArray[np.int64], offsets: NDArray[np.int64]) -> MaskFile:
    if header["format"] != FORMAT:
        raise ValueError("it has another header")
    if header["version"] != VERSION:
        raise UnreadableError(f"it is of version {header['version']!r}, known is {VERSION}. Update the program.")
    image = image_of(header["image"])
    _check_offsets(offsets, count=len(header["masks"]), end=runs.size)
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    counts = (tuple(runs[start:stop].tolist()) for start, stop in bounds)
    masks = (_mask(fields, runs) for fields, runs in zip(header["masks"], counts, strict=True))
    return MaskFile(
        image, tuple(checked_mask(mask, image.shape) for mask in masks), calibration_of(header["calibration"])
    )


def _check_offsets(offsets: NDArray[np.int64], *, count: int, end: int) -> None:
    ordered = offsets.size == count + 1 and offsets[0] == 0 and offsets[-1] == end
    if not ordered or (offsets[:-1] > offsets[1:]).any():
        raise ValueError("its run lengths are not those of its masks")


def _mask(fields: dict[str, Any], counts: tuple[int, ...]) -> Mask:
    y0, x0, height, width = (whole(value) for value in fields["box"])
    return Mask(y0=y0, x0=x0, height=height, width=width, counts=counts, **mask_values(fields))
