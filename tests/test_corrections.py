import pytest

from seg_app.models.corrections import KEPT, Corrections
from seg_app.records import Point, Prompts

ONE = Prompts((Point(1, 1),))
TWO, OTHER = ONE.with_point(Point(2, 2)), ONE.with_point(Point(3, 3))


@pytest.fixture
def corrections():
    found = Corrections()
    found.keep(ONE, "window", {"part": "of the part", "whole": "of the whole"})
    return found


def test_the_best_answer_is_corrected(corrections):
    assert corrections.before(TWO, "window") == "of the part"


def test_the_mask_that_was_chosen_is_corrected_and_stays_it(corrections):
    assert corrections.before(TWO, "window", chosen="whole") == "of the whole"
    assert corrections.before(OTHER, "window", chosen="a later mask") == "of the whole"


def test_nothing_is_corrected_that_was_seen_elsewhere(corrections):
    assert corrections.before(TWO, "another window") is None


def test_the_first_click_corrects_nothing(corrections):
    assert corrections.before(ONE, "window") is None


def test_old_answers_are_let_go(corrections):
    for i in range(KEPT):
        corrections.keep(TWO, i, {"mask": "trace"})
    assert corrections.before(TWO, "window") is None
