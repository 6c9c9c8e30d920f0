import numpy as np
import pytest
from skimage.data import coins

from seg_app.records import Box, Point, Prompts
from seg_app.sam.cache import Recent, content_key
from seg_app.sam.classical import KEPT_WINDOWS, ClassicalSegmenter
from seg_app.sam.contours import best_loops
from seg_app.sam.patches import Patch, filled, opened, overlap, softened, union
from tests.segmenter_contract import CENTRE, SegmenterContract, disc_on_noise, value_at


@pytest.fixture
def segmenter():
    return ClassicalSegmenter()


class TestClassicalSegmenter(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        return ClassicalSegmenter()


def grey_image(grey: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 6, grey.shape)
    return np.repeat((grey + noise).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def disc(x: float, y: float, radius: float, shape=(300, 300)) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(columns - x, rows - y) <= radius


@pytest.mark.parametrize(("x", "y"), [(88, 50), (151, 47), (212, 43), (346, 110)])
def test_outlines_a_real_coin(segmenter, x, y) -> None:
    image = np.repeat(coins()[..., None], 3, axis=2)
    found = segmenter.predict(image, Prompts((Point(x, y),)))[0].logits > 0
    height, width = np.ptp(np.argwhere(found), axis=0) + 1
    assert 34 <= height <= 66
    assert 0.8 < width / height < 1.25
    assert iou(found, disc(*np.argwhere(found).mean(axis=0)[::-1], (height + width) / 4, found.shape)) > 0.85


def test_outlines_a_dark_pore(segmenter) -> None:
    pore = disc(120, 160, 40)
    found = segmenter.predict(grey_image(150 - 100.0 * pore), Prompts((Point(120, 160),)))[0].logits > 0
    assert iou(found, pore) > 0.95


@pytest.mark.parametrize("radius", [8, 30, 110])
def test_outlines_small_and_large_objects(segmenter, radius) -> None:
    particle = disc(150, 150, radius)
    found = segmenter.predict(grey_image(60 + 90.0 * particle), Prompts((Point(147, 152),)))[0].logits > 0
    assert iou(found, particle) > 0.9


def test_divides_particles_that_touch(segmenter) -> None:
    left, right = disc(105, 150, 50), disc(203, 150, 50)
    found = segmenter.predict(grey_image(60 + 90.0 * (left | right)), Prompts((Point(105, 150),)))[0].logits > 0
    assert iou(found, left) > 0.9


def test_outlines_an_object_that_no_ray_from_the_click_could_trace(segmenter) -> None:
    bent = np.zeros((300, 300), dtype=bool)
    bent[60:240, 60:90] = bent[210:240, 60:240] = bent[60:240, 210:240] = True
    candidates = segmenter.predict(grey_image(60 + 90.0 * bent), Prompts((Point(150, 225),)))
    assert max(iou(c.logits > 0, bent) for c in candidates) > 0.85


def test_an_object_that_the_window_cuts_reaches_its_edge(segmenter) -> None:
    particle = disc(0, 150, 60)
    found = segmenter.predict(grey_image(60 + 90.0 * particle), Prompts((Point(20, 150),)))[0].logits > 0
    assert iou(found, particle) > 0.9
    assert found[150, 0]


def test_a_ring_within_a_disc_is_offered_as_a_second_reading(segmenter) -> None:
    inner, outer = disc(150, 150, 30), disc(150, 150, 90)
    candidates = segmenter.predict(grey_image(50 + 60.0 * outer + 60.0 * inner), Prompts((Point(150, 150),)))
    assert max(iou(c.logits > 0, inner) for c in candidates) > 0.9
    assert max(iou(c.logits > 0, outer) for c in candidates) > 0.9


def test_an_excluding_click_cuts_a_second_particle_off(segmenter) -> None:
    left, right = disc(115, 150, 50), disc(185, 150, 50)
    image = grey_image(60 + 90.0 * left + 40.0 * (right & ~left))
    prompts = Prompts((Point(110, 150), Point(200, 150, include=False)))
    assert iou(segmenter.predict(image, prompts)[0].logits > 0, left) > 0.85


def test_two_including_clicks_join_what_lies_apart(segmenter) -> None:
    apart = disc(80, 150, 40), disc(220, 150, 40)
    prompts = Prompts((Point(80, 150), Point(220, 150)))
    found = segmenter.predict(grey_image(60 + 90.0 * (apart[0] | apart[1])), prompts)[0].logits > 0
    assert all((found & part).sum() / part.sum() > 0.9 for part in apart)


def test_a_box_means_the_object_that_fills_it(segmenter) -> None:
    inner, outer = disc(150, 150, 30), disc(150, 150, 90)
    image = grey_image(50 + 60.0 * outer + 60.0 * inner)
    assert iou(segmenter.predict(image, Prompts((), Box(59, 59, 241, 241)))[0].logits > 0, outer) > 0.9
    assert iou(segmenter.predict(image, Prompts((), Box(118, 118, 182, 182)))[0].logits > 0, inner) > 0.9


def test_contradicting_clicks_on_one_pixel_mean_the_last_one(segmenter) -> None:
    best = segmenter.predict(disc_on_noise(), Prompts((CENTRE, Point(CENTRE.x, CENTRE.y, include=False))))[0]
    assert value_at(best, CENTRE) < 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (40, 40), (1500, 700)])
def test_answers_on_images_of_any_shape(segmenter, shape) -> None:
    flat = np.full((*shape, 3), 100, dtype=np.uint8)
    place = Point(shape[1] // 2, shape[0] // 2)
    best = segmenter.predict(flat, Prompts((place,)))[0]
    assert best.logits.shape == shape
    assert value_at(best, place) > 0


def test_the_edge_of_the_logits_stays_smooth_when_enlarged(segmenter) -> None:
    logits = segmenter.predict(disc_on_noise(), Prompts((CENTRE,)))[0].logits
    row = logits[int(CENTRE.y), int(CENTRE.x) + 18 : int(CENTRE.x) + 31]
    assert (np.diff(row) <= 0).all()
    assert np.ptp(row) / np.abs(np.diff(row)).max() > 3


def test_windows_are_surveyed_once(segmenter, monkeypatch) -> None:
    segmenter.embed(disc_on_noise())
    monkeypatch.delattr("seg_app.sam.classical.survey")
    assert segmenter.predict(disc_on_noise(), Prompts((CENTRE,)))


def test_only_the_last_windows_are_kept(segmenter) -> None:
    for grey in range(KEPT_WINDOWS + 3):
        segmenter.embed(np.full((8, 8, 3), grey, dtype=np.uint8))
    assert len(segmenter._landscapes) == KEPT_WINDOWS


def test_recent_lets_go_of_what_was_not_asked_for_the_longest() -> None:
    recent = Recent[int](2)
    recent.keep("a", 1), recent.keep("b", 2)
    recent.find("a")
    recent.keep("c", 3)
    assert [recent.find(key) for key in "abc"] == [1, None, 3]


def test_content_keys_tell_shape_and_pixels_apart() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert content_key(image) == content_key(image.copy(order="F"))
    assert len({content_key(image), content_key(image.reshape(4, 2, 3)), content_key(image + np.uint8(1))}) == 3


def test_best_loops_finds_the_ring_of_the_highest_gain() -> None:
    gain = np.zeros((1, 40, 30), dtype=np.float32)
    ring = 12 + np.round(3 * np.sin(np.arange(40) * 2 * np.pi / 40)).astype(int)
    gain[0, np.arange(40), ring] = 1
    np.testing.assert_array_equal(best_loops(gain, slope_cost=0.1)[0], ring)


def test_softened_bits_keep_their_sign() -> None:
    patch = Patch(0, 5, 7, np.ones((20, 30), dtype=bool))
    np.testing.assert_array_equal(np.argwhere(softened(patch, (40, 60)) > 0)[[0, -1]], [[5, 8], [24, 35]])


def test_overlap_compares_patches_of_different_levels() -> None:
    fine, coarse = Patch(0, 8, 8, np.ones((16, 16), dtype=bool)), Patch(2, 2, 2, np.ones((4, 8), dtype=bool))
    assert overlap(fine, coarse) == 0.5
    assert union(fine, coarse).bits.sum() == 32


def test_opened_cuts_a_thin_bridge_and_filled_closes_a_hole() -> None:
    bits = np.zeros((30, 60), dtype=bool)
    bits[5:25, 3:23] = bits[5:25, 37:57] = bits[14:16, 23:37] = True
    assert not opened(bits, 3)[15, 30]
    bits[12:14, 10:12] = False
    assert filled(bits)[13, 11]


def test_a_box_without_height_is_no_trouble() -> None:
    box = Box(CENTRE.x - 5, CENTRE.y, CENTRE.x + 5, CENTRE.y)
    assert ClassicalSegmenter().predict(disc_on_noise(), Prompts((CENTRE,), box))
