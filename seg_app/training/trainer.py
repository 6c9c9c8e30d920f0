"""The training of images: steps, averaged weights, checkpoints, and going on where it stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from seg_app.training.auxiliary import DenseHeads
from seg_app.training.crops import Batch
from seg_app.training.curriculum import Plan
from seg_app.training.export import IMAGES, averaged, read_checkpoint, read_exported
from seg_app.training.lesson import Lesson
from seg_app.training.model import build, image_parameters, prepare
from seg_app.training.pictures import Pictures
from seg_app.training.progress import Progress
from seg_app.training.validation import CLICKS, Exam

log = logging.getLogger(__name__)

CLIP = 1.0
"""Largest norm of a gradient."""
LOGGED_EVERY = 20


class Trainer:
    """A model on its way through a plan."""

    def __init__(
        self, plan: Plan, pictures: Pictures, folder: Path, *, origin: Path | None = None, device: str = "cpu"
    ) -> None:
        """Begin, or go on from `folder/checkpoint.pt` where it exists.

        origin: folder of another training, or file of exported weights, that this one begins with.
        device: as torch names it, 'cuda' for a GPU. Raises MissingError.
        """
        self.plan, self.pictures, self.folder, self.step = plan, pictures, folder, 0
        self.device = torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.model = build().to(self.device)
        self.heads = DenseHeads(16 + 128).to(self.device)
        self.weights = image_parameters(self.model)
        self.is_new = origin is None
        """Whether it began with random weights."""
        if origin:
            self._inherit(origin)
        self._begin()
        self.progress = Progress(folder)
        if self._checkpoint.exists():
            self._resume()

    @property
    def _checkpoint(self) -> Path:
        return self.folder / IMAGES

    def _begin(self) -> None:
        """Forget what the optimizer knew about other weights."""
        self.average = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.optimizer = torch.optim.AdamW(self._groups(), lr=self.plan.learning_rate, betas=(0.9, 0.98))

    def _groups(self) -> list[dict[str, Any]]:
        every = [*self.weights.values(), *self.heads.parameters()]
        return [
            {"params": [w for w in every if w.ndim > 1], "weight_decay": self.plan.weight_decay},
            {"params": [w for w in every if w.ndim <= 1], "weight_decay": 0.0},
        ]

    def run(
        self, *, exam: Exam | None = None, until: int | None = None, save_every_s: float = 240.0, workers: int = 1
    ) -> None:
        """Train to the end of the plan, or to a step; save and validate every few minutes.

        workers: how many processes cut the batches.
        """
        end, saved, seen = min(until or self.plan.steps, self.plan.steps), time.monotonic(), []
        for batch in self.pictures.batches(self.plan, self.step, end, workers=workers):
            began = time.monotonic()
            seen.append(self.learn(batch))
            seen[-1]["seconds"] = time.monotonic() - began
            if self.step % LOGGED_EVERY == 0 or self.step == end:
                self._note(seen)
                seen = []
            if time.monotonic() - saved > save_every_s or self.step == end:
                self.save()
                if exam:
                    self.progress.write({"step": self.step, **self.examine(exam)})
                    self.progress.draw([f"{name}_{clicks}" for name in exam.scenes for clicks in (1, CLICKS)])
                saved = time.monotonic()
        if not self._checkpoint.exists():  # of a plan without steps
            self.save()

    def _note(self, seen: list[dict[str, float]]) -> None:
        keys = sorted({key for entry in seen for key in entry})
        mean = {key: float(np.mean([entry[key] for entry in seen if key in entry])) for key in keys}
        stage, _ = self.plan.stage_at(max(self.step - 1, 0))
        self.progress.write({"step": self.step, "size": stage.framing.size, **mean})

    def learn(self, batch: Batch) -> dict[str, float]:
        """Do one step; return what it cost, by name."""
        stage, over = self.plan.stage_at(self.step)
        torch.manual_seed(self.plan.seed + 7919 * self.step)
        generator = torch.Generator(self.device).manual_seed(self.plan.seed + 104729 * self.step)
        if self.step == self.plan.first_prompt and self.is_new:
            with self.device:
                prepare(self.model)
            self._begin()
        fading = stage.dense_weight * (1 - 0.75 * over)
        with self.device, _precision(self.device.type, half=self.plan.half):
            lesson = Lesson(self.model, self.heads, stage)
            loss, seen = lesson.loss(batch.to(self.device), generator, dense_weight=fading)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([*self.weights.values(), *self.heads.parameters()], CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        if torch.isfinite(norm):  # a step that exploded is no reason to lose the weights
            self.optimizer.step()
        self.step += 1
        self._average()
        return {"loss": float(loss.detach()), "norm": float(norm), **seen}

    @torch.no_grad()
    def _average(self) -> None:
        since = self.step - self.plan.first_prompt * (self.step > self.plan.first_prompt)
        decay = min(self.plan.averaging, (1 + since) / (10 + since))
        get_ema_multi_avg_fn(decay)(list(self.average.values()), list(self.weights.values()), self.step)

    def examine(self, exam: Exam) -> dict[str, float]:
        """Return what the averaged weights can do, at the size of the present stage."""
        stage, _ = self.plan.stage_at(max(self.step - 1, 0))
        kept = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self._put(self.average)
        with self.device:
            result = exam.take(self.model.eval(), stage.framing)
        self._put(kept)
        self.model.train()
        return result

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, weight in self.weights.items():
            weight.copy_(values[name])

    def save(self) -> None:
        """Write everything that is needed to go on, completely or not at all."""
        content = {
            "step": self.step,
            "is_new": self.is_new,
            "model": self.model.state_dict(),
            "average": self.average,
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(content, part)
        part.replace(self._checkpoint)

    def _inherit(self, origin: Path) -> None:
        if origin.is_file():  # its heads were thrown away
            self.model.load_state_dict(read_exported(origin))
            return
        self.model.load_state_dict(averaged(origin))
        self.heads.load_state_dict(read_checkpoint(origin)["heads"])

    def _resume(self) -> None:
        content = read_checkpoint(self.folder)
        self.step, self.is_new = content["step"], content["is_new"]
        self.model.load_state_dict(content["model"])
        self.heads.load_state_dict(content["heads"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.average = {name: weight.to(self.device) for name, weight in content["average"].items()}
        log.info("going on from step %d", self.step)


@contextmanager
def _precision(device: str, *, half: bool) -> Iterator[None]:
    """Multiply in bfloat16; on a CPU not in the fused attention, whose backward pass is four times slower with it."""
    with ExitStack() as stack:
        if half:
            stack.enter_context(torch.autocast(device, torch.bfloat16))
        if half and device == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
