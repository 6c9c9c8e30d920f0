"""The second part of the training: carrying an object from plane to plane. What images taught stays as it is."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from seg_app.training.ahead import made_ahead
from seg_app.training.export import MEMORY
from seg_app.training.following import choose, follow, input_size, match_scale, prepare_memory
from seg_app.training.model import build, here
from seg_app.training.progress import Progress
from seg_app.training.scenes import Scene
from seg_app.training.volumes import Volume, drifting, make_volume

log = logging.getLogger(__name__)

PARTS = (
    *("memory_attention.", "memory_encoder.", "maskmem_tpos_enc", "mask_downsample."),
    *("obj_ptr_proj.", "obj_ptr_tpos_proj.", "no_obj_ptr", "no_obj_embed_spatial"),
    "sam_mask_decoder.pred_obj_score_head.",
)
"""What is trained here. The score of presence is of no use to single images."""


SMALL, LARGE = 128, 256
"""Edges of the planes in pixels; large ones are fewer, and fewer objects are followed: they take long."""


@dataclass(frozen=True)
class MemoryPlan:
    """Everything that decides what the memory learns."""

    steps: int = 1200
    large_from: int = 1000
    """From this step on, planes have the full size of the input."""
    planes: int = 7
    objects: int = 6
    learning_rate: float = 6e-4
    warm_up: int = 50
    real_part: float = 0.35
    seed: int = 0

    def size_at(self, step: int) -> int:
        """Return the edge of the planes of a step in pixels."""
        return LARGE if step >= self.large_from else SMALL

    def rate_at(self, step: int) -> float:
        """Return the learning rate: up in a line, then down along a cosine."""
        rise = min((step + 1) / self.warm_up, 1.0)
        return self.learning_rate * rise * (0.02 + 0.49 * (1 + math.cos(math.pi * step / self.steps)))

    def volume(self, step: int, real: Sequence[Scene]) -> Volume:
        """Return the volume of a step."""
        rng = np.random.default_rng((self.seed, step, 1))
        size = self.size_at(step)
        planes = self.planes if size == SMALL else self.planes - 1
        if real and rng.random() < self.real_part:
            return drifting(rng, real[int(rng.integers(len(real)))], size=size, planes=planes)
        return make_volume(int(rng.integers(2**62)), size=size, planes=planes)


class MemoryTrainer:
    """The memory of a model whose images are trained, on its way through a plan."""

    def __init__(
        self,
        plan: MemoryPlan,
        real: Sequence[Scene],
        folder: Path,
        *,
        weights: dict[str, Tensor],
        is_new: bool = True,
        device: str = "cpu",
    ) -> None:
        """Begin with weights of a whole model, or go on from `folder/memory.pt` where it exists.

        is_new: forget how these weights remember. device: as torch names it, 'cuda' for a GPU.
        """
        self.plan, self.real, self.folder, self.step = plan, real, folder, 0
        self.device = torch.device(device)
        torch.manual_seed(plan.seed)
        self.model = build()
        self._images = {n: w for n, w in weights.items() if not n.startswith(PARTS)}
        forgotten = PARTS[:-1] if is_new else ()
        self.model.load_state_dict({n: w for n, w in weights.items() if not n.startswith(forgotten)}, strict=False)
        self.model.eval().requires_grad_(False).to(self.device)
        if is_new:
            self._prepare()
        self.weights = {n: w for n, w in self.model.named_parameters() if n.startswith(PARTS)}
        for weight in self.weights.values():
            weight.requires_grad_(True)
        self.average = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr=plan.learning_rate, weight_decay=0.01)
        self.progress = Progress(folder)
        if self._checkpoint.exists():
            self._resume()

    def _prepare(self) -> None:
        with self.device:
            prepare_memory(self.model)
            match_scale(self.model, here(self.plan.volume(0, ()).planes))

    @property
    def _checkpoint(self) -> Path:
        return self.folder / MEMORY

    def run(self, *, until: int | None = None, save_every_s: float = 180.0, workers: int = 1) -> None:
        """Train to the end of the plan, or to a step; save every few minutes.

        workers: how many processes make the volumes.
        """
        end, saved, seen = min(until or self.plan.steps, self.plan.steps), time.monotonic(), []
        make = partial(self.plan.volume, real=self.real)
        for volume in made_ahead(make, range(self.step, end), workers=workers):
            began = time.monotonic()
            entry = self.learn(volume)
            seen.append({**entry, "seconds": time.monotonic() - began})
            if self.step % 20 == 0 or self.step == end:
                keys = sorted({key for one in seen for key in one})
                mean = {key: float(np.mean([one[key] for one in seen if key in one])) for key in keys}
                self.progress.write({"memory_step": self.step, **mean})
                seen = []
            if time.monotonic() - saved > save_every_s or self.step == end:
                self.save()
                saved = time.monotonic()

    def learn(self, volume: Volume) -> dict[str, float]:
        """Follow some objects through a volume, and learn from it; return what it cost, by name."""
        rng = np.random.default_rng((self.plan.seed, self.step, 2))
        objects = choose(rng, volume.labels[0], self.plan.objects // (volume.planes.shape[1] // SMALL or 1))
        self.step += 1
        if not len(objects):
            return {}
        with self.device, input_size(self.model, volume.planes.shape[1]):
            loss, ious = follow(self.model, volume, objects, rng)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        if torch.isfinite(norm):
            self.optimizer.step()
        decay = min(0.99, (1 + self.step) / (10 + self.step))
        get_ema_multi_avg_fn(decay)(list(self.average.values()), list(self.weights.values()), self.step)
        return {"loss": float(loss.detach()), "norm": float(norm)} | ({"iou": float(np.mean(ious))} if ious else {})

    def save(self) -> None:
        """Write everything that is needed to go on, completely or not at all."""
        content = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(content, part)
        part.replace(self._checkpoint)

    def _resume(self) -> None:
        content = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        self.step = content["step"]
        self.average = {name: weight.to(self.device) for name, weight in content["average"].items()}
        self.model.load_state_dict(content["model"])
        # images may have been trained further in the meantime
        self.model.load_state_dict(self._images, strict=False)
        self.optimizer.load_state_dict(content["optimizer"])
        log.info("the memory goes on from step %d", self.step)
