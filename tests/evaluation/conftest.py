"""Images with their labels, and weights that are only read as bytes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_app.evaluation.labelled import Labelled, labelled_images
from seg_app.sam.checkpoints import Checkpoint

SCENE = {(250, 10, 10): (5, 15, 5, 25), (10, 250, 10): (20, 40, 30, 70), (10, 10, 250): (45, 49, 3, 8)}
"""Colour -> rows and columns of its object: 200, 800 and 20 pixels, of which the last is too small."""


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Two images with their labels, which are the same pictures."""
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    for colour, (top, bottom, left, right) in SCENE.items():
        picture[top:bottom, left:right] = colour
    for folder in ("images", "labels"):
        (tmp_path / "scenes" / folder).mkdir(parents=True)
        for name in ("a.png", "b.png"):
            Image.fromarray(picture).save(tmp_path / "scenes" / folder / name)
    return tmp_path / "scenes" / "images", tmp_path / "scenes" / "labels"


@pytest.fixture
def pairs(folders) -> list[Labelled]:
    return labelled_images(*folders)


@pytest.fixture
def weights(monkeypatch, tmp_path) -> Path:
    """Weights that are only read as bytes, as the bundled ones."""
    path = tmp_path / "sam2.1_hiera_micro.pt"
    path.write_bytes(b"x" * 1_250_000)
    monkeypatch.setattr(Checkpoint, "bundled", staticmethod(lambda: Checkpoint(path, "", origin="bundled")))
    return path
