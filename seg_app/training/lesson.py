"""One step of the training: what is asked about a batch, and what the answers cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seg_app.training.asking import Question, answer_loss, ask, first_question, next_question, rough_question
from seg_app.training.auxiliary import DenseHeads
from seg_app.training.crops import Batch
from seg_app.training.curriculum import Stage
from seg_app.training.model import STRIDE, Answer, Embedding, embed, unprompted

REMEMBERED = 0.5
"""Part of the correcting clicks that come with the last answer: the app's engine may, or may not, hand it on."""
FURTHER_WEIGHT = 0.5
"""Of the later questions against the first one."""
MOST_ROUNDS = 4


@dataclass(frozen=True)
class Lesson:
    """A model with its auxiliary heads, in one stage."""

    model: Any
    heads: DenseHeads
    stage: Stage

    def loss(self, batch: Batch, rng: torch.Generator, *, dense_weight: float) -> tuple[Tensor, dict[str, float]]:
        """Return what a batch costs, and what is worth logging of it by name."""
        embedding = embed(self.model, batch.images)
        dense = self._dense(embedding, batch)
        total, seen = dense_weight * dense, {"dense": float(dense.detach())}
        if self.stage.prompts:
            for name, loss, iou in self._asked(embedding, batch, rng):
                total = total + (1.0 if name == "iou" else FURTHER_WEIGHT) * loss
                seen[name] = iou
        return total, seen

    def _dense(self, embedding: Embedding, batch: Batch) -> Tensor:
        features = torch.cat([unprompted(self.model, embedding), embedding.pyramid], dim=1)
        return self.heads(features, batch.labels, batch.depths)

    def _asked(self, embedding: Embedding, batch: Batch, rng: torch.Generator) -> Iterator[tuple[str, Tensor, float]]:
        """Yield name, loss and mean IoU of every question."""
        question = first_question(embedding.features, batch, rng, boxed=self.stage.boxed)
        corner = _corner(rng, self.stage.framing.size, self.model.image_size)
        answer = ask(self.model, question, corner)
        yield ("iou", *answer_loss(answer, question))
        if torch.rand((), generator=rng) < self.stage.rough:
            rough = rough_question(question, rng, keep=_half(question, rng))
            yield ("rough", *answer_loss(ask(self.model, rough, corner), rough))
        yield from self._corrected(question, answer, rng, corner)

    def _corrected(
        self, question: Question, answer: Answer, rng: torch.Generator, corner: tuple[int, int]
    ) -> Iterator[tuple[str, Tensor, float]]:
        """Yield the same after further clicks, on half as many objects each time: the first click matters most."""
        for number in range(_rounds(rng, self.stage.rounds)):
            question = next_question(question, answer, rng, keep=_half(question, rng), remembered=REMEMBERED)
            answer = ask(self.model, question, corner)
            yield (f"iou{number + 2}", *answer_loss(answer, question))


def _half(question: Question, rng: torch.Generator) -> Tensor:
    """Return the indices of half of the prompts, at least of one."""
    count = len(question.points)
    return torch.randperm(count, generator=rng)[: max(count // 2, 1)]


def _rounds(rng: torch.Generator, mean: float) -> int:
    """Return a random number of correcting clicks."""
    return int(torch.poisson(torch.tensor(mean), generator=rng).clamp(max=MOST_ROUNDS))


def _corner(rng: torch.Generator, size: int, full: int) -> tuple[int, int]:
    """Return where a crop lies in the full input of the model, on the grid of its tokens."""
    places = (full - size) // STRIDE + 1
    x, y = (int(v) * STRIDE for v in torch.randint(places, (2,), generator=rng))
    return x, y
