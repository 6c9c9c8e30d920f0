"""The engine keeps the promise of segmenters."""

import numpy as np
import pytest

from seg_app.records import Point, Prompts
from seg_app.sam.checkpoints import Checkpoint
from tests.segmenter_contract import CENTRE, SegmenterContract, disc_on_noise


class TestSam2Segmenter(SegmenterContract):
    trained = False

    @pytest.fixture
    def segmenter(self, engine):
        return engine


@pytest.mark.skipif(Checkpoint.bundled() is None, reason="this checkout has no weights")
class TestBundledSegmenter(SegmenterContract):
    obedient = False

    @pytest.fixture
    def segmenter(self, bundled):
        return bundled


def test_one_point_gives_three_readings_and_two_points_one(engine) -> None:
    image = disc_on_noise()
    counts = [len(engine.predict(image, p)) for p in (Prompts((CENTRE,)), Prompts((CENTRE, Point(62, 50))))]
    assert counts == [3, 1]


def test_random_weights_tell_places_apart(engine) -> None:
    here, there = (engine.predict(disc_on_noise(), Prompts((p,)))[0].logits for p in (CENTRE, Point(110, 80)))
    assert np.abs(here - there).max() > 1e-3
