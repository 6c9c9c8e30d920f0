"""Mask sets as COCO JSON: what annotation tools and training code read.

One COCO image for each plane, `id` = plane + 1. Masks are run lengths in the compressed text form of the COCO API
(https://github.com/cocodataset/cocoapi, common/maskApi.c, rleToString). What COCO has no word for is kept under the
names that `sam2` writes (`predicted_iou`, `point_coords`), or under `seg_app`. Files of other tools may also have plain
run lengths, or polygons, whose even-odd inside is filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import UnreadableError
from seg_app.geometry import bits_of, mask_from_bits
from seg_app.io.formats.fields import MAX_EDGE, as_json, from_json, storing
from seg_app.labels import MAX_NUMBER, without_pixels
from seg_app.polygons import MAX_BOX, filled
from seg_app.records import Box, Calibration, ImageId, Mask, MaskFile, Point, Prompts, Provenance

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_CLASS = "object"
"""The category of masks without a class: COCO has no annotation without a category."""
BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, MemoryError)
"""All that the JSON of another program, or broken JSON, makes of the code below."""


# Writing


def encode(file: MaskFile) -> bytes:
    """Return the UTF-8 bytes of a COCO file.

    Raises StorageError when the image or a mask has impossible values.
    """
    with storing(file):
        return as_json(_content(file)).encode()


def _content(file: MaskFile) -> dict[str, Any]:
    names = sorted({mask.class_name or NO_CLASS for mask in file.masks})
    categories = {name: number for number, name in enumerate(names, start=1)}
    return {
        "info": {"description": f"Masks of {file.image.path}", "seg_app": _about(file)},
        "images": _images(file.image),
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
        "annotations": [
            _annotation(mask, number, categories[mask.class_name or NO_CLASS], file.image.shape)
            for number, mask in enumerate((mask for mask in file.masks if mask.area), start=1)
        ],
    }


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what COCO cannot keep: masks without a pixel."""
    return without_pixels(file.masks)


def _about(file: MaskFile) -> dict[str, Any]:
    image, calibration = file.image, file.calibration
    return {
        "image": {"source": image.source, "path": image.path, "dtype": image.dtype},
        "pixel_size_nm": calibration.pixel_size_nm,
        "pixel_size_source": calibration.source,
    }


def _images(image: ImageId) -> list[dict[str, Any]]:
    planes, rows, columns = image.shape
    return [
        {"id": z + 1, "file_name": image.path if planes == 1 else f"{image.path}#{z}", "height": rows, "width": columns}
        for z in range(planes)
    ]


def _annotation(mask: Mask, number: int, category: int, shape: tuple[int, int, int]) -> dict[str, Any]:
    rows, columns = shape[1:]
    points, box, made = mask.prompts.points, mask.prompts.box, mask.provenance
    return {
        "id": number,
        "image_id": mask.z + 1,
        "category_id": category,
        "segmentation": {"size": [rows, columns], "counts": compressed(_plane_counts(mask, rows, columns))},
        "bbox": [mask.x0, mask.y0, mask.width, mask.height],
        "area": mask.area,
        "iscrowd": 0,
        "predicted_iou": mask.score,
        "point_coords": [[point.x, point.y] for point in points],
        "point_labels": [int(point.include) for point in points],
        "prompt_box": box and [box.x0, box.y0, box.x1, box.y1],
        "seg_app": {
            "id": mask.id,
            "number": mask.number,
            "class": mask.class_name,
            "made": [made.engine, made.user, made.created],
        },
    }


def _plane_counts(mask: Mask, rows: int, columns: int) -> list[int]:
    """Return the run lengths of a mask in the whole plane, column by column, beginning with the zeros."""
    steps = np.diff(np.pad(bits_of(mask), ((1, 1), (0, 0))).astype(np.int8), axis=0).T
    starts, ends = (_flat(np.argwhere(steps == step), mask, rows) for step in (1, -1))
    # a run that reaches the last row goes on in the first row of the next column
    joined = np.r_[False, starts[1:] == ends[:-1]]
    starts, ends = starts[~joined[: len(starts)]], ends[~np.r_[joined[1:], False][: len(ends)]]
    edges = np.r_[0, np.stack([starts, ends], axis=1).ravel(), rows * columns]
    counts = np.diff(edges).tolist()
    return counts if counts[-1] else counts[:-1]


def _flat(places: NDArray[np.intp], mask: Mask, rows: int) -> NDArray[np.int64]:
    """Return where (column, row) places of the box are in the plane, counted column by column."""
    return (places[:, 0] + mask.x0) * rows + places[:, 1] + mask.y0


def compressed(counts: Sequence[int]) -> str:
    """Return run lengths as the text of the COCO API: six bits a character, from the third on the change by two."""
    text = bytearray()
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            low, value = value & 0x1F, value >> 5
            more = value != (-1 if low & 0x10 else 0)
            text.append(48 + (low | 0x20 if more else low))
    return text.decode("ascii")


# Reading


def decode(data: bytes) -> MaskFile:
    """Return the masks of a COCO file; the images must be planes of one size, in the order of their ids.

    Raises UnreadableError, and nothing else, when it is none, broken, or of images of several sizes.
    """
    try:
        content = from_json(data)
        image, planes = _image(content)
        names = {category["id"]: category["name"] for category in content.get("categories", [])}
        found = (_mask(fields, planes, names, image.shape) for fields in content["annotations"])
        return MaskFile(image, tuple(mask for mask in found if mask), _calibration(content))
    except BROKEN as error:
        raise UnreadableError(f"no COCO file of one image, or damaged ({error}). Use another copy.") from error


def _ours(content: dict[str, Any]) -> dict[str, Any]:
    return content.get("info", {}).get("seg_app") or {}


def _image(content: dict[str, Any]) -> tuple[ImageId, dict[Any, int]]:
    """Return which image the masks belong to, and the plane of each COCO image."""
    images = sorted(content["images"], key=lambda image: image["id"])
    sizes = {(_edge(image["height"]), _edge(image["width"])) for image in images}
    if len(sizes) != 1:
        raise ValueError(f"it is about {len(images)} images of {len(sizes)} sizes")
    about = _ours(content).get("image", {})
    path = about.get("path", str(images[0].get("file_name", "")))
    shape = (len(images), *sizes.pop())
    return ImageId(str(about.get("source", "local")), str(path), shape, str(about.get("dtype", ""))), {
        image["id"]: z for z, image in enumerate(images)
    }


def _edge(value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= MAX_EDGE:
        raise ValueError(f"no image is {value!r:.40} pixels wide or high")
    return value


def _calibration(content: dict[str, Any]) -> Calibration:
    about = _ours(content)
    if not about.get("pixel_size_nm"):
        return Calibration(None, str(about.get("pixel_size_source", "")))
    z, y, x = about["pixel_size_nm"]
    return Calibration((None if z is None else float(z), float(y), float(x)), str(about["pixel_size_source"]))


def _mask(fields: dict[str, Any], planes: dict[Any, int], names: dict[Any, str], shape: Sequence[int]) -> Mask | None:
    """Return an annotation as a mask; None when it outlines nothing."""
    ours, score = fields.get("seg_app") or {}, fields.get("predicted_iou", fields.get("score"))
    bits, y0, x0 = _bits(fields["segmentation"], shape[1], shape[2])
    more = {"id": str(ours["id"])} if "id" in ours else {}
    return mask_from_bits(
        bits,
        y0=y0,
        x0=x0,
        z=planes[fields["image_id"]],
        number=_number(ours.get("number", fields.get("id", 0))),
        class_name=str(ours.get("class", names.get(fields.get("category_id"), ""))),
        score=None if score is None else float(score),
        prompts=_prompts(fields),
        provenance=Provenance(*map(str, ours.get("made", ()))),
        **more,
    )


def _number(value: Any) -> int:
    """Return the number of an annotation; 0 where its id is none that a mask may have."""
    return int(value) if 0 <= int(value) <= MAX_NUMBER else 0


def _prompts(fields: dict[str, Any]) -> Prompts:
    places = fields.get("point_coords") or []
    labels = fields.get("point_labels") or [1] * len(places)
    points = tuple(Point(float(x), float(y), bool(label)) for (x, y), label in zip(places, labels, strict=True))
    box = fields.get("prompt_box")
    return Prompts(points, Box(*map(float, box)) if box else None)


def _bits(segmentation: Any, rows: int, columns: int) -> tuple[NDArray[np.bool_], int, int]:
    """Return the bits of some columns or a box of the plane, and the row and column where they begin."""
    if isinstance(segmentation, list):
        rings = [np.asarray(flat, np.float64).reshape(-1, 2) for flat in segmentation]
        return filled(rings, rows=rows, columns=columns)
    if list(segmentation["size"]) != [rows, columns]:
        raise ValueError(f"a mask of {segmentation['size']} does not fit its image of {rows} × {columns}")
    counts = segmentation["counts"]
    return _columns(list(uncompressed(counts)) if isinstance(counts, str) else counts, rows, columns)


def _columns(counts: Sequence[int], rows: int, columns: int) -> tuple[NDArray[np.bool_], int, int]:
    edges = np.cumsum([0, *counts], dtype=np.int64)
    if min(counts, default=0) < 0 or edges[-1] != rows * columns:
        raise ValueError(f"run lengths of {edges[-1]} pixels do not fill {rows} × {columns}")
    starts, ends = edges[1:-1:2], edges[2::2]
    used = starts < ends
    starts, ends = starts[used], ends[used]
    if not starts.size:
        return np.zeros((0, 0), bool), 0, 0
    first, last = int(starts[0]) // rows, (int(ends[-1]) - 1) // rows + 1
    _check_box((last - first) * rows)
    steps = np.zeros((last - first) * rows + 1, np.int8)
    np.add.at(steps, starts - first * rows, 1)
    np.add.at(steps, ends - first * rows, -1)
    return np.cumsum(steps[:-1], dtype=np.int8).reshape(-1, rows).T > 0, 0, first


def uncompressed(text: str) -> Iterator[int]:
    """Yield the run lengths of a text of the COCO API. Raises ValueError for characters that it does not use."""
    before: list[int] = []
    value = shift = 0
    for code in text.encode("ascii"):
        if not 48 <= code < 48 + 64:
            raise ValueError(f"the character {chr(code)!r} is in no run lengths")
        value |= (code - 48 & 0x1F) << shift
        shift += 5
        if not code - 48 & 0x20:
            if code - 48 & 0x10:
                value -= 1 << shift
            before.append(value + (before[-2] if len(before) > 2 else 0))
            yield before[-1]
            value = shift = 0


def _check_box(pixels: int) -> None:
    if pixels > MAX_BOX:
        raise ValueError(f"a mask spans {pixels} pixels, and at most {MAX_BOX} are allowed")
