"""The batches of a training, made by another process while this one learns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread

import numpy as np

from seg_app.training.crops import Batch, make_batch
from seg_app.training.curriculum import Plan
from seg_app.training.scenes import Scene

AHEAD = 3


@dataclass(frozen=True)
class Pictures:
    """What is trained on."""

    synthetic: Sequence[Scene]
    real: Sequence[Scene] = ()

    def batch(self, plan: Plan, step: int) -> Batch:
        """Return what a step sees: the same for the same seed, whatever was before."""
        rng = np.random.default_rng((plan.seed, step))
        stage, _ = plan.stage_at(step)
        scenes = [self._one(rng, plan.real_part) for _ in range(stage.crops)]
        return make_batch(rng, scenes, stage.framing, prompts=stage.prompts)

    def batches(self, plan: Plan, start: int, end: int) -> Iterator[Batch]:
        """Yield what the steps from `start` up to `end` see."""
        if start >= end:
            return
        with ProcessPoolExecutor(1, get_context("spawn"), _receive, (plan, self)) as maker:
            coming: list[Future[Batch]] = [maker.submit(_make, step) for step in range(start, min(start + AHEAD, end))]
            for step in range(start + AHEAD, end + AHEAD):
                yield coming.pop(0).result()
                if step < end:
                    coming.append(maker.submit(_make, step))

    def _one(self, rng: np.random.Generator, real_part: float) -> Scene:
        chosen = self.real if self.real and rng.random() < real_part else self.synthetic
        return chosen[int(rng.integers(len(chosen)))]


_RECEIVED: list[tuple[Plan, Pictures]] = []
"""What the process that makes batches was given when it began."""


def _receive(plan: Plan, pictures: Pictures) -> None:
    _RECEIVED.append((plan, pictures))
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the training was killed: nobody would stop it."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _make(step: int) -> Batch:
    plan, pictures = _RECEIVED[0]
    return pictures.batch(plan, step)
