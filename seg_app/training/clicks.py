"""Where a user would click next: in the middle of the largest error."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

REACHES = (3, 7, 15)
"""Edges in logits of the neighbourhoods in which an error is weighed."""


@torch.no_grad()
def corrections(logits: Tensor, target: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Return one correcting click for each mask: places (n, 2) x, y in crop pixels, and whether it includes (n,).

    logits: (n, rows, columns) at stride 4. target: (n, rows, columns) part of each 4 × 4 block that is inside.
    A generator makes the choice random, by the weight of the error around; without one the heaviest place is taken.
    """
    wrong = (logits.sigmoid() - target).abs()
    wrong = torch.where((logits > 0) == (target > 0.5), 0.05 * wrong, wrong)
    weight = wrong[:, None]
    heavy = weight.clone()
    for reach in REACHES:
        heavy = heavy + functional.avg_pool2d(weight, reach, stride=1, padding=reach // 2) * reach**0.5
    heavy = (heavy * (weight > 0.02)).flatten(1) + 1e-9
    spot = heavy.argmax(dim=1) if generator is None else torch.multinomial(heavy**4, 1, generator=generator)[:, 0]
    columns = logits.shape[2]
    xy = torch.stack([spot % columns, spot // columns], dim=1).float() * 4 + 1.5
    include = target.flatten(1).gather(1, spot[:, None])[:, 0] > 0.5
    return xy, include
