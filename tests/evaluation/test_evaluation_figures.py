"""What clicks come to in figures; checked against counting by hand."""

import pytest
from trials import EVALUATION, trial

from seg_app.evaluation.figures import ScoreBin, by_size, calibration_error, mean_iou, reliability, timing
from seg_app.evaluation.trials import Answer, Evaluation


def test_means_are_over_objects_and_over_images() -> None:
    uneven = Evaluation("", "", EVALUATION.trials[:3], 0)
    assert mean_iou(uneven, 1).over_objects == pytest.approx((0.85 + 0.95 + 0.15) / 3)
    assert mean_iou(uneven, 1).over_images == pytest.approx((0.9 + 0.15) / 2)
    assert mean_iou(uneven, 1).good == pytest.approx(1 / 3)


def test_a_perfect_answer_stays_when_nobody_clicks_any_more() -> None:
    assert EVALUATION.trials[0].after(5) == Answer(1.0, 0.99, 0.5)


def test_sizes_are_edges_of_squares() -> None:
    found = [(one.low_px, one.count, one.ious) for one in by_size(EVALUATION, (1, 2))]
    assert found == [(0, 2, pytest.approx((0.9, 0.875))), (16, 1, (0.15, 0.35)), (128, 1, (0.0, 0.1))]


def test_scores_are_compared_with_what_they_predict() -> None:
    bins = reliability(EVALUATION, 1)
    assert [(one.low, one.count) for one in bins] == [(0.3, 1), (0.9, 2)]
    assert (bins[1].score, bins[1].iou) == (pytest.approx(0.935), pytest.approx(0.9))
    assert calibration_error(bins) == pytest.approx(1 / 3 * 0.2 + 2 / 3 * 0.035)


def test_a_score_of_1_is_in_the_last_bin() -> None:
    assert reliability(EVALUATION, 2)[-1] == ScoreBin(
        0.9, 1.0, 3, pytest.approx((0.99 + 0.92 + 1) / 3), pytest.approx((1 + 0.75 + 0.1) / 3)
    )


def test_the_first_click_on_each_image_is_timed_by_itself() -> None:
    times = timing(EVALUATION)
    assert (times.first_s, times.next_s) == (2.0, pytest.approx(0.35))
    assert timing(Evaluation("", "", EVALUATION.trials[2:3], 0)).next_s == 0.4
    assert timing(Evaluation("", "", (trial("a", 99, (1.0, 1.0, 2.0)),), 0)).next_s is None
