"""A quick look at what the model can do, on crops of micrographs that it is not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seg_app.training.asking import answer_loss, ask, first_question, next_question
from seg_app.training.crops import Framing, make_batch
from seg_app.training.model import STRIDE, embed
from seg_app.training.scenes import Scene

PROMPTS = 6
CLICKS = 3


@dataclass(frozen=True)
class Exam:
    """The same crops and clicks every time."""

    scenes: Mapping[str, Sequence[Scene]]
    """By what they are called in the result."""
    seed: int = 1

    @torch.inference_mode()
    def take(self, model: Any, framing: Framing) -> dict[str, float]:
        """Return the mean IoU over images after 1 and 3 clicks: 'real_1', 'real_3', ..."""
        result: dict[str, float] = {}
        for name, scenes in self.scenes.items():
            ious = [self._one(model, scene, framing, number) for number, scene in enumerate(scenes)]
            means = np.mean([one for one in ious if one], axis=0)
            result |= {f"{name}_{clicks + 1}": float(means[clicks]) for clicks in (0, CLICKS - 1)}
        return result

    def _one(self, model: Any, scene: Scene, framing: Framing, number: int) -> list[float]:
        batch = make_batch(np.random.default_rng((self.seed, number)), [scene], framing, prompts=PROMPTS, plain=True)
        batch = batch.to(torch.get_default_device())
        if not batch.objects.any():
            return []
        rng = torch.Generator(torch.get_default_device()).manual_seed(self.seed)
        middle = (model.image_size - framing.size) // 2 // STRIDE * STRIDE
        question = first_question(embed(model, batch.images).features, batch, rng, boxed=0)
        every, ious = torch.arange(len(question.points)), []
        for _ in range(CLICKS):
            answer = ask(model, question, (middle, middle))
            ious.append(answer_loss(answer, question)[1])
            question = next_question(question, answer, rng, keep=every, remembered=0.0)
        return ious
