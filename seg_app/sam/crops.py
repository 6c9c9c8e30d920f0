"""Which crops of an image are searched for objects, and at which points."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from seg_app.errors import SegmenterError
from seg_app.records import Window
from seg_app.sam.spots import spots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seg_app.sam.autooptions import AutoOptions

    Points = NDArray[np.float64]

NEAR_PX = 20
"""Masks that come this close to an edge of a crop inside of the image are cut by it, and dropped as in the package."""
SEEN_BEFORE = 8
"""What is smaller than this part of a window, less the above, is whole in a window of half the size."""
WINDOWS_ALONG = 2
"""Windows start at multiples of half their size: what is smaller than that is whole in one of them."""


@dataclass(frozen=True)
class Crop:
    """A part of an image, and the points (n, 2) to ask there: x, y in pixels of the crop."""

    window: Window
    points: NDArray[np.float64]
    group: int
    """Doubles are looked for in a group by score, and then between groups by the size of the crop."""
    smallest_px: float = 0.0
    """Masks whose height and width are less are dropped: smaller crops show them whole, and better."""

    @property
    def area(self) -> int:
        """Pixels of the crop."""
        rows, columns = self.window.shape
        return rows * columns


def area_of(options: AutoOptions, shape: tuple[int, ...]) -> Window:
    """Return the part of an image of (rows, columns, ...) that is searched.

    Raises SegmenterError when nothing is left, or the databar is in the middle.
    """
    y0, x0, y1, x1 = 0, 0, *shape[:2]
    if box := options.region:
        x0, y0 = max(x0, round(box.x0)), max(y0, round(box.y0))
        x1, y1 = min(x1, round(box.x1) + 1), min(y1, round(box.y1) + 1)
    if options.excluded_rows:
        y0, y1 = _without(options.excluded_rows, y0, y1, shape[0])
    if y0 >= y1 or x0 >= x1:
        raise SegmenterError(
            f"No pixel of an image of {shape[0]} × {shape[1]} is in the region {options.region} without the rows "
            f"{options.excluded_rows}. Choose a region on the image."
        )
    return Window(0, y0, x0, y1, x1)


def _without(rows: tuple[int, int], y0: int, y1: int, height: int) -> tuple[int, int]:
    if rows[0] > 0 and rows[1] < height:
        raise SegmenterError(
            f"The rows {rows[0]} to {rows[1]} are in the middle of an image of {height} rows. A databar is at the top "
            "or at the bottom: choose a region for anything else."
        )
    return (max(y0, rows[1]), y1) if rows[0] == 0 else (y0, min(y1, rows[0]))


def crops_of(image: NDArray[np.uint8], options: AutoOptions, *, size: int, shift: int = 0) -> list[Crop]:
    """Return the crops of a (rows, columns, 3) image that the options ask for, and their points.

    size: edge of the model's input in pixels. shift: by how many pixels windows start earlier.
    Raises SegmenterError when there is nothing to search.
    """
    area = area_of(options, image.shape)
    if options.windows:
        return list(_windows(image, area, options, size=size, shift=shift))
    boxes = [(0, area), *_layers(area, options)]
    return [Crop(window, _points(image, window, options, layer), group) for group, (layer, window) in enumerate(boxes)]


def _points(image: NDArray[np.uint8], window: Window, options: AutoOptions, layer: int) -> Points:
    if options.blobs:
        return spots(image[window.y0 : window.y1, window.x0 : window.x1])
    if options.point_grids is not None:
        grid = np.array(options.point_grids[layer], dtype=np.float64)
    else:
        along = (np.arange(options.points_in_layer(layer)) + 0.5) / options.points_in_layer(layer)
        grid = _mesh(along, along)
    return grid * window.shape[::-1]


def _mesh(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Return the points of a grid, row by row."""
    return np.stack([np.tile(x, len(y)), np.repeat(y, len(x))], axis=1)


def _layers(area: Window, options: AutoOptions) -> Iterator[tuple[int, Window]]:
    """Yield the layer and the place of each crop as the package lays them: overlapping, columns first."""
    rows, columns = area.shape
    for layer in range(1, options.crop_n_layers + 1):
        count = 2**layer
        overlap = int(options.crop_overlap_ratio * min(rows, columns) * 2 / count)
        high, wide = (-(-(overlap * (count - 1) + length) // count) for length in (rows, columns))
        for i, j in product(range(count), repeat=2):
            x0, y0 = (wide - overlap) * i, (high - overlap) * j
            x1, y1 = min(x0 + wide, columns), min(y0 + high, rows)
            if x0 < x1 and y0 < y1:  # a few pixels are fewer than crops
                yield layer, Window(0, area.y0 + y0, area.x0 + x0, area.y0 + y1, area.x0 + x1)


def _windows(image: NDArray[np.uint8], area: Window, options: AutoOptions, *, size: int, shift: int) -> Iterator[Crop]:
    """Yield windows of the input size, of twice that, and so on up to the whole area.

    The points lie on a grid of the area and not of the windows, and each is asked in the window whose middle is
    nearest. What is left of where they lie, `seg_app.sam.consensus` averages out.
    """
    level, edge = 0, size
    while True:
        points = _points_of_level(image, area, options, level=level, edge=edge)
        starts = [_starts(length, edge, shift << level) for length in area.shape]
        smallest = max(0.0, edge / SEEN_BEFORE - NEAR_PX - 2) if level else 0.0
        row, column = (_nearest(points[:, axis], starts[1 - axis], edge) for axis in (1, 0))
        for i, j in product(range(len(starts[0])), range(len(starts[1]))):
            y0, x0 = starts[0][i], starts[1][j]
            y1, x1 = min(y0 + edge, area.shape[0]), min(x0 + edge, area.shape[1])
            mine = points[(row == i) & (column == j)] - (x0, y0)
            window = Window(0, area.y0 + y0, area.x0 + x0, area.y0 + y1, area.x0 + x1)
            yield Crop(window, mine, level, smallest)
        if edge >= max(area.shape):
            return
        level, edge = level + 1, edge * 2


def _points_of_level(image: NDArray[np.uint8], area: Window, options: AutoOptions, *, level: int, edge: int) -> Points:
    if options.blobs:
        part = image[area.y0 : area.y1, area.x0 : area.x1]
        return spots(part[:: 2**level, :: 2**level]) * 2**level
    step = edge / (options.points_per_side or 1)
    y, x = (np.arange(step / 2, length, step) for length in area.shape)
    return _mesh(x, y)


def _starts(length: int, edge: int, shift: int) -> list[int]:
    """Return where windows start, so that they cover the length and overlap by half or more."""
    if length <= edge:
        return [0]
    step = edge // WINDOWS_ALONG
    starts = np.arange(-shift, length - edge + step, step).clip(0, length - edge)
    return [int(start) for start in np.unique(starts)]


def _nearest(places: NDArray[np.float64], starts: list[int], edge: int) -> NDArray[np.intp]:
    middles = np.array(starts) + edge / 2
    return np.abs(places[:, None] - middles).argmin(axis=1)
