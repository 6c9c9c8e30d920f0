import numpy as np
import pytest

from seg_app.sam.doubles import Doubles


def iou(a, b):
    sides = [max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1)]
    common = sides[0] * sides[1]
    return common / (sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)) - common)


def greedy(boxes, ranks, threshold):
    """Return what suppression of all at once leaves: the definition, for every pair."""
    kept = []
    for i in sorted(ranks, key=lambda one: (ranks[one], one)):
        if all(iou(boxes[i], boxes[other]) <= threshold for other in kept):
            kept.append(i)
    return kept


def some_boxes(count, seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 30, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(3, 20, (count, 2))], axis=1).tolist(), rng


def put_all(boxes, ranks, threshold):
    doubles = Doubles(threshold)
    for i, box in enumerate(boxes):
        doubles.put(i, box, (ranks[i],))
    return doubles


def test_of_two_boxes_that_overlap_the_better_one_is_kept():
    boxes, ranks = [(0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 50, 60)], [-0.5, -0.9, -0.7]
    assert put_all(boxes, ranks, 0.7).kept == [1, 2]
    assert put_all(boxes, ranks, 0.95).kept == [1, 2, 0]


def test_boxes_of_one_row_or_column_have_no_area_and_suppress_nothing():
    assert put_all([(0, 5, 10, 5), (5, 0, 5, 10), (0, 5, 10, 5)], [1, 2, 3], 0.0).kept == [0, 1, 2]


def test_what_is_dropped_comes_back_as_it_was():
    doubles = put_all([(0, 0, 10, 10), (0, 0, 10, 9)], [1, 2], 0.5)
    assert doubles.drop(0) == [(0, False), (1, True)]
    assert doubles.put(0, (50, 50, 60, 60), (9,)) == [(0, True), (1, False)]


def test_what_was_suppressed_by_a_suppressed_one_is_back():
    chain = [(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)]
    doubles = put_all(chain, [3, 2, 1], 0.3)
    assert doubles.kept == [2, 0]
    assert doubles.put(3, (9.5, 0, 19.5, 10), (0,)) == [(3, True), (2, False), (1, True), (0, False)]


@pytest.mark.parametrize("seed", range(8))
def test_however_they_come_and_go_greedy_suppression_is_what_is_left(seed):
    boxes, rng = some_boxes(120, seed)
    ranks = [tuple(rank) for rank in rng.integers(0, 7, (120, 2)).tolist()]  # some are equal
    doubles, there, kept = Doubles(0.3), {}, set()

    def follow(changes):
        for item, is_kept in changes:
            assert (item in kept) != is_kept
            kept.symmetric_difference_update({item})

    for step, box in enumerate(boxes):
        follow(doubles.put(step, box, ranks[step]))
        there[step] = ranks[step]
        if rng.random() < 0.4:
            gone = int(rng.choice(list(there)))
            follow(doubles.drop(gone))
            del there[gone]
            if rng.random() < 0.5:
                follow(doubles.put(gone, boxes[gone], ranks[gone]))
                there[gone] = ranks[gone]
    assert doubles.kept == greedy(boxes, there, 0.3)
    assert kept == set(doubles.kept)
    assert 10 < len(kept) < len(there)
