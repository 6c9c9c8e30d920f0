"""Masks of sement_duo, the older tool, from its `.pkl` files; they are only read, and never run.

A list of objects `SAM_Mask` (earlier `Mask`) with the values that SAM's automatic masks have. `segmentation` is text:
the base64 of the zlib of the places of all pixels as little-endian int32, counted row by row; older files have packed
bits, or an array, instead. The tool did not keep which points excluded: those outside of the outline did. Of clicked
masks it kept the predicted IoU as `stability_score`, and -1 as `predicted_iou`.
"""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg_app.geometry import contains, mask_from_bits
from seg_app.io.damage import reading
from seg_app.io.formats.fields import checked_shape, nameless, real
from seg_app.io.formats.inert_pickle import Made, Name, unpickled
from seg_app.records import Mask, MaskFile, Point, Prompts, Provenance

MASKS = ("SAM_Mask", "Mask")
"""The classes whose objects are masks, in whichever module of the tool."""
MODULES = ("utils", "masks", "sement_utils", "__main__")
ARRAYS = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
}
ENCODED = ("_codecs", "encode")
PLAIN = {("numpy", "ndarray"), ("numpy", "dtype"), ("copyreg", "_reconstructor"), ENCODED}
BUILTINS = {
    (module, name) for module in ("builtins", "__builtin__") for name in ("object", "set", "frozenset", "bytearray")
}
MAX_PIXELS = 2**28
"""Pixels of a plane; the tool opened no larger ones."""


def decode(data: bytes) -> MaskFile:
    """Return the masks of a file of sement_duo, which does not say which image it is about.

    Raises UnreadableError, and nothing else, when it is none, is broken, or asks for code.
    """
    with reading("mask file of sement_duo"):
        content = unpickled(data, allowed=_is_allowed)
        if not isinstance(content, (list, tuple)):
            raise ValueError("it is no list of masks")
        found = [_mask(_fields(item), number, limit=len(data)) for number, item in enumerate(content, start=1)]
        sizes = {size for size, _ in found} or {(1, 1)}
        if len(sizes) > 1:
            raise ValueError(f"its masks are of {len(sizes)} images")
        return MaskFile(nameless((1, *sizes.pop())), tuple(mask for _, mask in found if mask))


def _is_allowed(name: Name) -> bool:
    is_mask = name[1] in MASKS and name[0].partition(".")[0] in MODULES
    return is_mask or name in ARRAYS or name in PLAIN or name in BUILTINS


def _fields(item: Any) -> dict[str, Any]:
    """Return the values of a pickled mask: of a Pydantic model, of a plain object, or of a dictionary."""
    if isinstance(item, Made):
        item = item.state
    if isinstance(item, dict) and "__dict__" in item:
        item = item["__dict__"]
    if not isinstance(item, dict):
        raise ValueError("an object in it is no mask")
    return item


def _mask(fields: dict[str, Any], number: int, *, limit: int) -> tuple[tuple[int, int], Mask | None]:
    """Return the (rows, columns) of the image, and the mask; None when it has no pixel."""
    bits = _bits(fields, limit=limit)
    mask = mask_from_bits(
        bits, number=number, score=_score(fields), provenance=Provenance("sement_duo"), prompts=Prompts()
    )
    if mask is None:
        return bits.shape, None
    return bits.shape, _with_points(mask, _values(fields.get("point_coords"), limit=limit))


def _bits(fields: dict[str, Any], *, limit: int) -> NDArray[np.bool_]:
    value = fields["segmentation"]
    if isinstance(value, str):
        value = base64.b64decode(value, validate=True)
    if _is_raw(value):
        rows, columns = _shape(fields["shape"])
        return _placed(_unpacked(_raw(value), area=_area(fields), size=rows * columns), rows, columns)
    array = _values(value, limit=limit)
    return _placed(array, *_shape(fields.get("shape", array.shape)))


def _shape(shape: Any) -> tuple[int, int]:
    rows, columns = map(int, shape)
    checked_shape(1, rows, columns)
    if rows * columns > MAX_PIXELS:
        raise ValueError(f"its image has {rows} × {columns} pixels")
    return rows, columns


def _area(fields: dict[str, Any]) -> int | None:
    return fields["area"] if isinstance(fields.get("area"), int) else None


def _unpacked(packed: bytes, *, area: int | None, size: int) -> NDArray[Any]:
    """Return the places of the pixels or a bit for each pixel, whichever was packed."""
    raw = zlib.decompressobj().decompress(packed, 4 * size + 1)
    if len(raw) != 4 * (area or -1) and len(raw) == math.ceil(size / 8):
        return np.unpackbits(np.frombuffer(raw, np.uint8))[:size].astype(bool)
    return np.frombuffer(raw, "<i4")


def _placed(array: NDArray[Any], rows: int, columns: int) -> NDArray[np.bool_]:
    """Return the (rows, columns) bits of an array of bits, or of the places of the pixels, counted row by row."""
    is_bits = array.dtype == bool or (array.size == rows * columns and array.max(initial=0) <= 1)
    if is_bits:
        return (array > 0).reshape(rows, columns)
    places = array.astype(np.int64).ravel()
    if places.min(initial=0) < 0:
        raise ValueError("a pixel lies before the image")
    bits = np.zeros(rows * columns, bool)
    bits[places] = True
    return bits.reshape(rows, columns)


def _score(fields: dict[str, Any]) -> float | None:
    """Return the IoU that the model predicted."""
    for name in ("predicted_iou", "stability_score"):
        values = _values(fields.get(name), limit=100).ravel()
        if values.size and values[0] >= 0:
            return real(float(values[0]))
    return None


def _with_points(mask: Mask, points: NDArray[Any]) -> Mask:
    """Return the mask with what was clicked; the tool counted from the outer corner of the top left pixel."""
    centred = [(real(float(x) - 0.5), real(float(y) - 0.5)) for x, y in points.reshape(-1, 2)]
    said = (Point(x, y, contains(mask, y=math.floor(y + 0.5), x=math.floor(x + 0.5))) for x, y in centred)
    return replace(mask, prompts=Prompts(tuple(said)))


# Arrays, as numpy pickles them; the calls in the pickle are only looked at


def _values(value: Any, *, limit: int) -> NDArray[Any]:
    """Return numbers of a pickle as an array: of numpy, or lists of them, which have at most `limit` numbers."""
    if isinstance(value, Made):
        return _array(value)
    rows = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
    is_nested = bool(rows) and all(isinstance(row, (list, tuple)) for row in rows)
    if sum(len(row) if is_nested else 1 for row in rows) > limit:
        raise ValueError("its lists repeat themselves")
    numbers = [number for row in rows for number in (row if is_nested else (row,))]
    if not all(isinstance(number, (int, float)) for number in numbers):
        raise ValueError("a list of numbers holds something else")
    return np.array(numbers).reshape((len(rows), -1) if is_nested else (-1,))


def _array(made: Made) -> NDArray[Any]:
    name = made.by[1]
    if name == "_reconstruct":
        _, shape, dtype, in_columns, raw = made.state
    elif name == "_frombuffer":
        raw, dtype, shape, order = made.arguments
        in_columns = order == "F"
    elif name == "scalar":
        (dtype, raw), shape, in_columns = made.arguments, (), False
    else:
        raise ValueError(f"{name} makes no array")
    return np.frombuffer(_raw(raw), _dtype(dtype)).reshape(shape, order="F" if in_columns else "C")


def _dtype(made: Any) -> np.dtype[Any]:
    """Return a type of numbers. Raises ValueError for objects and structures."""
    code, order = str(made.arguments[0]), str(made.state[1])
    if made.by != ("numpy", "dtype") or code[:1] not in "biuf" or not code[1:].isdigit():
        raise ValueError("an array in it is not of numbers")
    return np.dtype(order + code)


def _is_raw(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray)) or (isinstance(value, Made) and value.by == ENCODED)


def _raw(value: Any) -> bytes:
    """Return bytes of a pickle; old protocols write them as text that is to be encoded."""
    if not _is_raw(value):
        raise ValueError("an array in it is not of numbers")
    return value.arguments[0].encode("latin1") if isinstance(value, Made) else bytes(value)
