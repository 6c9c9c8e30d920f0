"""Pictures with their truth, to be cut from: real ones from folders, synthetic ones drawn once and kept on disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.training.scenes import Scene, make_scene
from seg_app.training.split import held_out

log = logging.getLogger(__name__)

SCENE_SIZE = 512
FEW = 16
"""So many are drawn here and now: other processes would take longer to begin."""
HELD_OUT_SEED = 10**9
"""Synthetic scenes from this seed on are never trained on."""


def read_folder(images: Path, labels: Path, *, validation: bool) -> list[Scene]:
    """Return the micrographs `images/*.png` with their `labels/*.png`, those that are held out or the others.

    Raises MissingError when there are none, or one has no labels; UnreadableError when sizes differ.
    """
    paths = [path for path in sorted(images.glob("*.png")) if held_out(path.name) == validation]
    if not paths:
        raise MissingError(f"There are no micrographs '{images}/*.png'. Give a folder that has some.")
    return [_read(path, labels / path.name) for path in paths]


def _read(image_path: Path, label_path: Path) -> Scene:
    if not label_path.is_file():
        raise MissingError(f"'{image_path}' has no labels: there is no '{label_path}'. Give both, of the same name.")
    image, labels = np.asarray(Image.open(image_path).convert("L")), np.asarray(Image.open(label_path))
    if image.shape != labels.shape:
        raise UnreadableError(
            f"'{label_path}' is {labels.shape} pixels large, its image {image.shape}: make them equal."
        )
    return Scene(image, labels.astype(np.uint16))


class Drawings(Sequence[Scene]):
    """Synthetic micrographs in files, opened when they are asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: Any) -> Any:
        stack = np.load(self._paths[number], mmap_mode="r")
        return Scene(stack[0], stack[1])


def synthetic(folder: Path, *, count: int, seed: int, workers: int = 2) -> Drawings:
    """Return `count` synthetic micrographs that are kept in a folder; those that are not there yet are drawn.

    Scenes of one seed are the same however many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"scene-{seed}-{number:05d}.npy" for number in range(count)]
    missing = [(path, (seed, number)) for number, path in enumerate(paths) if not path.exists()]
    log.info("drawing %d synthetic micrographs in %s", len(missing), folder)
    if len(missing) <= FEW:
        for path, number in missing:
            _draw(path, number)
    else:
        with get_context("spawn").Pool(workers) as pool:
            pool.starmap(_draw, missing, chunksize=8)
    return Drawings(paths)


def _draw(path: Path, seed: tuple[int, int]) -> None:
    scene = make_scene(seed[0] + seed[1], size=SCENE_SIZE)
    partial_path = path.with_suffix(f".{os.getpid()}.part")
    with partial_path.open("wb") as file:
        np.save(file, np.stack([scene.image.astype(np.uint16), scene.labels]))
    partial_path.replace(path)
