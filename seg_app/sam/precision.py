"""How precisely the model computes: in half precision where a device gains by it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)

HALF = torch.bfloat16


@dataclass(frozen=True)
class Precision:
    """The numbers that a model multiplies on a device."""

    device: torch.device
    dtype: torch.dtype
    why_not_half: str = ""
    """In words; empty where it is half precision, or nothing else was to be expected."""

    def __str__(self) -> str:
        """In words, e.g. 'single precision: SEG_APP_HALF is off'."""
        name = "half precision" if self.dtype == HALF else "single precision"
        return f"{name}: {self.why_not_half}" if self.why_not_half else name

    def within(self) -> AbstractContextManager[object]:
        """Return a context in which the model computes so; its weights stay as they are."""
        return torch.autocast(self.device.type, dtype=HALF) if self.dtype == HALF else nullcontext()


def precision_of(device: torch.device, *, may_be_half: bool) -> Precision:
    """Return half precision (bfloat16) with CUDA, unless it is not wanted or the GPU lacks it; the log says so then."""
    if device.type != "cuda":  # it gains nothing on a CPU
        return Precision(device, torch.float32)
    # as in the package's own examples; a GPU that only emulates it is slower than with single precision
    if may_be_half and torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision(device, HALF)
    precision = Precision(device, torch.float32, "this GPU has no bfloat16" if may_be_half else "SEG_APP_HALF is off")
    log.warning("The model runs in %s.", precision)
    return precision
