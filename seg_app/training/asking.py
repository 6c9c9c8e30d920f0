"""One training step: the questions that a batch is asked, and how wrong the answers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seg_app.training.clicks import corrections
from seg_app.training.crops import Batch
from seg_app.training.losses import mask_loss, score_loss, true_iou
from seg_app.training.model import BOTTOM_RIGHT, EXCLUDE, INCLUDE, NOTHING, TOP_LEFT, Answer, decode

BOXED = 0.2
"""Part of the first prompts that are boxes, where any are."""
OTHERS = 0.05
"""Weight of the masks of a single click that are not the best: they stay alive."""


@dataclass(frozen=True)
class Question:
    """n prompts to n objects, and the truth."""

    features: list[Tensor]
    points: Tensor
    """(n, k, 2) x, y in crop pixels."""
    meanings: Tensor
    """(n, k) int64, see `model`."""
    masks: Tensor | None
    """(n, 1, rows / 4, columns / 4) logits of the last answer, NaN for none."""
    inside: Tensor
    """(n, rows, columns) bool."""
    target: Tensor
    """(n, 1, rows / 4, columns / 4) part of each block that is inside."""


def first_question(features: list[Tensor], batch: Batch, rng: torch.Generator, *, boxed: float = BOXED) -> Question:
    """Return the first click or box on every object of a batch; crops without objects are left out."""
    crop, place = torch.nonzero(batch.objects, as_tuple=True)
    inside = batch.labels[crop] == batch.objects[crop, place][:, None, None]
    click = batch.clicks[crop, place][:, None]
    nowhere = torch.zeros_like(click)
    points = torch.cat([click, nowhere], dim=1)
    meanings = torch.tensor([INCLUDE, NOTHING]).repeat(len(crop), 1)
    if torch.rand((), generator=rng) < (0.5 if boxed else 0):
        is_box = torch.rand(len(crop), generator=rng) < 2 * boxed
        corners = batch.boxes[crop, place].view(-1, 2, 2)
        points = torch.where(is_box[:, None, None], corners, points)
        meanings = torch.where(is_box[:, None], torch.tensor([TOP_LEFT, BOTTOM_RIGHT]), meanings)
        points, meanings = _padded(points, meanings)
    return Question(
        [f[crop] for f in features],
        *(points, meanings, None, inside),
        functional.avg_pool2d(inside[:, None].float(), 4),
    )


def _padded(points: Tensor, meanings: Tensor) -> tuple[Tensor, Tensor]:
    """Return prompts with one point more that means nothing: the image predictor always adds one."""
    n = len(points)
    return torch.cat([points, points.new_zeros(n, 1, 2)], 1), torch.cat(
        [meanings, meanings.new_full((n, 1), NOTHING)], 1
    )


def next_question(
    question: Question, answer: Answer, rng: torch.Generator, *, keep: Tensor, remembered: float
) -> Question:
    """Return the question after one more click on the largest error, for the prompts in `keep` (indices).

    remembered: part of them that show the decoder its last answer.
    """
    best = best_logits(answer, question)[keep].detach()
    xy, include = corrections(best, question.target[keep, 0], generator=rng)
    meaning = torch.where(include, INCLUDE, EXCLUDE)[:, None]
    points = torch.cat([xy[:, None], question.points[keep]], dim=1)
    meanings = torch.cat([meaning, question.meanings[keep]], dim=1)
    forgotten = torch.rand(len(keep), generator=rng) >= remembered
    masks = torch.where(forgotten[:, None, None, None], torch.nan, best[:, None].clamp(-20, 20))
    return Question(
        [f[keep] for f in question.features], points, meanings, masks, question.inside[keep], question.target[keep]
    )


def rough_question(question: Question, rng: torch.Generator, *, keep: Tensor) -> Question:
    """Return the question for the object near a mask that is moved, grown or shrunk, as on the next plane of a volume.

    Nothing is clicked: what the memory will tell the decoder is like this.
    """
    target, n = question.target[keep], len(keep)
    size = target.flatten(1).sum(dim=1).sqrt() / target.shape[-1]
    grow = torch.exp(0.15 * torch.randn(n, generator=rng))
    shift = 0.3 * size[:, None] * torch.randn(n, 2, generator=rng)
    place = torch.cat([torch.eye(2).expand(n, 2, 2) * grow[:, None, None], shift[:, :, None]], dim=2)
    # the map turns around the middle of the crop; it has to turn around the object
    middle = _middles(target)
    place[:, :, 2] += middle * (1 - grow[:, None])
    grid = functional.affine_grid(place, list(target.shape), align_corners=False)
    rough = functional.grid_sample(target, grid, align_corners=False)
    nothing = torch.full((n, 1), NOTHING)
    masks = 20 * rough - 10
    return Question(
        [f[keep] for f in question.features],
        *(torch.zeros(n, 1, 2), nothing, masks, question.inside[keep], target),
    )


def _middles(target: Tensor) -> Tensor:
    """Return the centres x, y (n, 2) of masks (n, 1, rows, columns), -1 to 1."""
    total = target.sum(dim=(1, 2, 3)).clamp(min=1e-3)
    ys, xs = (torch.linspace(-1, 1, edge) for edge in target.shape[2:])
    x = (target.sum(dim=(1, 2)) * xs).sum(dim=1) / total
    y = (target.sum(dim=(1, 3)) * ys).sum(dim=1) / total
    return torch.stack([x, y], dim=1)


def is_single(question: Question) -> Tensor:
    """Say (n,) which prompts are one click at most: these get three masks, as in the package's predictors."""
    return (question.meanings != NOTHING).sum(dim=1) <= 1


def best_logits(answer: Answer, question: Question) -> Tensor:
    """Return the masks (n, rows, columns) that a user would be shown: the best scored of three, or the only one."""
    first = answer.scores[:, 1:].argmax(dim=1) + 1
    chosen = torch.where(is_single(question), first, 0)
    return answer.logits[torch.arange(len(chosen)), chosen]


def ask(model: Any, question: Question, corner: tuple[int, int]) -> Answer:
    """Let the decoder answer."""
    return decode(model, question.features, question.points, question.meanings, corner=corner, masks=question.masks)


def answer_loss(answer: Answer, question: Question) -> tuple[Tensor, float]:
    """Return the mean loss over the prompts, and the mean IoU of what a user would see."""
    each = mask_loss(answer.logits, question.target)
    iou = true_iou(answer.logits, question.inside)
    three = each[:, 1:].min(dim=1).values + OTHERS * each[:, 1:].mean(dim=1)
    single = is_single(question).float()
    masks = each[:, 0] * (1 - 0.5 * single) + three * single
    scores = score_loss(answer.scores, iou)
    scores = 0.2 * (scores[:, 0] + scores[:, 1:].sum(dim=1) * single)
    presence = functional.softplus(-answer.presence[:, 0])
    loss = (masks + scores + 0.1 * presence).mean()
    chosen = torch.where(is_single(question), answer.scores[:, 1:].argmax(dim=1) + 1, 0)
    return loss, float(iou.gather(1, chosen[:, None]).mean())
