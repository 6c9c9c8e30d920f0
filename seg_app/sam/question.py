"""What a segmenter may be asked: an image of the right kind, and prompts that say where the object is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seg_app.errors import SegmenterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from seg_app.records import Box, Prompts


FARTHEST_PX = 2**24
"""Beyond, single precision does not know every pixel; far beyond, models that compute in it answer no numbers."""


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise SegmenterError unless the image is a (rows, columns, 3) uint8 array with pixels in it."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise SegmenterError(
            f"Cannot segment an array of shape {image.shape} and type {image.dtype}. "
            "A segmenter takes (rows, columns, 3) uint8: stretch the contrast to 8 bits and repeat the grey values."
        )


def check_prompts(prompts: Prompts, shape: tuple[int, ...], mask: NDArray[np.floating] | None = None) -> None:
    """Raise SegmenterError unless a box, an including point or a mask says what is meant.

    shape: (rows, columns, ...) of the image that box and points lie on.
    """
    numbers = [value for point in prompts.points for value in (point.x, point.y)] + _corners(prompts.box)
    if not all(abs(number) <= FARTHEST_PX for number in numbers):
        raise SegmenterError(f"Cannot point at {prompts}. Points and boxes are numbers of pixels up to {FARTHEST_PX}.")
    if mask is not None:
        _check_mask(mask)
    elif not any(p.include and on_image(p.x, p.y, shape) for p in prompts.points) and not _box_meets(
        prompts.box, shape
    ):
        raise SegmenterError(
            f"The prompts {prompts} do not say what to include on an image of {shape[0]} × {shape[1]} pixels. "
            "Click once inside the object, or draw a box around it."
        )


def _check_mask(mask: NDArray[np.floating]) -> None:
    is_grid = isinstance(mask, np.ndarray) and mask.ndim == 2 and np.issubdtype(mask.dtype, np.floating)
    if not is_grid or not np.isfinite(mask).all() or not (mask > 0).any():
        found = f"{mask.shape} {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise SegmenterError(
            f"A mask of {found} cannot be a prompt. Give (rows, columns) of finite floating-point numbers over the "
            "whole image, above 0 inside the object and below outside, as np.where(bits, 8.0, -8.0)."
        )


def check_masks(masks: Mapping[int, NDArray[np.bool_]], start: int, n_planes: int) -> None:
    """Raise SegmenterError unless masks give objects on one of some planes, to be followed from there."""
    if not 0 <= start < n_planes:
        raise SegmenterError(f"There is no plane {start} to begin with. Give one from 0 to {n_planes - 1}.")
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) > 1 or any(mask.ndim != 2 or mask.dtype != bool for mask in masks.values()):
        raise SegmenterError("Masks that cannot be followed. Give (rows, columns) bool of one shape for each object.")
    if empty := [number for number, mask in masks.items() if not mask.any()]:
        raise SegmenterError(f"Object {empty[0]} is not on plane {start}. Give objects on a plane where they are.")


def check_plane(image: NDArray[np.uint8], number: int, shape: tuple[int, ...]) -> None:
    """Raise SegmenterError unless plane `number` is an image that masks of (rows, columns) lie on."""
    check_image(image)
    if image.shape[:2] != shape:
        raise SegmenterError(
            f"Plane {number} has {image.shape[0]} × {image.shape[1]} pixels, the masks {shape[0]} × {shape[1]}. "
            "Give planes and masks of one window."
        )


def on_image(x: float, y: float, shape: tuple[int, ...]) -> bool:
    """Say whether a place (x, y) lies on a pixel of an image of (rows, columns, ...)."""
    return -0.5 <= x < shape[1] - 0.5 and -0.5 <= y < shape[0] - 0.5


def _corners(box: Box | None) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1] if box else []


def _box_meets(box: Box | None, shape: tuple[int, ...]) -> bool:
    """Say whether the box takes up pixels of the image; its corners may come in any order."""
    if box is None:
        return False
    left, right, top, bottom = *sorted((box.x0, box.x1)), *sorted((box.y0, box.y1))
    return right > max(left, 0) and left < shape[1] - 1 and bottom > max(top, 0) and top < shape[0] - 1
