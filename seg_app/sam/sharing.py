"""On which windows objects of a plane are followed through the others: each large enough, and as few as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seg_app.records import Box, Mask, Prompts, Window
from seg_app.sam.windows import LARGEST_CHEAP, locate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg_app.sam.windows import Shape

ROOM = 1.3
"""What an object may grow to and still fits, in its widths on the plane where it is given."""

SMALL = 0.15
"""An object that, with this room, spans less of a window is followed on a smaller one. Less than for clicks: on two
planes of the sample volume the mean IoU in 3-D is 0.90 and 0.94, with 0.35 it is 0.89 and 0.91, as objects outgrow
their windows."""


def shared_windows(masks: Sequence[Mask], plane: Shape, *, size: int) -> dict[Window, list[int]]:
    """Return windows, and the indices of the masks that are followed on each of them.

    Each window is the one that the app would answer a box around an object on, see `windows`; others that are as large
    and have room there share it. plane: (rows, columns) at full resolution. size: edge of the model's input in pixels.
    """
    boxes = [_with_room(mask, plane) for mask in masks]
    own = [
        locate(Prompts(box=box), plane, scale=1.0, size=_edge(mask, size))
        for box, mask in zip(boxes, masks, strict=True)
    ]
    scales = [(window.level, window.shape) for window in own]
    held = [
        {i for i, box in enumerate(boxes) if scales[i] == scale and _holds(window, box)}
        for window, scale in zip(own, scales, strict=True)
    ]
    shared, left = {}, set(range(len(masks)))
    while left:
        best = max(sorted(left), key=lambda i: len(held[i] & left))
        shared[own[best]] = sorted((held[best] | {best}) & left)
        left -= {best, *held[best]}
    return shared


def _with_room(mask: Mask, plane: Shape) -> Box:
    """Return the box around what an object may grow to, cut at the edges of the plane."""
    dx, dy = ROOM * mask.width / 2, ROOM * mask.height / 2
    x, y = (mask.x0 + mask.x1 - 1) / 2, (mask.y0 + mask.y1 - 1) / 2
    right, bottom = plane[1] - 0.5, plane[0] - 0.5
    return Box(max(x - dx, -0.5), max(y - dy, -0.5), min(x + dx, right), min(y + dy, bottom))


def _edge(mask: Mask, size: int) -> int:
    """Return the edge of a window: half that of the input for an object that it would show too small."""
    is_small = size <= LARGEST_CHEAP and ROOM * max(mask.height, mask.width) < SMALL * size
    return size // 2 if is_small else size


def _holds(window: Window, box: Box) -> bool:
    x0, y0, x1, y1 = window.extent
    return x0 <= box.x0 and y0 <= box.y0 and box.x1 <= x1 and box.y1 <= y1
