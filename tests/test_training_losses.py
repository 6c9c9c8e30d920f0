"""What an answer costs, against numbers made by hand."""

import math

import pytest
import torch

from seg_app.training.auxiliary import borders
from seg_app.training.clicks import corrections
from seg_app.training.losses import balanced, dice, focal, score_loss, true_iou

HALF = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
UNDECIDED = torch.zeros(1, 1, 2, 2)


def test_undecided_focal_loss_is_the_entropy_times_a_quarter():
    assert focal(UNDECIDED, HALF).item() == pytest.approx(math.log(2) / 4)


def test_undecided_dice_loss():
    # inside: 4 × 0.5; common: 2 × 0.5
    assert dice(UNDECIDED, HALF).item() == pytest.approx(1 - (2 * 1 + 1) / (2 + 2 + 1))


def test_a_small_object_weighs_as_much_as_all_the_rest():
    small = torch.zeros(1, 1, 10, 10)
    small[..., 0, 0] = 1
    nothing = torch.full((1, 1, 10, 10), -3.0)
    miss, quiet = math.log(1 + math.exp(3)), math.log(1 + math.exp(-3))
    assert balanced(nothing, small).item() == pytest.approx((miss + quiet) / 2, rel=1e-5)


def test_perfect_answers_cost_nothing():
    sure = 40 * HALF - 20
    assert max(loss(sure, HALF).item() for loss in (focal, dice, balanced)) < 1e-6


def test_the_expected_iou_is_the_best_score():
    scores = torch.linspace(0.05, 0.95, 19)[:, None]
    costs = score_loss(scores, torch.full_like(scores, 0.7))
    assert scores[costs.argmin()].item() == pytest.approx(0.7)


def test_iou_is_counted_at_full_resolution():
    logits = torch.full((1, 1, 4, 4), -5.0)
    logits[..., :2] = 5.0
    inside = torch.zeros(1, 16, 16, dtype=torch.bool)
    inside[:, :8, :8] = True
    assert true_iou(logits, inside).item() == pytest.approx(0.5)


def test_nothing_answered_has_no_iou():
    assert true_iou(torch.full((1, 1, 4, 4), -1.0), torch.ones(1, 16, 16, dtype=torch.bool)).item() == 0.0


def test_a_missing_part_is_clicked_in_its_middle():
    target = torch.zeros(1, 16, 16)
    target[0, 2:9, 4:11] = 1
    xy, include = corrections(torch.full((1, 16, 16), -8.0), target)
    assert (xy.tolist(), include.tolist()) == ([[7 * 4 + 1.5, 5 * 4 + 1.5]], [True])


def test_a_part_too_much_is_excluded():
    logits = torch.full((1, 16, 16), -8.0)
    logits[0, 8:15, 8:15] = 8
    xy, include = corrections(logits, torch.zeros(1, 16, 16))
    assert (xy.tolist(), include.tolist()) == ([[11 * 4 + 1.5, 11 * 4 + 1.5]], [False])


def test_blocks_that_show_two_labels_are_borders():
    labels = torch.zeros(1, 8, 8, dtype=torch.int32)
    labels[0, :, 2:] = 5
    assert borders(labels).tolist() == [[[1.0, 0.0], [1.0, 0.0]]]
