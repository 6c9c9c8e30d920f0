import numpy as np
import pytest

from seg_app.records import Window
from seg_app.sam.caught import Caught
from seg_app.sam.consensus import agreed
from seg_app.sam.crops import Crop
from seg_app.sam.lowres import box_of
from seg_app.sam.outline import outline_of

EDGE, GRID = 64, 32
ASKED = {0: np.stack(np.meshgrid(np.arange(4.0, 128, 8), np.arange(4.0, 128, 8)), axis=-1).reshape(-1, 2)}


def answer(x, y, radius, *, at=(0, 0), score=0.9, point=None, arrival=0):
    """Return what a model says of a ball that a window at (x0, y0) shows."""
    place = (np.arange(GRID) + 0.5) * EDGE / GRID - 0.5
    logits = (radius - np.hypot(place[None] + at[0] - x, place[:, None] + at[1] - y)).astype(np.float32)
    box = np.array(box_of(logits, (EDGE, EDGE))) + np.tile(at, 2)
    crop = Crop(Window(0, at[1], at[0], at[1] + EDGE, at[0] + EDGE), np.empty((0, 2)), 0)
    return Caught(crop, score, 1.0, point or (x, y), tuple(box.tolist()), outline_of(logits), arrival)


def area(one):
    drawn = one.drawn(smallest=0)
    assert drawn
    return drawn.mask.area


def areas(answers, asked=ASKED):
    return [area(one) for one in agreed(answers, asked)]


def ball(radius):
    y, x = np.indices((EDGE, EDGE))
    return np.count_nonzero(np.hypot(y - 30, x - 30) < radius)


@pytest.fixture
def points_inside():
    """Those that are asked in a ball of radius 12 at (30, 30)."""
    return [(float(x), float(y)) for x, y in ASKED[0] if np.hypot(x - 30, y - 30) < 12]


def test_answers_of_one_point_are_as_they_are():
    assert areas([answer(30, 30, 5)]) == [area(answer(30, 30, 5))]


def test_answers_that_mean_the_same_are_one_object_of_their_mean_size(points_inside):
    radii = np.linspace(11, 13, len(points_inside))
    said = [answer(30, 30, r, point=p, arrival=i) for i, (r, p) in enumerate(zip(radii, points_inside, strict=True))]
    assert areas(said) == [pytest.approx(ball(12), rel=0.03)]


def test_windows_that_lie_differently_mean_the_same_object(points_inside):
    asked_at = zip([(0, 0), (7, 3), (2, 9), (5, 5)], points_inside, strict=False)
    said = [answer(30, 30, 12, at=at, point=p, arrival=i) for i, (at, p) in enumerate(asked_at)]
    assert areas(said) == [pytest.approx(ball(12), rel=0.02)]


def test_what_one_of_many_points_says_is_no_object(points_inside):
    assert len(points_inside) > 4
    assert areas([answer(30, 30, 12, point=points_inside[0])]) == []


def test_points_that_were_not_asked_say_nothing_against_an_object(points_inside):
    assert areas([answer(30, 30, 12, point=points_inside[0])], {0: np.array(points_inside[:1])}) == [
        pytest.approx(ball(12), rel=0.03)
    ]


def test_an_object_in_another_stays_an_object():
    asked = {0: np.array([(30.0, 30.0)])}
    assert areas([answer(30, 30, 20), answer(30, 30, 10, score=0.8, arrival=1)], asked) == [
        pytest.approx(ball(20), rel=0.03),
        pytest.approx(ball(10), rel=0.03),
    ]


def test_the_order_of_the_answers_does_not_matter(points_inside):
    rng = np.random.default_rng(0)
    asked_at = zip([11, 12, 13, 12, 11], points_inside, strict=False)
    said = [answer(30, 30, r, score=0.6 + i / 100, point=p) for i, (r, p) in enumerate(asked_at)]
    shuffled = [said[i] for i in rng.permutation(len(said))]
    assert areas(shuffled) == areas(said)


def test_nothing_that_was_answered_is_no_object():
    assert areas([]) == []
