"""Synthetic micrographs and volumes: the same for the same seed, with labels that can be trusted."""

import numpy as np
import pytest
from scipy.ndimage import label

from seg_app.training.scenes import KINDS, SMALLEST_PX, Canvas, Scene, make_scene, tidy
from seg_app.training.shapes import FAMILIES, REACH, random_shape
from seg_app.training.textures import noise
from seg_app.training.volumes import drifting, make_volume


@pytest.fixture(scope="module")
def scenes():
    return [make_scene(seed, size=128) for seed in range(12)]


def test_a_seed_always_draws_the_same(scenes):
    again = make_scene(3, size=128)
    assert np.array_equal(again.image, scenes[3].image)
    assert np.array_equal(again.labels, scenes[3].labels)


def test_seeds_draw_different_pictures(scenes):
    assert len({scene.image.tobytes() for scene in scenes}) == len(scenes)


def test_pictures_are_grey_values_and_numbers(scenes):
    assert {(s.image.dtype, s.image.shape, s.labels.dtype, s.labels.shape) for s in scenes} == {
        (np.dtype(np.uint8), (128, 128), np.dtype(np.uint16), (128, 128))
    }


def test_objects_are_numbered_from_one_and_large_enough_to_click_on(scenes):
    for scene in scenes:
        counts = np.bincount(scene.labels.ravel())[1:]
        assert counts.size == 0 or counts.min() >= SMALLEST_PX


def test_pictures_use_the_grey_scale(scenes):
    assert min(np.ptp(scene.image) for scene in scenes) > 80


def test_small_remains_are_not_labelled_and_the_others_move_up():
    labels = np.zeros((20, 20), np.uint16)
    labels[0, 0], labels[5:10, 5:10], labels[12:18, 12:18] = 1, 4, 7
    assert np.unique(tidy(labels), return_counts=True)[1].tolist() == [400 - 25 - 36, 25, 36]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_shows_objects(kind):
    rng = np.random.default_rng(5)
    canvas = Canvas(np.zeros((128, 128), np.float32), np.zeros((128, 128), np.uint16), noise(rng, 128, slope=1.0))
    KINDS[kind](rng, canvas)
    assert tidy(canvas.labels).max() >= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_every_shape_is_one_piece_within_its_reach(family):
    for seed in range(5):
        y, x = np.mgrid[-80:81, -80:81].astype(np.float32)
        inside = random_shape(np.random.default_rng(seed), family=family, radius=20)(y, x) > 0
        assert label(inside)[1] == 1
        assert not inside[np.hypot(y, x) > REACH * 20].any()


def test_noise_has_no_mean_and_unit_deviation():
    field = noise(np.random.default_rng(0), 64, slope=1.5)
    assert (abs(float(field.mean())) < 1e-4, round(float(field.std()), 3)) == (True, 1.0)


def test_a_volume_is_the_same_for_the_same_seed():
    one, other = (make_volume(4, size=96, planes=3) for _ in range(2))
    assert np.array_equal(one.planes, other.planes)
    assert np.array_equal(one.labels, other.labels)


def test_objects_of_a_volume_keep_their_numbers_and_change_their_size():
    areas = [[(plane == 1).sum() for plane in make_volume(seed, size=96, planes=5).labels] for seed in range(12)]
    assert sum(len(set(area)) > 1 and min(area) > 0 for area in areas) >= 3


def test_objects_of_some_volumes_end():
    ended = [
        set(np.unique(v.labels[0])) - set(np.unique(v.labels[-1]))
        for v in (make_volume(s, size=96, planes=5) for s in range(8))
    ]
    assert any(ended)


def test_a_drifting_micrograph_keeps_its_objects():
    scene = Scene(np.full((100, 100), 90, np.uint8), np.pad(np.full((60, 60), 3, np.uint16), 20))
    volume = drifting(np.random.default_rng(0), scene, size=64, planes=4)
    assert volume.planes.shape == volume.labels.shape == (4, 64, 64)
    assert all((plane == 3).mean() > 0.2 for plane in volume.labels)
