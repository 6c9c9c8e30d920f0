import numpy as np
import pytest

from seg_app.geometry import iou
from seg_app.records import Box, Window
from seg_app.sam.automask import Answers, search
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.crops import Crop, area_of, crops_of
from seg_app.sam.lowres import box_of, stability, without_specks
from seg_app.sam.outline import enlarged, outline_of, places

SIZE = 128
"""Edge of the input of the model that the tests make up."""
GRID = SIZE // 2


class Balls:
    """A model that knows where balls (x, y, radius) are: a point on one is answered by its distance to the edge."""

    def __init__(self, balls, window: np.ndarray) -> None:
        # the first pixel of the window says where it lies
        self.x0, self.y0 = (int(window[0, 0, i]) + 256 * int(window[0, 0, 2] >> (4 * i) & 15) for i in (0, 1))
        self.balls, self.shape, self.asked = balls, window.shape[:2], []

    def decode(self, points, options):  # noqa: ARG002
        self.asked += points.tolist()
        y, x = (np.arange(GRID) + 0.5, np.arange(GRID) + 0.5)
        y, x = y * self.shape[0] / GRID - 0.5 + self.y0, x * self.shape[1] / GRID - 0.5 + self.x0
        balls = np.array(self.balls, ndmin=2)
        for px, py in points:
            is_on = np.hypot(px + self.x0 - balls[:, 0], py + self.y0 - balls[:, 1]) < balls[:, 2]
            for bx, by, radius in balls[is_on]:
                logits = radius - np.hypot(x[None] - bx, y[:, None] - by)
                yield Answers(logits[None].astype(np.float32), np.array([0.9]), np.array([[px, py]]))


class MoodyBalls(Balls):
    """What it says of a ball, and how sure it is, depends on the window and the point, as with a true model."""

    def decode(self, points, options):
        for answers in super().decode(points, options):
            rng = np.random.default_rng([self.x0, self.y0, *answers.points[0].astype(int)])
            size, score = rng.uniform(-1, 1), rng.uniform(0.85, 0.95, 1).astype(np.float32)
            yield Answers(answers.logits + np.float32(0.1 * answers.logits.max() * size), score, answers.points)


def located(rows: int, columns: int) -> np.ndarray:
    """Return an image each pixel of which says where it is."""
    y, x = np.indices((rows, columns))
    return np.stack([x % 256, y % 256, (x // 256) | (y // 256) << 4], axis=2).astype(np.uint8)


def found(balls, image, options, *, size=SIZE, shift=0, model=Balls):
    crops = crops_of(image, options, size=size, shift=shift)
    return list(search(image, crops, options, open_window=lambda window: model(balls, window)))


BALLS = [(30, 40, 12), (90, 30, 8), (70, 90, 20)]
EASY = AutoOptions(points_per_side=16, stability_score_thresh=0.0)


def test_each_ball_is_found_once_and_exactly():
    masks = [auto.mask for auto in found(BALLS, located(SIZE, SIZE), EASY)[-1].masks]
    y, x = np.indices((SIZE, SIZE))
    areas = sorted(np.count_nonzero(np.hypot(y - by, x - bx) < r) for bx, by, r in BALLS)
    assert sorted(mask.area for mask in masks) == pytest.approx(areas, rel=0.06)


def test_masks_come_before_the_end_and_progress_rises():
    steps = found(BALLS, located(SIZE, SIZE), EASY)
    assert [step.done for step in steps] == [0.25, 0.5, 0.75, 1.0]
    assert [len(step.masks) for step in steps] == [1, 2, 3, 3]


def test_a_search_that_is_closed_asks_no_more():
    decoder = Balls(BALLS, located(SIZE, SIZE))
    image = located(SIZE, SIZE)
    steps = search(image, crops_of(image, EASY, size=SIZE), EASY, open_window=lambda _: decoder)
    next(steps)
    steps.close()
    assert len(decoder.asked) == EASY.points_per_batch


def test_nothing_to_ask_is_the_end_at_once():
    image = located(SIZE, SIZE)
    crop = Crop(Window(0, 0, 0, SIZE, SIZE), np.empty((0, 2)), 0)
    assert [step.done for step in search(image, [crop], EASY, open_window=lambda _: pytest.fail("asked"))] == [1.0]


def test_points_inside_what_is_found_are_spared():
    image = located(SIZE, SIZE)
    options = AutoOptions(points_per_side=16, points_per_batch=16, stability_score_thresh=0.0, spare_above=0.8)
    decoder = Balls(BALLS, image)
    *_, last = search(image, crops_of(image, options, size=SIZE), options, open_window=lambda _: decoder)
    on_balls = sum(any(np.hypot(x - bx, y - by) < r - 2 for bx, by, r in BALLS) for x, y in decoder.asked)
    assert len(last.masks) == 3
    assert on_balls <= 8


def test_a_region_bounds_the_search():
    masks = found(BALLS, located(SIZE, SIZE), AutoOptions(stability_score_thresh=0.0, region=Box(0, 0, 60, 127)))[
        -1
    ].masks
    assert max(auto.mask.x1 for auto in masks) <= 61


@pytest.mark.parametrize(
    ("options", "area"),
    [
        (AutoOptions(), (0, 0, 100, 200)),
        (AutoOptions(excluded_rows=(90, 100)), (0, 0, 90, 200)),
        (AutoOptions(excluded_rows=(0, 7), region=Box(-5, -5, 20, 300)), (7, 0, 100, 21)),
    ],
)
def test_the_searched_area_is_the_region_without_the_databar(options, area):
    window = area_of(options, (100, 200, 3))
    assert (window.y0, window.x0, window.y1, window.x1) == area


WINDOWS = AutoOptions(points_per_side=32, stability_score_thresh=0.0, windows=True)
EDGE = 256
SCATTERED = 7


def test_only_the_last_step_of_windows_is_the_end():
    *before, last = [step.done for step in found(BALLS, located(SIZE, 2 * SIZE), WINDOWS)]
    assert max(before) == pytest.approx(0.95)
    assert last == 1.0


def test_windows_find_what_one_look_is_too_coarse_for_and_large_things_too():
    rng = np.random.default_rng(3)
    small = [
        (x + rng.uniform(-5, 5), y + rng.uniform(-5, 5), 9.0) for x in range(30, 740, 60) for y in range(30, 300, 60)
    ]
    balls = [*small, (500.0, 550.0, 170.0)]
    assert len(found(balls, located(768, 768), WINDOWS, size=EDGE)[-1].masks) == len(balls)


def scattered(shift, *, model):
    """Return what is found of balls beside each other when the windows lie elsewhere."""
    rng = np.random.default_rng(5)
    places = range(40, 40 + 70 * SCATTERED, 70)
    centres = [(x, y) for x in places for y in places]
    balls = [(x + rng.uniform(-9, 9), y + rng.uniform(-9, 9), rng.uniform(14, 24)) for x, y in centres]
    image = located(places.stop - 12, places.stop - 12)
    return [auto.mask for auto in found(balls, image, WINDOWS, size=EDGE, shift=shift, model=model)[-1].masks]


def alike(masks, others):
    return np.mean([max(iou(mask, other) for other in others) > 0.9 for mask in masks])


def test_where_the_windows_lie_does_not_matter():
    here, *elsewhere = (scattered(shift, model=Balls) for shift in (0, EDGE // 8, EDGE // 4, EDGE // 2))
    assert [len(masks) for masks in (here, *elsewhere)] == [SCATTERED**2] * 4
    assert all(alike(here, there) >= 0.97 for there in elsewhere)


def test_where_the_windows_lie_hardly_matters_to_a_model_that_sees_more_than_the_object():
    here, there = (scattered(shift, model=MoodyBalls) for shift in (0, EDGE // 4))
    assert len(here) == pytest.approx(SCATTERED**2, abs=1)
    assert min(alike(here, there), alike(there, here)) >= 0.97


def test_windows_cover_the_area_and_each_point_is_asked_once():
    image = np.zeros((300, 700, 3), np.uint8)
    crops = [crop for crop in crops_of(image, AutoOptions(windows=True), size=SIZE) if crop.group == 0]
    covered = np.zeros((300, 700), bool)
    for crop in crops:
        covered[crop.window.y0 : crop.window.y1, crop.window.x0 : crop.window.x1] = True
    points = {(x + c.window.x0, y + c.window.y0) for c in crops for x, y in c.points.tolist()}
    assert covered.all()
    assert len(points) == sum(len(crop.points) for crop in crops) == (300 // 4) * (700 // 4)


def test_no_crop_of_a_few_pixels_is_empty():
    crops = crops_of(np.zeros((1, 2, 3), np.uint8), AutoOptions(crop_n_layers=3), size=SIZE)
    assert min(crop.area for crop in crops) == 1


def test_blobs_are_asked_in_their_middle():
    y, x = np.indices((200, 200))
    grey = np.where(np.hypot(y - 60, x - 70) < 25, 200, 60).astype(np.uint8)
    crops = crops_of(np.repeat(grey[..., None], 3, axis=2), AutoOptions(blobs=True), size=SIZE)
    assert min(np.hypot(px - 70, py - 60) for px, py in crops[0].points) < 3


def test_drawing_and_box_are_those_of_a_plain_enlargement():
    logits = np.random.default_rng(0).normal(-2, 1, (32, 48)).astype(np.float16).astype(np.float32)
    whole = enlarged(logits, places(100, 32), places(230, 48)) > 0
    y0, x0, bits = outline_of(logits).bits((100, 230))
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    np.testing.assert_array_equal(whole[y0 : y0 + bits.shape[0], x0 : x0 + bits.shape[1]], bits)
    assert np.count_nonzero(whole) == np.count_nonzero(bits)
    assert box_of(logits, (100, 230)) == (columns[0], rows[0], columns[-1], rows[-1])


@pytest.mark.parametrize("length", [32, 128, 500, 2048])
def test_stability_in_doubt_is_that_of_the_enlarged_mask(length):
    y, x = np.indices((32, 32))
    logits = (4 - np.hypot(y - 15.3, x - 14.2)).astype(np.float32)
    fine = enlarged(logits, places(length, 32), places(length, 32))
    exact = np.count_nonzero(fine > 1) / np.count_nonzero(fine > -1)
    assert stability(logits, 1.0, shape=(length, length), doubt_at=exact) == pytest.approx(exact, abs=1e-3)


def test_specks_go_and_the_object_stays():
    bits = np.zeros((20, 20), bool)
    bits[2:14, 2:14] = True
    bits[5, 5] = False
    bits[18, 18] = True
    clean = without_specks(bits, 4)
    assert (np.count_nonzero(clean), clean[5, 5], clean[18, 18]) == (144, True, False)
    np.testing.assert_array_equal(without_specks(bits, 1), bits)
