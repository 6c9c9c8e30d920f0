"""What a step of the training sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from seg_app.training.ahead import made_ahead
from seg_app.training.crops import Batch, make_batch
from seg_app.training.curriculum import Plan
from seg_app.training.scenes import Scene

FIRST_DRAWN, DRAWN_PER_STEP = 64, 2
"""Synthetic micrographs come in step by step, so that no training begins by drawing them all."""


@dataclass(frozen=True)
class Pictures:
    """What is trained on."""

    synthetic: Sequence[Scene]
    real: Sequence[Scene] = ()

    def batch(self, plan: Plan, step: int) -> Batch:
        """Return what a step sees: the same for the same seed, whatever was before."""
        rng = np.random.default_rng((plan.seed, step))
        stage, _ = plan.stage_at(step)
        drawn = min(len(self.synthetic), FIRST_DRAWN + DRAWN_PER_STEP * step)
        scenes = [self._one(rng, plan.real_part, drawn) for _ in range(stage.crops)]
        return make_batch(rng, scenes, stage.framing, prompts=stage.prompts)

    def batches(self, plan: Plan, start: int, end: int, *, workers: int = 1) -> Iterator[Batch]:
        """Yield what the steps from `start` up to `end` see, made by so many processes."""
        return made_ahead(partial(self.batch, plan), range(start, end), workers=workers)

    def _one(self, rng: np.random.Generator, real_part: float, drawn: int) -> Scene:
        if self.real and rng.random() < real_part:
            return self.real[int(rng.integers(len(self.real)))]
        return self.synthetic[int(rng.integers(drawn))]
