"""Stability and box of many masks at once, on the device that has made them.

They are what the package computes on masks that are enlarged to the pixels of the image, where that would take most of
the time, also of a graphics card. So all masks are counted on the model's grid, and only those on a finer one of which
that does not tell whether they are stable; for a box, the rows and columns are enlarged that it can begin and end on.
On a CPU `seg_app.sam.lowres` does the same for one mask after the other, which is quicker there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from seg_app.sam.lowres import BIAS, FINER, ROUGHNESS

if TYPE_CHECKING:
    from torch import Tensor

    Shape = tuple[int, int]

PIXELS_AT_ONCE = 2**24
"""Of enlarged masks, with 4 bytes each: 16 masks on a window of 1024 × 1024, one on one of 4096 × 4096."""


def stability(logits: Tensor, offset: float, shape: Shape, *, doubt_at: float) -> Tensor:
    """Return (n,) how stable masks are on a window of (rows, columns): see `lowres.stability`.

    logits: (n, rows, columns) float32 on the model's grid, above 0 inside. It is the IoU of what is above `offset` and
    above -`offset`, 0 where there is none.
    """
    shares, doubts = _counted(logits, offset, doubt_at, bias=BIAS)
    grid = (logits.shape[1], logits.shape[2])
    while grid != shape and doubts.any():
        grid = min(shape[0], FINER * grid[0]), min(shape[1], FINER * grid[1])
        for part in doubts.nonzero()[:, 0].split(_at_once(*grid)):
            fine = functional.interpolate(logits[part, None], grid, mode="bilinear", align_corners=False)[:, 0]
            shares[part], doubts[part] = _counted(fine, offset, doubt_at)
    return shares


def _counted(logits: Tensor, offset: float, doubt_at: float, *, bias: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return (n,) the IoU on this grid, and whether it could be on the other side of `doubt_at` on the finest one."""
    inner, outer = logits > offset, logits > -offset
    common, either = (bits.flatten(1).sum(1) for bits in (inner, outer))
    edge, shares = _edge_length(inner) + _edge_length(outer), common / either.clamp(min=1)
    return shares, (shares - doubt_at).abs() * either < ROUGHNESS * edge.sqrt() + bias * edge


def _edge_length(bits: Tensor) -> Tensor:
    down, across = bits[:, 1:] != bits[:, :-1], bits[..., 1:] != bits[..., :-1]
    return down.flatten(1).sum(1) + across.flatten(1).sum(1)


def boxes(logits: Tensor, shape: Shape) -> Tensor:
    """Return (n, 4) the first and last pixel x0, y0, x1, y1 inside on a window, -1 where is none; see `stability`.

    The window has at least the pixels of the grid in both directions.
    """
    rows, columns = shape
    sides = (
        _first(logits.mT, (columns, rows)),
        _first(logits, shape),
        columns - 1 - _first(logits.mT.flip(1), (columns, rows)),
        rows - 1 - _first(logits.flip(1), shape),
    )
    found = torch.stack(sides, dim=1)
    return torch.where((found[:, 1] < rows)[:, None], found, -1)


def _first(logits: Tensor, shape: Shape) -> Tensor:
    """Return (n,) the first row with something inside of a window of (rows, columns), its number of rows if none is."""
    inside = (logits > 0).any(2)
    first = torch.full((len(logits),), shape[0], device=logits.device)
    while (left := inside.any(1) & (first == shape[0])).any():
        for some in left.nonzero()[:, 0].split(_at_once(_n_near(logits, shape), shape[1])):
            row = inside[some].int().argmax(1)
            first[some] = _first_near(logits[some], row, shape)
            inside[some, row] = False  # a peak of the grid may lie between all pixels: then it is the next row
    return first


def _first_near(logits: Tensor, row: Tensor, shape: Shape) -> Tensor:
    """Return (n,) the first row of the window with something inside that lies around a row (n,) of the grid."""
    (n_rows, n_columns), grid = shape, logits.shape[1]
    start = ((row - 0.5) * n_rows / grid - 0.5).ceil().clamp(min=0).long()
    pixels = start[:, None] + torch.arange(_n_near(logits, shape), device=row.device)
    place = ((pixels + 0.5) * grid / n_rows - 0.5).clamp(0, grid - 1)
    low, each = place.long(), torch.arange(len(logits), device=row.device)[:, None]
    above, below = logits[each, low], logits[each, (low + 1).clamp(max=grid - 1)]
    rows = torch.lerp(above, below, (place - low)[..., None])
    fine = functional.interpolate(rows[:, None], (rows.shape[1], n_columns), mode="bilinear", align_corners=False)[:, 0]
    inside = (fine > 0).any(2) & (pixels < n_rows)
    return torch.where(inside.any(1), start + inside.int().argmax(1), n_rows)


def _n_near(logits: Tensor, shape: Shape) -> int:
    """Return how many rows of the window there are between a row of the grid and the next but one."""
    return math.ceil(2 * shape[0] / logits.shape[1]) + 1


def _at_once(rows: int, columns: int) -> int:
    return max(1, PIXELS_AT_ONCE // (rows * columns))
