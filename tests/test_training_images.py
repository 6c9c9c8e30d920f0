"""Computed images to train on: as the training reads them, and none of the samples."""

import numpy as np
import pytest
import training_images
from PIL import Image

from seg_app.training.micrographs import read_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(training_images, "SEEDS", (101, 102))
    monkeypatch.setattr(training_images, "POWDERS", (301,))
    monkeypatch.setattr(training_images, "SIZE", 128)
    assert training_images.main([str(tmp_path)]) == 0
    return tmp_path


def test_the_training_reads_them(folder):
    scenes = read_folder(folder / "images", folder / "labels", validation=False)
    assert len(list((folder / "images").iterdir())) == 2 * 9 + 3
    assert all(scene.image.shape == (128, 128) and scene.labels.any() for scene in scenes)


def test_objects_are_bright_on_dark_and_counted_from_one():
    labels = np.array([[0, 7], [7, 300]], np.uint16)
    assert np.asarray(training_images.numbered(labels)).tolist() == [[0, 1], [1, 2]]
    assert np.asarray(training_images.numbered(labels + 1)).tolist() == [[1, 2], [2, 3]]


def test_labels_are_of_their_image(folder):
    for path in (folder / "images").iterdir():
        image, labels = np.asarray(Image.open(path)), np.asarray(Image.open(folder / "labels" / path.name))
        assert image[labels > 0].mean() > image[labels == 0].mean() + 30
