"""Stability and box of many masks at once, where the model is on a graphics card: it enlarges them in no time.

They are what the package computes, but a few masks at a time, so that no memory is taken for all of them. On a CPU
`seg_app.sam.lowres` is quicker, which enlarges only what is in doubt; beside a graphics card it takes most of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

PIXELS_AT_ONCE = 2**24
"""Of enlarged masks, with 4 bytes each: 16 masks on a window of 1024 × 1024, one on one of 4096 × 4096."""


def measured(logits: Tensor, offset: float, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return how stable masks are on a window of (rows, columns), (n,), and their boxes x0, y0, x1, y1, (n, 4).

    logits: (n, rows, columns) float32 on the model's grid, above 0 inside. The stability is the IoU of what is above
    `offset` and above -`offset`, 0 where there is none; a box is the first and last pixel inside, -1 where is none.
    """
    step = max(1, PIXELS_AT_ONCE // (shape[0] * shape[1]))
    parts = [_measured(part, offset, shape) for part in logits.split(step)]
    return torch.cat([stability for stability, _ in parts]), torch.cat([boxes for _, boxes in parts])


def _measured(logits: Tensor, offset: float, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    fine = functional.interpolate(logits[:, None], shape, mode="bilinear", align_corners=False)[:, 0]
    inner, outer = ((fine > level).flatten(1).sum(1) for level in (offset, -offset))
    inside = fine > 0
    (x0, x1), (y0, y1) = _span(inside.any(1)), _span(inside.any(2))
    return inner / outer.clamp(min=1), torch.stack([x0, y0, x1, y1], dim=1)


def _span(there: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and last place (n,) of each row (n, places) that is true, -1 where none is."""
    places = torch.arange(1, there.shape[1] + 1, device=there.device)
    last = (there * places).amax(1) - 1
    first = there.shape[1] - (there * places.flip(0)).amax(1)
    return first.where(last >= 0, last), last
