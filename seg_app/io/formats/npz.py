"""Mask sets as `.npz`: everything that a MaskFile holds, without loss, and nothing that runs on opening.

A zip archive (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) of three flat arrays, which
`numpy.load` reads without pickle: `header` (uint8), the UTF-8 bytes of a JSON object with all but the run lengths;
`runs` (int64), the run lengths of all masks one after the other; `offsets` (int64), where in `runs` each mask begins,
and the end of the last. Equal sets give equal bytes, so that files can be compared.
"""

from __future__ import annotations

import io
import json
import math
import operator
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import StorageError, UnreadableError
from seg_app.records import Box, Calibration, ImageId, Mask, MaskFile, Point, Prompts, Provenance

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "seg_app masks"
VERSION = 1
DTYPES = {"header": "|u1", "runs": "<i8", "offsets": "<i8"}
"""The arrays of a file, in their order."""
MAX_BYTES = 2**30
"""A set that unpacks to more is refused: it is a zip bomb before it is anybody's work."""
MAX_EDGE = 2**20
"""Planes, rows and columns of an image; an edge of more pixels is a broken number."""
MAX_NUMBER = 2**31 - 1
"""The largest value of a label image."""
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
    try:
        shape = _checked_shape(*file.image.shape)
        for mask in file.masks:
            _checked(mask, shape)
        return _zipped(_arrays(file))
    except ValueError as error:
        raise StorageError(
            f"Cannot store the masks of '{file.image.path}': {error}. Remove it and save again."
        ) from error


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
    image, calibration, size = file.image, file.calibration, file.calibration.pixel_size_nm
    header = {
        "format": FORMAT,
        "version": VERSION,
        "image": {"source": image.source, "path": image.path, "shape": image.shape, "dtype": image.dtype},
        "calibration": {
            "pixel_size_nm": size and [None if nm is None else _finite(nm) for nm in size],
            "source": calibration.source,
        },
        "masks": [_mask_fields(mask) for mask in file.masks],
    }
    # `item` makes a whole number of Python of one of numpy, which the coordinates of a mask may well be.
    return json.dumps(header, default=operator.methodcaller("item")).encode()


def _mask_fields(mask: Mask) -> dict[str, Any]:
    box, made = mask.prompts.box, mask.provenance
    return {
        "id": mask.id,
        "z": mask.z,
        "box": (mask.y0, mask.x0, mask.height, mask.width),
        "number": mask.number,
        "class_name": mask.class_name,
        "score": None if mask.score is None else _finite(mask.score),
        "points": [(_finite(point.x), _finite(point.y), bool(point.include)) for point in mask.prompts.points],
        "prompt_box": box and [_finite(edge) for edge in (box.x0, box.y0, box.x1, box.y1)],
        "provenance": {"engine": made.engine, "user": made.user, "created": made.created},
    }


def _mask_file(header: dict[str, Any], runs: NDArray[np.int64], offsets: NDArray[np.int64]) -> MaskFile:
    if header["format"] != FORMAT:
        raise ValueError("it has another header")
    if header["version"] != VERSION:
        raise UnreadableError(f"it is of version {header['version']!r}, known is {VERSION}. Update the program.")
    image = _image(header["image"])
    _check_offsets(offsets, count=len(header["masks"]), end=runs.size)
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    counts = (tuple(runs[start:stop].tolist()) for start, stop in bounds)
    masks = (_mask(fields, runs) for fields, runs in zip(header["masks"], counts, strict=True))
    return MaskFile(image, tuple(_checked(mask, image.shape) for mask in masks), _calibration(header["calibration"]))


def _check_offsets(offsets: NDArray[np.int64], *, count: int, end: int) -> None:
    ordered = offsets.size == count + 1 and offsets[0] == 0 and offsets[-1] == end
    if not ordered or (offsets[:-1] > offsets[1:]).any():
        raise ValueError("its run lengths are not those of its masks")


def _image(fields: dict[str, Any]) -> ImageId:
    shape = _checked_shape(*(_whole(edge) for edge in fields["shape"]))
    return ImageId(_text(fields["source"]), _text(fields["path"]), shape, _text(fields["dtype"]))


def _calibration(fields: dict[str, Any]) -> Calibration:
    size = fields["pixel_size_nm"]
    if size is None:
        return Calibration(None, _text(fields["source"]))
    z, y, x = size
    return Calibration((None if z is None else _real(z), _real(y), _real(x)), _text(fields["source"]))


def _mask(fields: dict[str, Any], counts: tuple[int, ...]) -> Mask:
    y0, x0, height, width = (_whole(value) for value in fields["box"])
    return Mask(
        id=_text(fields["id"]),
        z=_whole(fields["z"]),
        y0=y0,
        x0=x0,
        height=height,
        width=width,
        counts=counts,
        number=_whole(fields["number"]),
        class_name=_text(fields["class_name"]),
        score=None if fields["score"] is None else _real(fields["score"]),
        prompts=_prompts(fields),
        provenance=Provenance(*(_text(fields["provenance"][name]) for name in ("engine", "user", "created"))),
    )


def _prompts(fields: dict[str, Any]) -> Prompts:
    points = tuple(Point(_real(x), _real(y), _truth(include)) for x, y, include in fields["points"])
    box = fields["prompt_box"]
    if box is None:
        return Prompts(points)
    x0, y0, x1, y1 = (_real(edge) for edge in box)
    return Prompts(points, Box(x0, y0, x1, y1))


def _checked_shape(planes: int, rows: int, columns: int) -> tuple[int, int, int]:
    """Return the shape of an image that can exist. Raises ValueError."""
    if not all(1 <= edge <= MAX_EDGE for edge in (planes, rows, columns)):
        raise ValueError(f"no image has {planes} × {rows} × {columns} pixels")
    return planes, rows, columns


def _checked(mask: Mask, shape: tuple[int, int, int]) -> Mask:
    """Return a mask that lies in its image and fills its box. Raises ValueError."""
    planes, rows, columns = shape
    if not (0 <= mask.z < planes and 0 <= mask.y0 < mask.y1 <= rows and 0 <= mask.x0 < mask.x1 <= columns):
        raise ValueError(f"mask {mask.id!r} does not lie in its image of {planes} × {rows} × {columns} pixels")
    if min(mask.counts, default=-1) < 0 or sum(mask.counts) != mask.height * mask.width:
        raise ValueError(f"the run lengths of mask {mask.id!r} do not fill its box of {mask.height} × {mask.width}")
    if not 0 <= mask.number <= MAX_NUMBER:
        raise ValueError(f"mask {mask.id!r} has the number {mask.number}")
    return mask


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is neither true nor false")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no whole number")
    return value


def _real(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no number")
    return _finite(value)


def _finite(value: float) -> float:
    """Return a number as a float of Python. Raises ValueError for NaN and the infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return float(value)
