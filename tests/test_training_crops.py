"""What a training step sees: the same for the same seed, and prompts that mean what they should."""

import numpy as np
import pytest
import torch

from seg_app.training.crops import Framing, cut, depth_map, make_batch
from seg_app.training.scenes import Scene, make_scene

NEAR = Framing(64, 40, 120)


@pytest.fixture(scope="module")
def scenes():
    return [make_scene(seed, size=128) for seed in (1, 2, 3, 8)]


@pytest.fixture(scope="module")
def batch(scenes):
    return make_batch(np.random.default_rng(0), scenes, NEAR, prompts=5)


def test_the_same_generator_cuts_the_same(scenes, batch):
    again = make_batch(np.random.default_rng(0), scenes, NEAR, prompts=5)
    assert all(torch.equal(getattr(again, name), getattr(batch, name)) for name in vars(batch))


def test_all_crops_have_the_size_of_the_model(batch):
    assert batch.images.shape == batch.labels.shape == batch.depths.shape == (4, 64, 64)


def test_every_click_is_on_its_object(batch):
    for labels, objects, clicks in zip(batch.labels, batch.objects, batch.clicks, strict=True):
        for number, (x, y) in zip(objects, clicks.int(), strict=True):
            assert number == 0 or labels[y, x] == number


def test_plain_boxes_are_tight_and_plain_clicks_in_the_middle():
    labels = np.zeros((64, 64), np.uint16)
    labels[16:48, 16:48] = 1
    scene = Scene(np.zeros((64, 64), np.uint8), labels)
    batch = make_batch(np.random.default_rng(3), [scene], Framing(64, 63.9, 64), prompts=1, plain=True)
    ys, xs = torch.nonzero(batch.labels[0], as_tuple=True)
    assert batch.boxes[0, 0].tolist() == [xs.min(), ys.min(), xs.max(), ys.max()]
    x, y = batch.clicks[0, 0].int()
    assert batch.depths[0, y, x] == batch.depths[0].max()


def test_a_micrograph_without_objects_asks_for_none():
    empty = Scene(np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint16))
    assert not make_batch(np.random.default_rng(0), [empty], NEAR, prompts=3).objects.any()


def test_image_and_labels_are_turned_together():
    picture = np.arange(32 * 32).reshape(32, 32)
    scene = Scene((picture % 251).astype(np.uint8), (picture % 251).astype(np.uint16))
    for seed in range(8):
        image, labels = cut(np.random.default_rng(seed), scene, Framing(8, 8, 8.9))
        assert np.corrcoef(image.ravel(), labels.ravel())[0, 1] > 0.7


def test_depths_are_counted_from_the_border_of_the_own_object():
    labels = np.zeros((9, 9), np.uint16)
    labels[:, :5], labels[:, 5:] = 1, 2
    assert depth_map(labels)[4].tolist() == [1, 2, 3, 2, 1, 1, 2, 2, 1]
