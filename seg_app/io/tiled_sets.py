"""What programs without this one read of a mask set on Tiled: labels, tables, and the masks that MLExchange trains on.

Beside the bytes of the set, which alone bring it back exactly, its container holds

    labels      uint32 (planes, rows, columns): the number of the mask on each pixel, 0 where there is none
    instances   a row for each mask: id, number, class, score, area, plane, box
    prompts     a row for each point or box: of which mask, where, included or not
    mask        int8 (annotated planes, rows, columns): the class on each pixel, -1 where there is none

`mask` and the metadata are those of the MLExchange app (https://github.com/mlexchange/mlex_highres_segmentation), so
that its training jobs can read them. Where masks overlap, the smaller one is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from seg_app.colours import class_colours
from seg_app.labels import label_values, painted_by_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import Mask, MaskFile

TILE = 1024
"""Rows and columns of a block of labels: only blocks with a mask are sent."""
MASK_TILE = 4096
"""Of `mask`, whose blocks are all sent, because their ground is not 0; a request costs more than its bytes."""
NO_CLASS = "object"
"""What masks without a class are called there."""
UNLABELLED = -1
MOST_CLASSES = 127
"""int8 has no room for more; then there is no `mask`."""

Blocks = Iterator[tuple[tuple[int, int, int], "NDArray[Any]"]]
"""Places of blocks, as (plane, row, column) counted in blocks, and their values."""


def metadata_of(file: MaskFile) -> dict[str, Any]:
    """Return what is said of a set, as plain JSON."""
    image, names = file.image, class_names(file)
    colours = class_colours(names)
    return {
        "project_name": _text(image.path),
        "data_uri": _text(_address(file)),
        "image_shape": list(image.shape[1:]),
        "mask_idx": annotated(file),
        "unlabeled_class_id": UNLABELLED,
        "classes": {
            str(i): {"label": _text(name), "color": "#{:02x}{:02x}{:02x}".format(*colours[name])}
            for i, name in enumerate(names)
        },
        "annotations": {},
        "pixel_size_nm": list(file.calibration.pixel_size_nm) if file.calibration.pixel_size_nm else None,
    }


def class_names(file: MaskFile) -> list[str]:
    """Return the classes of a set in the order of their numbers in `mask`."""
    return list(dict.fromkeys(mask.class_name or NO_CLASS for mask in file.masks))


def annotated(file: MaskFile) -> list[int]:
    """Return the planes that have a mask, in rising order."""
    return sorted({mask.z for mask in file.masks})


def label_blocks(file: MaskFile) -> Blocks:
    """Yield the blocks of `labels` that hold a mask, TILE pixels wide or up to the edge."""
    for z, plane in painted_by_plane(file.masks, label_values(file.masks), file.image.shape):
        yield from (((z, *place), tile) for place, tile in _tiles(plane, TILE) if tile.any())


def class_blocks(file: MaskFile) -> Blocks:
    """Yield all blocks of `mask`, MASK_TILE pixels wide or up to the edge."""
    names = {name: number for number, name in enumerate(class_names(file))}
    values = [names[mask.class_name or NO_CLASS] - UNLABELLED for mask in file.masks]
    planes = painted_by_plane(file.masks, values, file.image.shape)
    for i, (_, plane) in enumerate(planes):
        classes = (plane.astype(np.int16) + UNLABELLED).astype(np.int8)
        yield from (((i, *place), tile) for place, tile in _tiles(classes, MASK_TILE))


def chunks_of(shape: tuple[int, int, int], tile: int) -> tuple[tuple[int, ...], ...]:
    """Return the sizes of the blocks along each axis: one plane, `tile` rows and columns, the last ones less."""
    along = (tuple(min(tile, size - start) for start in range(0, size, tile)) for size in shape[1:])
    return ((1,) * shape[0], *along)


def instances(file: MaskFile) -> pd.DataFrame:
    """Return a row for each mask; the box is rows y0 to y1 and columns x0 to x1 (exclusive), planes count from 0."""
    rows = [_instance(mask) for mask in file.masks]
    types = {"id": "str", "number": "int64", "class": "str", "score": "float64", "area": "int64", "plane": "int64"}
    types |= dict.fromkeys(("y0", "x0", "y1", "x1"), "int64")
    return pd.DataFrame(rows, columns=pd.Index(types)).astype(types)


def _instance(mask: Mask) -> tuple[Any, ...]:
    box = (mask.y0, mask.x0, mask.y1, mask.x1)
    return (_text(mask.id), mask.number, _text(mask.class_name), mask.score, mask.area, mask.z, *box)


def prompts(file: MaskFile) -> pd.DataFrame:
    """Return a row for each point, at (x0, y0), and each box, from (x0, y0) to (x1, y1), in pixels."""
    rows = [(_text(mask.id), mask.z, *prompt) for mask in file.masks for prompt in _prompts(mask)]
    types = {"mask": "str", "plane": "int64", "kind": "str", "include": "bool"}
    types |= dict.fromkeys(("x0", "y0", "x1", "y1"), "float64")
    return pd.DataFrame(rows, columns=pd.Index(types)).astype(types)


def _prompts(mask: Mask) -> Iterator[tuple[Any, ...]]:
    for point in mask.prompts.points:
        yield "point", point.include, point.x, point.y, None, None
    if box := mask.prompts.box:
        yield "box", True, box.x0, box.y0, box.x1, box.y1


def _tiles(plane: NDArray[Any], size: int) -> Iterator[tuple[tuple[int, int], NDArray[Any]]]:
    for row, y in enumerate(range(0, plane.shape[0], size)):
        for column, x in enumerate(range(0, plane.shape[1], size)):
            yield (row, column), np.ascontiguousarray(plane[y : y + size, x : x + size])[None]


def _address(file: MaskFile) -> str:
    """Return where the image is: its address on Tiled, else its source and path."""
    source, path = file.image.source, file.image.path
    return f"{source}/api/v1/metadata/{path}" if source.startswith(("http://", "https://")) else f"{source}/{path}"


def _text(text: str) -> str:
    """Return a text that UTF-8 can hold: halves of characters become question marks."""
    return text.encode(errors="replace").decode()
