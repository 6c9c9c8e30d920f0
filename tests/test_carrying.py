"""Objects of a plane on the other planes of a volume, at full resolution."""

from itertools import islice

import numpy as np
import pytest

from seg_app.errors import SegmenterError
from seg_app.geometry import iou, mask_from_bits
from seg_app.models import Carrier, Session, Volume
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.engine import Sam2Segmenter

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # the sam2 package scripts its transforms
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
]

BALLS = {"small": (4, 150, 140, 26), "large": (5, 300, 520, 150)}
"""z, y, x and radius in pixels; planes are a fifth of the radius apart."""


def truth(name: str, z: int) -> np.ndarray:
    """Return the pixels of a ball on a plane of 480 × 720 pixels."""
    middle, y0, x0, radius = BALLS[name]
    y, x = np.ogrid[:480, :720]
    across = radius**2 - ((z - middle) * radius / 4.5) ** 2
    return (y - y0) ** 2 + (x - x0) ** 2 < across


def mask_of(name: str, z: int):
    return mask_from_bits(truth(name, z), z=z)


@pytest.fixture(scope="module")
def session():
    grey = np.random.default_rng(0).normal(900, 100, (11, 480, 720))
    for z in range(11):
        for name in BALLS:
            grey[z][truth(name, z)] += 900
    segmenter = Sam2Segmenter(Checkpoint.bundled(), device="cpu")
    yield Session(Volume.from_array(grey.clip(0, 65535).astype(np.uint16)), segmenter)
    segmenter.close()


def test_objects_of_any_size_are_carried_to_where_they_are(session) -> None:
    carried = list(Carrier(session).carry([mask_of("small", 4), mask_of("large", 4)]))
    for index, name in enumerate(BALLS):
        found = {one.mask.z: one.mask for one in carried if one.index == index}
        there = [z for z in range(11) if z != 4 and truth(name, z).sum() > 200]
        assert set(there) <= set(found)
        assert min(iou(found[z], mask_of(name, z)) for z in there) >= 0.8
        assert all(truth(name, z).any() for z in found)


def test_a_carried_mask_says_who_made_it_and_how_good_it_may_be(session) -> None:
    (first,) = islice(Carrier(session).carry([mask_of("small", 4)]), 1)
    assert (first.index, first.mask.z) == (0, 5)
    assert 0 < first.mask.score <= 1
    assert first.mask.provenance.engine == session.segmenter.name


def test_nothing_is_carried_without_objects(session) -> None:
    assert list(Carrier(session).carry([])) == []


def test_a_segmenter_without_a_memory_is_refused_at_once(session) -> None:
    other = Session(session.volume, ClassicalSegmenter())
    with pytest.raises(SegmenterError, match="'Classical · no weights' cannot follow objects"):
        Carrier(other)


def test_objects_of_several_planes_are_refused_at_once(session) -> None:
    with pytest.raises(SegmenterError, match="on several planes"):
        Carrier(session).carry([mask_of("small", 4), mask_of("large", 5)])


def test_an_object_too_thin_for_its_window_is_not_carried(session) -> None:
    thin = np.zeros((480, 720), bool)
    thin[100, 100:600] = True  # on the level where it fits the model sees every fourth row from the third on
    assert list(Carrier(session).carry([mask_from_bits(thin, z=4)])) == []
