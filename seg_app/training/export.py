"""The averaged weights as a checkpoint of SAM 2.1, half as large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seg_app.errors import MissingError

IMAGES, MEMORY = "checkpoint.pt", "memory.pt"
"""What the two parts of the training keep in their folder."""


def averaged(work: Path) -> dict[str, Tensor]:
    """Return the averaged weights of a training, those of the memory where it has begun. Raises MissingError."""
    images = read_checkpoint(work)
    memory = _read(work / MEMORY)["average"] if (work / MEMORY).is_file() else {}
    return {**images["model"], **images["average"], **memory}


def read_checkpoint(work: Path) -> dict[str, Any]:
    """Return all that a training of images kept in its folder. Raises MissingError."""
    path = work / IMAGES
    if not path.is_file():
        raise MissingError(f"There is no training in '{work}'. Run `seg-app train-base` first, or give its --work.")
    return _read(path)


def _read(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True)


def read_exported(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file that `export` wrote, in single precision."""
    return {name: weight.float() for name, weight in _read(path)["model"].items()}


def export(work: Path, path: Path) -> None:
    """Write the averaged weights of a training in half precision, as `{"model": state_dict}`. Raises MissingError."""
    weights = {name: weight.half() for name, weight in averaged(work).items()}
    part = path.with_suffix(".part")
    torch.save({"model": weights}, part)
    part.replace(path)
