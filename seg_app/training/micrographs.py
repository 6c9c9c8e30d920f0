"""Pictures with their truth, to be cut from: real ones from folders, synthetic ones drawn once and kept on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.training.scenes import Scene, make_scene
from seg_app.training.split import held_out

SCENE_SIZE = 512
HELD_OUT_SEED = 10**9
"""Synthetic scenes from this seed on are never trained on."""


class Micrographs(Sequence[Scene]):
    """Real ones in files; every process that asks for one reads it once."""

    def __init__(self, paths: Sequence[tuple[Path, Path]]) -> None:
        """paths: of images and their labels."""
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return Micrographs(self.paths[number])
        return _read(*self.paths[number])


def read_folder(images: Path, labels: Path, *, validation: bool) -> Micrographs:
    """Return the micrographs `images/*.png` with their `labels/*.png`, those that are held out or the others.

    Raises MissingError when there are none, or one has no labels; UnreadableError when sizes differ.
    """
    paths = [path for path in sorted(images.glob("*.png")) if held_out(path.name) == validation]
    if not paths:
        raise MissingError(f"There are no micrographs '{images}/*.png'. Give a folder that has some.")
    found = Micrographs([(path, labels / path.name) for path in paths])
    for pair in found.paths:
        _read(*pair)  # what is wrong is said before hours of training, not after
    return found


@cache
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
    """Synthetic micrographs, drawn when they are asked for the first time and kept in files.

    Scenes of one seed are the same however many there are.
    """

    def __init__(self, folder: Path, *, count: int, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._count, self._seed = folder, count, seed

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        if not 0 <= number < self._count:
            raise IndexError(number)
        path = self._folder / f"scene-{self._seed}-{number:05d}.npy"
        if not path.exists():
            _draw(path, self._seed + number)
        stack = np.load(path, mmap_mode="r")
        return Scene(stack[0], stack[1])


def _draw(path: Path, seed: int) -> None:
    scene = make_scene(seed, size=SCENE_SIZE)
    partial_path = path.with_suffix(f".{os.getpid()}.part")
    with partial_path.open("wb") as file:
        np.save(file, np.stack([scene.image.astype(np.uint16), scene.labels]))
    partial_path.replace(path)
