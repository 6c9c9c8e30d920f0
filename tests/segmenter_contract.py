"""What every segmenter promises: a test class, to which each adds a fixture; and the image that they outline."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from seg_app.errors import SegmenterError
from seg_app.geometry import bits_of
from seg_app.records import Box, Mask, Point, Prompts
from seg_app.sam import Candidate, Segmenter
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.cache import content_key

ROWS, COLUMNS = 96, 128
CENTRE = Point(60, 50)
OUTSIDE = Point(110, 80, include=False)


EASY = AutoOptions(points_per_side=2, points_per_batch=2, pred_iou_thresh=0.0, stability_score_thresh=0.0)


def disc_on_noise() -> np.ndarray:
    """Return a (96, 128, 3) uint8 image: a bright disc of radius 24 about (60, 50) on dark noise."""
    y, x = np.ogrid[:ROWS, :COLUMNS]
    grey = np.random.default_rng(0).normal(60, 8, (ROWS, COLUMNS))
    grey[np.hypot(x - CENTRE.x, y - CENTRE.y) <= 24] += 120
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


CLICK = Prompts((CENTRE,))
SMALL = disc_on_noise()[40:60, 50:70].copy()
KEY = content_key(SMALL)
"""Of SMALL, under which a server knows it."""


def disc_on(grid: tuple[int, int]) -> np.ndarray:
    """Return logits (rows, columns) that outline the disc of `disc_on_noise` a little too large."""
    y, x = ((np.arange(n) + 0.5) * length / n - 0.5 for n, length in zip(grid, (ROWS, COLUMNS), strict=True))
    return (26 - np.hypot(x - CENTRE.x, y[:, None] - CENTRE.y)).clip(-8, 8).astype(np.float32)


def value_at(candidate: Candidate, point: Point) -> float:
    """Return the logit of the pixel that a point lies on."""
    return float(candidate.logits[round(point.y), round(point.x)])


def _share(mask: Mask, bits: np.ndarray) -> float:
    """Return the IoU of a mask with the bits of the whole image."""
    common = np.count_nonzero(bits[mask.y0 : mask.y1, mask.x0 : mask.x1] & bits_of(mask))
    return common / (mask.area + np.count_nonzero(bits) - common)


class SegmenterContract:
    """What `seg_app.sam.protocol.Segmenter` promises. A subclass has a fixture `segmenter`."""

    trained = True
    """Whether the segmenter knows what an object is; random weights do not."""
    obedient = True
    """Whether an excluding point is outside even where nothing in the image divides it from an including one. To a
    trained SAM 2.1 it is one sign among others there: it becomes less sure of the place."""

    @pytest.fixture
    def image(self) -> np.ndarray:
        return disc_on_noise()

    def test_has_a_name_to_show(self, segmenter: Segmenter) -> None:
        assert segmenter.name.strip()

    def test_says_which_image_size_suits_it(self, segmenter: Segmenter) -> None:
        assert segmenter.input_size >= 256

    @pytest.mark.parametrize(
        "prompts",
        [
            Prompts((CENTRE,)),
            Prompts((CENTRE, OUTSIDE)),
            Prompts((), Box(34, 24, 86, 76)),
            Prompts((CENTRE,), Box(34, 24, 86, 76)),
        ],
    )
    def test_logits_are_float32_of_the_size_of_the_image(self, segmenter, image, prompts) -> None:
        for candidate in segmenter.predict(image, prompts):
            assert (candidate.logits.shape, candidate.logits.dtype) == ((ROWS, COLUMNS), np.float32)

    def test_one_click_gives_one_to_three_candidates(self, segmenter, image) -> None:
        assert 1 <= len(segmenter.predict(image, Prompts((CENTRE,)))) <= 3

    def test_scores_are_between_0_and_1_and_the_best_is_first(self, segmenter, image) -> None:
        scores = [candidate.score for candidate in segmenter.predict(image, Prompts((CENTRE,)))]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)

    def test_the_same_question_has_the_same_answer(self, segmenter, image) -> None:
        first, second = (segmenter.predict(image, Prompts((CENTRE,)))[0] for _ in range(2))
        np.testing.assert_array_equal(first.logits, second.logits)

    def test_embedding_before_changes_no_answer(self, segmenter, image) -> None:
        unprepared = segmenter.predict(image, Prompts((CENTRE,)))[0]
        segmenter.embed(image)
        np.testing.assert_array_equal(segmenter.predict(image, Prompts((CENTRE,)))[0].logits, unprepared.logits)

    def test_the_image_stays_as_it_was(self, segmenter, image) -> None:
        segmenter.predict(image, Prompts((CENTRE,)))
        np.testing.assert_array_equal(image, disc_on_noise())

    def test_outlines_the_disc_that_was_clicked(self, segmenter, image) -> None:
        self._needs_training()
        disc = image[..., 0] > 120
        inside = segmenter.predict(image, Prompts((CENTRE,)))[0].logits > 0
        assert (inside & disc).sum() / (inside | disc).sum() > 0.9

    def test_including_points_are_inside_and_excluding_ones_outside(self, segmenter, image) -> None:
        self._needs_training()
        on_the_disc = Point(48, 50, include=False)
        before = segmenter.predict(image, Prompts((CENTRE, OUTSIDE)))[0]
        best = segmenter.predict(image, Prompts((CENTRE, OUTSIDE, on_the_disc)))[0]
        assert [value_at(best, p) > 0 for p in (CENTRE, OUTSIDE)] == [True, False]
        assert value_at(best, on_the_disc) < (0 if self.obedient else value_at(before, on_the_disc) / 2)

    def test_a_box_bounds_the_object(self, segmenter, image) -> None:
        self._needs_training()
        inside = segmenter.predict(image, Prompts((), Box(34, 24, 86, 76)))[0].logits > 0
        assert inside.any()
        assert not inside[:, :30].any()
        assert not inside[:, 91:].any()

    @pytest.mark.parametrize("box", [Box(86, 24, 34, 76), Box(86, 76, 34, 24)])
    def test_the_corners_of_a_box_may_come_in_any_order(self, segmenter, image, box) -> None:
        (ordered,), (other,) = (segmenter.predict(image, Prompts((), b)) for b in (Box(34, 24, 86, 76), box))
        np.testing.assert_array_equal(other.logits, ordered.logits)

    def test_a_point_corrects_a_box(self, segmenter, image) -> None:
        self._needs_training()
        box, off = Box(34, 24, 86, 76), Point(48, 50, include=False)
        alone, corrected = (segmenter.predict(image, Prompts(points, box))[0] for points in ((), (off,)))
        assert (value_at(alone, off) > 0, value_at(corrected, off) > 0) == (True, False)

    def test_a_box_on_the_rim_of_the_image_is_answered(self, segmenter, image) -> None:
        (candidate,) = segmenter.predict(image, Prompts((), Box(-0.5, -0.5, COLUMNS - 0.5, ROWS - 0.5)))
        assert np.isfinite(candidate.logits).all()

    @pytest.mark.parametrize(
        "prompts",
        [
            *(Prompts(), Prompts((OUTSIDE,)), Prompts((Point(900, 900),)), Prompts((Point(float("nan"), 1),))),
            # finite, but not in single precision
            *(Prompts((CENTRE, Point(1e39, 1))), Prompts((), Box(-1e39, 24, 1e39, 76))),
        ],
    )
    def test_refuses_prompts_that_point_at_nothing(self, segmenter, image, prompts) -> None:
        with pytest.raises(SegmenterError):
            segmenter.predict(image, prompts)

    @pytest.mark.parametrize(
        "wrong",
        [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8), np.zeros((0, 9, 3), np.uint8)],
    )
    def test_refuses_what_is_no_8_bit_colour_image(self, segmenter, wrong) -> None:
        with pytest.raises(SegmenterError, match=r"\(rows, columns, 3\) uint8"):
            segmenter.predict(wrong, Prompts((Point(1, 1),)))
        with pytest.raises(SegmenterError, match=r"\(rows, columns, 3\) uint8"):
            segmenter.embed(wrong)

    def test_a_correction_may_be_given_the_trace_of_what_it_corrects(self, segmenter, image) -> None:
        first = segmenter.predict(image, Prompts((CENTRE,)))[0]
        (best,) = segmenter.predict(image, Prompts((CENTRE, OUTSIDE)), previous=first.trace)
        assert (best.logits.shape, best.logits.dtype) == ((ROWS, COLUMNS), np.float32)
        assert 0 <= best.score <= 1

    @pytest.mark.parametrize("unknown", ["of yesterday", np.zeros((3, 4), np.float32)])
    def test_a_trace_that_is_not_known_changes_nothing(self, segmenter, image, unknown) -> None:
        prompts = Prompts((CENTRE, OUTSIDE))
        alone, given = (segmenter.predict(image, prompts, previous=trace)[0].logits for trace in (None, unknown))
        np.testing.assert_array_equal(given, alone)

    @pytest.mark.parametrize("grid", [(ROWS, COLUMNS), (64, 64)])
    def test_a_mask_is_prompt_enough(self, segmenter, image, grid) -> None:
        (best,) = segmenter.predict(image, Prompts(), mask=disc_on(grid))
        assert (best.logits.shape, best.logits.dtype) == ((ROWS, COLUMNS), np.float32)
        if self.trained:
            disc, inside = image[..., 0] > 120, best.logits > 0
            assert (inside & disc).sum() / (inside | disc).sum() > 0.8

    def test_a_mask_that_is_surer_than_anything_is_a_mask(self, segmenter, image) -> None:
        (sure,), (surer,) = (
            segmenter.predict(image, Prompts(), mask=32 * np.sign(disc_on((64, 64))) * k) for k in (1, 1e36)
        )
        np.testing.assert_array_equal(surer.logits, sure.logits)

    def test_points_go_with_a_mask(self, segmenter, image) -> None:
        for prompts in (Prompts((CENTRE,)), Prompts((OUTSIDE,)), Prompts((CENTRE, OUTSIDE), Box(34, 24, 86, 76))):
            (best,) = segmenter.predict(image, prompts, mask=disc_on((64, 64)))
            assert not self.trained or [value_at(best, p) > 0 for p in (CENTRE, OUTSIDE)] == [True, False]

    def test_a_mask_takes_the_place_of_a_trace(self, segmenter, image) -> None:
        trace = segmenter.predict(image, Prompts((CENTRE,)))[0].trace
        alone, given = (
            segmenter.predict(image, Prompts((CENTRE,)), previous=p, mask=disc_on((64, 64)))[0].logits
            for p in (None, trace)
        )
        np.testing.assert_array_equal(given, alone)

    @pytest.mark.parametrize(
        "wrong",
        [
            *(np.full(shape, 8.0, np.float32) for shape in ((9,), (3, 9, 9), (0, 9))),
            *(np.full((9, 9), value, np.float32) for value in (-8, np.nan, np.inf)),
            np.ones((9, 9), bool),
        ],
    )
    def test_what_is_no_mask_is_refused(self, segmenter, image, wrong) -> None:
        with pytest.raises(SegmenterError, match="cannot be a prompt"):
            segmenter.predict(image, Prompts((CENTRE,)), mask=wrong)

    def test_four_threads_get_the_answers_of_one(self, segmenter, image) -> None:
        images = [image, np.ascontiguousarray(image[::-1])]
        questions = [(images[i % 2], Prompts((Point(60, 45 + 2 * (i // 2)),))) for i in range(4)]
        alone = [segmenter.predict(*question)[0].logits for question in questions]
        with ThreadPoolExecutor(4) as pool:
            together = pool.map(lambda question: segmenter.predict(*question)[0].logits, questions)
        for one, other in zip(alone, together, strict=True):  # rounded in another way, and to half precision on a wire
            np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-3)

    def test_a_preview_is_what_a_click_gives(self, segmenter, image) -> None:
        segmenter.embed(image)
        seen, clicked = segmenter.preview(image, CENTRE, client="ada"), segmenter.predict(image, Prompts((CENTRE,)))
        assert [c.score for c in seen] == [c.score for c in clicked]
        for one, other in zip(seen, clicked, strict=True):
            np.testing.assert_array_equal(one.logits, other.logits)

    def test_a_preview_of_what_is_no_image_is_refused(self, segmenter, image) -> None:
        segmenter.embed(image)  # what stands for a segmenter has it then
        with pytest.raises(SegmenterError, match=r"\(rows, columns, 3\) uint8"):
            segmenter.preview(np.zeros((9, 9), np.uint8), Point(1, 1))
        with pytest.raises(SegmenterError):
            segmenter.preview(image, Point(900, 900))

    def test_a_search_goes_on_until_all_is_done(self, segmenter, image) -> None:
        done = [step.done for step in segmenter.automask(image, EASY)]
        assert done == sorted(done)
        assert done[0] > 0
        assert done[-1] == 1

    def test_what_is_found_lies_on_the_image_and_has_a_score_and_a_point(self, segmenter, image) -> None:
        *_, last = segmenter.automask(image, EASY)
        for mask in (auto.mask for auto in last.masks):
            assert 0 <= mask.y0 < mask.y1 <= ROWS
            assert 0 <= mask.x0 < mask.x1 <= COLUMNS
            assert 0 <= mask.score <= 1
            assert len(mask.prompts.points) == 1

    def test_a_search_finds_the_disc(self, segmenter, image) -> None:
        self._needs_training()
        *_, last = segmenter.automask(image, AutoOptions(points_per_side=4, pred_iou_thresh=0.5))
        disc = image[..., 0] > 120
        assert max(_share(auto.mask, disc) for auto in last.masks) > 0.9

    def test_a_search_among_the_spots_of_the_image_finds_the_disc(self, segmenter, image) -> None:
        *_, last = segmenter.automask(image, replace(EASY, blobs=True))
        assert last.done == 1
        assert not self.trained or max(_share(auto.mask, image[..., 0] > 120) for auto in last.masks) > 0.9

    def test_the_same_search_finds_the_same(self, segmenter, image) -> None:
        first, second = ([auto.mask for auto in list(segmenter.automask(image, EASY))[-1].masks] for _ in range(2))
        assert [(m.y0, m.x0, m.counts, m.score) for m in first] == [(m.y0, m.x0, m.counts, m.score) for m in second]

    def test_a_search_that_was_ended_leaves_the_segmenter_free(self, segmenter, image) -> None:
        search = segmenter.automask(image, EASY)
        next(search)
        search.close()
        assert next(search, None) is None
        assert segmenter.predict(image, Prompts((CENTRE,)))

    def test_a_click_is_answered_in_the_middle_of_a_search(self, segmenter, image) -> None:
        alone = segmenter.predict(image, Prompts((CENTRE,)))[0].logits
        search = segmenter.automask(image, EASY)
        next(search)
        np.testing.assert_array_equal(segmenter.predict(image, Prompts((CENTRE,)))[0].logits, alone)
        search.close()

    def test_a_search_stays_in_its_region_and_out_of_the_databar(self, segmenter, image) -> None:
        options = replace(EASY, region=Box(30, 10, 99, 200), excluded_rows=(70, 96))
        *_, last = segmenter.automask(image, options)
        boxes = [(auto.mask.x0, auto.mask.y0, auto.mask.x1, auto.mask.y1) for auto in last.masks]
        assert all(x0 >= 30 and y0 >= 10 and x1 <= 100 and y1 <= 70 for x0, y0, x1, y1 in boxes)
        assert boxes or not self.trained

    def test_a_search_of_nothing_is_refused(self, segmenter, image) -> None:
        with pytest.raises(SegmenterError, match="Choose a region on the image"):
            next(segmenter.automask(image, replace(EASY, region=Box(500, 500, 600, 600))))
        with pytest.raises(SegmenterError, match=r"\(rows, columns, 3\) uint8"):
            segmenter.automask(np.zeros((9, 9), np.uint8))

    def _needs_training(self) -> None:
        if not self.trained:
            pytest.skip("random weights outline nothing")
