"""What is said of masks besides their pixels, as plain JSON values: formats that have room for text keep it there."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from seg_app.errors import StorageError
from seg_app.labels import MAX_NUMBER
from seg_app.records import Box, Calibration, ImageId, Point, Prompts, Provenance

if TYPE_CHECKING:
    from seg_app.records import Mask, MaskFile

MAX_EDGE = 2**20
"""Planes, rows and columns of an image; an edge of more pixels is a broken number."""
ANY_SHAPE = (MAX_EDGE, MAX_EDGE, MAX_EDGE)
"""Stands for the size of an image of which nothing is known."""


# Writing


@contextmanager
def storing(file: MaskFile) -> Iterator[None]:
    """Raise StorageError where the image or a mask has impossible values, which no format would read, or the block."""
    try:
        shape = checked_shape(*file.image.shape)
        for mask in file.masks:
            checked_mask(mask, shape)
        yield
    except ValueError as error:
        raise StorageError(
            f"Cannot store the masks of '{file.image.path}': {error}. Remove it and save again."
        ) from error


def about(file: MaskFile) -> dict[str, Any]:
    """Return which image a mask file belongs to, and the size of its voxels.

    Raises ValueError where the size is no number.
    """
    image, size = file.image, file.calibration.pixel_size_nm
    return {
        "image": {"source": image.source, "path": image.path, "shape": image.shape, "dtype": image.dtype},
        "calibration": {
            "pixel_size_nm": size and [None if nm is None else finite(nm) for nm in size],
            "source": file.calibration.source,
        },
    }


def fields_of(mask: Mask) -> dict[str, Any]:
    """Return all that is said of a mask except for its box and its bits. Raises ValueError for NaN and infinities."""
    box, made = mask.prompts.box, mask.provenance
    return {
        "id": mask.id,
        "z": mask.z,
        "number": mask.number,
        "class_name": mask.class_name,
        "score": None if mask.score is None else finite(mask.score),
        "points": [(finite(point.x), finite(point.y), bool(point.include)) for point in mask.prompts.points],
        "prompt_box": box and [finite(edge) for edge in (box.x0, box.y0, box.x1, box.y1)],
        "provenance": {"engine": made.engine, "user": made.user, "created": made.created},
    }


def notes(file: MaskFile, labels: Sequence[int]) -> dict[str, Any]:
    """Return all that is said of masks that are kept as `labels` in an image. Raises ValueError."""
    masks = [fields_of(mask) | {"label": label} for mask, label in zip(file.masks, labels, strict=True)]
    return {**about(file), "masks": masks}


def as_json(value: Any) -> str:
    """Return plain values as ASCII text without line ends. Raises ValueError for NaN and infinities."""
    # `item` makes a whole number of Python of one of numpy, which the coordinates of a mask may well be.
    return json.dumps(value, default=operator.methodcaller("item"), allow_nan=False)


# Reading: ValueError, TypeError, KeyError or AttributeError where the values are not as they should be


def from_json(text: str | bytes) -> Any:
    """Return the values of a JSON text. Raises ValueError, also for NaN and infinities, and RecursionError."""
    return json.loads(text, parse_constant=_no_number)


def image_of(fields: dict[str, Any]) -> ImageId:
    """Return which image the `image` of `about` says."""
    shape = checked_shape(*(whole(edge) for edge in fields["shape"]))
    return ImageId(text(fields["source"]), text(fields["path"]), shape, text(fields["dtype"]))


def calibration_of(fields: dict[str, Any]) -> Calibration:
    """Return the size of a voxel that the `calibration` of `about` says."""
    size = fields["pixel_size_nm"]
    if size is None:
        return Calibration(None, text(fields["source"]))
    z, y, x = size
    return Calibration((None if z is None else real(z), real(y), real(x)), text(fields["source"]))


def mask_values(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a `Mask` that `fields_of` says, by the names of its arguments."""
    made = fields["provenance"]
    return {
        "id": text(fields["id"]),
        "z": whole(fields["z"]),
        "number": whole(fields["number"]),
        "class_name": text(fields["class_name"]),
        "score": None if fields["score"] is None else real(fields["score"]),
        "prompts": _prompts(fields),
        "provenance": Provenance(*(text(made[name]) for name in ("engine", "user", "created"))),
    }


def values_of_labels(notes: dict[str, Any]) -> dict[tuple[int, int], dict[str, Any]]:
    """Return (z, label) -> values of a `Mask`, in the order of the masks, of what `notes` says."""
    return {(whole(fields["z"]), whole(fields["label"])): mask_values(fields) for fields in notes["masks"]}


def in_order(masks: Iterable[Mask], values: Mapping[tuple[int, int], dict[str, Any]]) -> tuple[Mask, ...]:
    """Return masks in the order in which `values_of_labels` has them; others last."""
    places = {(z, known["number"], known["id"]): place for place, ((z, _), known) in enumerate(values.items())}
    return tuple(sorted(masks, key=lambda mask: places.get((mask.z, mask.number, mask.id), len(places))))


def nameless(shape: tuple[int, int, int]) -> ImageId:
    """Return the image of masks of which only the (planes, rows, columns) are known."""
    return ImageId("local", "", checked_shape(*shape), "")


def unknown(masks: Sequence[Mask]) -> ImageId:
    """Return the image of masks of which nothing is known: without a source, as large as the masks need it."""
    edges = [(mask.z + 1, mask.y1, mask.x1) for mask in masks] or [(1, 1, 1)]
    return ImageId("", "", checked_shape(*(max(edge) for edge in zip(*edges, strict=True))), "")


def checked_shape(planes: int, rows: int, columns: int) -> tuple[int, int, int]:
    """Return the shape of an image that can exist. Raises ValueError."""
    if not all(1 <= edge <= MAX_EDGE for edge in (planes, rows, columns)):
        raise ValueError(f"no image has {planes} × {rows} × {columns} pixels")
    return planes, rows, columns


def checked_mask(mask: Mask, shape: tuple[int, int, int]) -> Mask:
    """Return a mask that lies in its image and fills its box. Raises ValueError."""
    planes, rows, columns = shape
    if not (0 <= mask.z < planes and 0 <= mask.y0 < mask.y1 <= rows and 0 <= mask.x0 < mask.x1 <= columns):
        raise ValueError(f"mask {mask.id!r} does not lie in its image of {planes} × {rows} × {columns} pixels")
    if min(mask.counts, default=-1) < 0 or sum(mask.counts) != mask.height * mask.width:
        raise ValueError(f"the run lengths of mask {mask.id!r} do not fill its box of {mask.height} × {mask.width}")
    if not 0 <= mask.number <= MAX_NUMBER:
        raise ValueError(f"mask {mask.id!r} has the number {mask.number}")
    return mask


def text(value: object) -> str:
    """Return a text as it is. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def whole(value: object) -> int:
    """Return a whole number as it is. Raises TypeError, also for true and false."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no whole number")
    return value


def real(value: object) -> float:
    """Return a finite number as a float. Raises TypeError, also for true and false, and ValueError."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no number")
    return finite(value)


def finite(value: float) -> float:
    """Return a number as a float of Python. Raises ValueError for NaN and the infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return float(value)


def _prompts(fields: dict[str, Any]) -> Prompts:
    points = tuple(Point(real(x), real(y), _truth(include)) for x, y, include in fields["points"])
    box = fields["prompt_box"]
    if box is None:
        return Prompts(points)
    x0, y0, x1, y1 = (real(edge) for edge in box)
    return Prompts(points, Box(x0, y0, x1, y1))


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is neither true nor false")
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
