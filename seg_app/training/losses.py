"""How wrong an answer is: of masks, of their scores, and of how often the object is there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FOCAL_WEIGHT = 5.0
"""Of the focal loss against the dice loss. SAM was trained with 20, from an encoder that knew what objects are."""


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Return the focal loss (n, m) of logits (n, m, rows, columns) for soft targets (n, 1, rows, columns) in 0 to 1.

    Cross entropy times the squared error of the probability: pixels that are right count little. Soft targets as in
    X. Li et al., "Generalized Focal Loss", NeurIPS 2020, eq. 2 (beta = 2).
    """
    target = target.expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * (logits.sigmoid() - target) ** 2).mean(dim=(2, 3))


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return 1 - the Dice coefficient, (n, m), of the same arguments; 1 is added above and below the fraction."""
    inside = logits.sigmoid()
    common = (inside * target).sum(dim=(2, 3))
    return 1 - (2 * common + 1) / (inside.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)


def balanced(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy (n, m) in which the inside of an object weighs as much as all the rest.

    An answer that is the same everywhere cannot become better by being smaller: only telling the object from the
    rest helps. This is what a model needs that does not follow the click yet.
    """
    target = target.expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    inside = (entropy * target).sum(dim=(2, 3)) / target.sum(dim=(2, 3)).clamp(min=1)
    outside = (entropy * (1 - target)).sum(dim=(2, 3)) / (1 - target).sum(dim=(2, 3)).clamp(min=1)
    return 0.5 * (inside + outside)


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return dice + balanced cross entropy + focal × 5, (n, m)."""
    return dice(logits, target) + balanced(logits, target) + FOCAL_WEIGHT * focal(logits, target)


def score_loss(scores: Tensor, iou: Tensor) -> Tensor:
    """Return the cross entropy (n, m) of predicted scores: where they are best, they are the expected IoU."""
    with torch.autocast(scores.device.type, enabled=False):  # CUDA refuses it in half precision
        return functional.binary_cross_entropy(scores.float(), iou.float(), reduction="none")


@torch.no_grad()
def true_iou(logits: Tensor, inside: Tensor) -> Tensor:
    """Return the intersection over union (n, m) that masks reach at full resolution.

    logits: (n, m, rows, columns). inside: bool (n, 4 × rows, 4 × columns), the object.
    """
    enlarged = functional.interpolate(logits.float(), size=inside.shape[-2:], mode="bilinear", align_corners=False)
    # sums of single numbers are several times faster than counts of bits
    mask, true = (enlarged > 0).float(), inside[:, None].float()
    common = (mask * true).sum(dim=(2, 3))
    union = mask.sum(dim=(2, 3)) + true.sum(dim=(2, 3)) - common
    return common / union.clamp(min=1)
