"""Simulated clicks, what they come to, and what is written of it; checked against counting by hand."""

import argparse
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from databars import powder, with_databar
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy.spatial.distance import cdist

from seg_app.cli import main
from seg_app.errors import MissingError, SettingsError, UnreadableError
from seg_app.evaluation import command
from seg_app.evaluation.clicks import Disc, largest_disc, next_click
from seg_app.evaluation.figures import ScoreBin, by_size, calibration_error, mean_iou, reliability, timing
from seg_app.evaluation.labelled import Labelled, labelled_images, objects_of, read_labels, spread
from seg_app.evaluation.report import model_card, report, table
from seg_app.evaluation.trials import Answer, Evaluation, Trial, evaluate, iou
from seg_app.models import Volume
from seg_app.records import Point
from seg_app.sam import Candidate
from seg_app.sam.checkpoints import Checkpoint

SMALL = array_shapes(min_dims=2, max_dims=2, max_side=9)
PAIRS = SMALL.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


# Where the clicks are


@given(arrays(bool, SMALL))
def test_the_largest_disc_is_the_one_of_brute_force(region) -> None:
    around = np.pad(region, 1)
    inside, outside = np.argwhere(around), np.argwhere(~around)
    if not len(inside):
        assert largest_disc(region) is None
        return
    radii = cdist(inside, outside).min(axis=1)
    y, x = inside[radii >= radii.max() - 1e-9][0] - 1
    assert largest_disc(region) == Disc(y, x, pytest.approx(radii.max()))


@given(PAIRS)
def test_every_click_is_on_a_pixel_that_is_wrong(pair) -> None:
    truth, answer = pair
    click = next_click(truth, answer)
    if click is None:
        np.testing.assert_array_equal(truth, answer)
    else:
        assert (truth[click.y, click.x], answer[click.y, click.x]) == (click.include, not click.include)


def block(rows: slice, columns: slice) -> np.ndarray:
    bits = np.zeros((20, 30), dtype=bool)
    bits[rows, columns] = True
    return bits


NOTHING = block(slice(0), slice(0))


def test_the_first_click_is_in_the_middle_of_the_object() -> None:
    assert next_click(block(slice(4, 11), slice(8, 15)), NOTHING) == Point(11, 7)


def test_beyond_the_border_of_the_image_is_outside() -> None:
    assert next_click(block(slice(0, 5), slice(0, 5)), NOTHING) == Point(2, 2)


def test_more_missing_than_too_much_asks_for_an_including_click() -> None:
    answer = block(slice(0, 7), slice(0, 6)) | block(slice(15, 18), slice(20, 23))
    assert next_click(block(slice(0, 7), slice(0, 13)), answer) == Point(9, 3)


def test_more_too_much_than_missing_asks_for_an_excluding_click() -> None:
    answer = block(slice(0, 7), slice(3, 17))
    assert next_click(block(slice(0, 7), slice(0, 10)), answer) == Point(13, 3, include=False)


@given(PAIRS.filter(lambda pair: pair[0].any()))
def test_iou_is_that_of_sets_of_pixels(pair) -> None:
    a, b = (set(zip(*np.nonzero(bits), strict=True)) for bits in pair)
    assert iou(*pair) == len(a & b) / len(a | b)


# Segmenters that know the truth: in the images here, each object is of a colour of its own


class Oracle:
    """Outline exactly what has the colour of the first click; `part` of it, from the top."""

    name = "Oracle · exact"

    def __init__(self, *, part: float = 1.0, score: float = 1.0, input_size: int = 256) -> None:
        self.part, self.score, self.input_size = part, score, input_size
        self.seen: list[tuple[tuple[int, ...], tuple[Point, ...]]] = []

    def embed(self, image, *, client="") -> None:
        pass

    def predict(self, image, prompts, *, previous=None) -> list[Candidate]:  # noqa: ARG002
        self.seen.append((image.shape, prompts.points))
        first = prompts.points[0]
        inside = (image == image[round(first.y), round(first.x)]).all(axis=2)
        inside &= np.cumsum(inside).reshape(inside.shape) <= self.part * inside.sum()
        return [Candidate(np.where(inside, 5, -5).astype(np.float32), self.score), Candidate(-inside.astype("f4"), 0.1)]

    def close(self) -> None:
        self.seen.append(((), ()))


SCENE = {(250, 10, 10): (5, 15, 5, 25), (10, 250, 10): (20, 40, 30, 70), (10, 10, 250): (45, 49, 3, 8)}
"""Colour -> rows and columns of its object: 200, 800 and 20 pixels, of which the last is too small."""


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Two images with their labels, which are the same pictures."""
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    for colour, (top, bottom, left, right) in SCENE.items():
        picture[top:bottom, left:right] = colour
    for folder in ("images", "labels"):
        (tmp_path / "scenes" / folder).mkdir(parents=True)
        for name in ("a.png", "b.png"):
            Image.fromarray(picture).save(tmp_path / "scenes" / folder / name)
    return tmp_path / "scenes" / "images", tmp_path / "scenes" / "labels"


@pytest.fixture
def pairs(folders) -> list[Labelled]:
    return labelled_images(*folders)


def test_an_oracle_is_right_everywhere(pairs) -> None:
    found = evaluate(pairs, Oracle(), data="scenes", clicks=5)
    assert [[answer.iou for answer in trial.answers] for trial in found.trials] == [[1.0]] * 4
    assert [mean_iou(found, n).over_images for n in (1, 3, 5)] == [1.0] * 3


def test_half_an_oracle_is_half_right_however_often_one_clicks(pairs) -> None:
    found = evaluate(pairs, Oracle(part=0.5), data="scenes", clicks=3)
    assert [[answer.iou for answer in trial.answers] for trial in found.trials] == [[0.5] * 3] * 4


def test_an_empty_answer_counts_as_nothing_right_and_has_no_score(pairs) -> None:
    found = evaluate(pairs, Oracle(part=0.0), data="scenes", clicks=1)
    assert {(trial.answers[0].iou, trial.answers[0].score) for trial in found.trials} == {(0.0, None)}
    assert reliability(found, 1) == []


def test_objects_are_known_by_image_and_area_and_small_ones_are_counted(pairs) -> None:
    found = evaluate(pairs, Oracle(), data="scenes", clicks=1)
    assert [(t.image, t.area_px) for t in found.trials] == [
        ("a.png", 200),
        ("a.png", 800),
        ("b.png", 200),
        ("b.png", 800),
    ]
    assert (found.data, found.engine, found.too_small) == ("scenes", "Oracle · exact", 2)


def test_each_object_starts_from_nothing_and_is_corrected_with_all_its_clicks(pairs) -> None:
    oracle = Oracle(part=0.5)
    evaluate(pairs[:1], oracle, data="scenes", clicks=2)
    assert [len(points) for _, points in oracle.seen] == [1, 2, 1, 2]
    assert oracle.seen[1][1][0] == oracle.seen[0][1][0]


def test_an_object_limit_takes_objects_of_all_sizes(pairs) -> None:
    found = evaluate(pairs, Oracle(), data="scenes", clicks=1, objects=1)
    assert [trial.area_px for trial in found.trials] == [800, 800]


def test_an_image_larger_than_the_input_is_answered_on_windows_as_in_the_app(tmp_path) -> None:
    picture = np.zeros((256, 256, 3), dtype=np.uint8)
    picture[8:16, 8:20], picture[64:240, 40:200] = (250, 10, 10), (10, 250, 10)
    Image.fromarray(picture).save(tmp_path / "a.png")
    oracle = Oracle(input_size=64)
    found = evaluate([Labelled(tmp_path / "a.png", tmp_path / "a.png")], oracle, data="large", clicks=1)
    assert [trial.answers[0].iou for trial in found.trials] == [1.0, pytest.approx(1.0, abs=1e-3)]
    # and the small one once more, enlarged
    assert {shape for shape, _ in oracle.seen} == {(64, 64, 3), (32, 32, 3)}
    assert len(oracle.seen) == 2 + 3  # the large one is cut by windows of a pixel and of two


def test_an_object_is_clicked_where_a_databar_is_suspected(tmp_path) -> None:
    picture, labels = with_databar(powder(472, 512, seed=472), 30, "zeiss"), np.zeros((472, 512), np.uint8)
    labels[445:470, 20:60] = 1
    assert Volume.from_array(picture).is_databar(460)
    for name, array in (("image", picture), ("labels", labels)):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    found = evaluate([Labelled(tmp_path / "image.png", tmp_path / "labels.png")], Oracle(), data="bar", clicks=1)
    assert [trial.area_px for trial in found.trials] == [25 * 40]


def test_a_volume_is_no_micrograph(tmp_path, pairs) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 60, 80), np.uint8))
    with pytest.raises(UnreadableError, match="has 3 planes"):
        evaluate([Labelled(tmp_path / "a.npy", pairs[0].labels)], Oracle(), data="", clicks=1)


# Images and labels


def test_images_and_labels_belong_together_by_name_and_others_are_counted(folders, caplog) -> None:
    images, labels = folders
    (labels / "b.png").unlink()
    np.save(labels / "a.npy", np.zeros((60, 80)))
    (labels / "a.png").unlink()
    assert labelled_images(images, labels) == [Labelled(images / "a.png", labels / "a.npy")]
    assert "1 of 2 images" in caplog.text


def test_unwanted_images_are_left_out(folders) -> None:
    assert [pair.name for pair in labelled_images(*folders, keep=lambda name: name == "b.png")] == ["b.png"]


def test_folders_that_do_not_fit_are_named(folders, tmp_path) -> None:
    with pytest.raises(MissingError, match="No image in"):
        labelled_images(folders[0], tmp_path)
    with pytest.raises(MissingError, match="There is no folder"):
        labelled_images(folders[0], tmp_path / "none")


LABELS = np.array([[0, 1, 1, 300], [0, 2, 2, 300]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_whole_numbers_are_labels(tmp_path, dtype) -> None:
    np.save(tmp_path / "a.npy", LABELS.clip(max=200).astype(dtype))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy", (2, 4)), LABELS.clip(max=200))


def test_a_16_bit_png_has_labels_above_255(tmp_path) -> None:
    Image.fromarray(LABELS.astype(np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", (2, 4)), LABELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_each_colour_is_an_object_and_black_or_transparent_is_none(tmp_path, mode) -> None:
    colours = [(0, 0, 0, 255), (1, 0, 0, 255), (0, 0, 1, 255), (9, 9, 9, 255 if mode == "RGB" else 0)]
    Image.fromarray(np.array([colours], np.uint8)).convert(mode).save(tmp_path / "a.png")
    assert len(np.unique(read_labels(tmp_path / "a.png", (1, 4)))) == (4 if mode == "RGB" else 3)
    assert read_labels(tmp_path / "a.png", (1, 4))[0, 0] == 0


@pytest.mark.parametrize("array", [np.zeros((2, 4)), np.zeros((4, 2), np.uint8), np.zeros((2, 2, 4), np.uint8)])
def test_labels_that_do_not_fit_are_refused(tmp_path, array) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnreadableError, match="whole numbers of one plane of 2 × 4 pixels"):
        read_labels(tmp_path / "a.npy", (2, 4))


def test_objects_come_by_size_and_those_below_30_pixels_are_left_out() -> None:
    assert objects_of(np.repeat([0, 7, 5, 9, 3], [100, 31, 30, 29, 90])) == ([5, 7, 3], 1)


@pytest.mark.parametrize(("limit", "kept"), [(None, [*range(9)]), (9, [*range(9)]), (3, [1, 4, 7]), (1, [4])])
def test_a_limit_spreads_over_all(limit, kept) -> None:
    assert spread(range(9), limit) == kept


# Figures


def trial(image: str, area_px: int, *answers: tuple[float, float | None, float]) -> Trial:
    return Trial(image, area_px, tuple(Answer(*answer) for answer in answers))


EVALUATION = Evaluation(
    "drawn",
    "Oracle · exact",
    (
        trial("a", 100, (0.85, 0.95, 3.0), (1.0, 0.99, 0.5)),
        trial("a", 255, (0.95, 0.92, 0.1), (0.75, 0.92, 0.2)),
        trial("b", 256, (0.15, 0.35, 1.0), (0.35, 0.35, 0.4)),
        trial("b", 99999, (0.0, None, 0.3), (0.1, 1.0, 0.5)),
    ),
    too_small=1,
)


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


# What is written


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [(1, 2)]) == "| a | b |\n| --- | --: |\n| 1 | 2 |"


def test_a_report_has_every_figure() -> None:
    text = report(EVALUATION, (1, 2))
    assert "Engine: Oracle · exact. Images: 2. Objects: 4; left out, as smaller than 30 pixels: 1." in text
    assert "| 1 | 0.487 | 0.487 | 25% | 0.090 |" in text
    assert "| below 16 | 2 | 0.900 | 0.875 |" in text
    assert "| from 128 | 1 | 0.000 | 0.100 |" in text
    assert "| 0.9 to 1.0 | 2 | 0.935 | 0.900 |" in text
    assert "first click on an image 2 s, of all others 0.35 s" in text


def test_a_report_of_nothing_says_so() -> None:
    assert report(Evaluation("drawn", "Oracle · exact", (), 0), (1,)).endswith(
        "Images: 0. Objects: 0; left out, as smaller than 30 pixels: 0.\n"
    )


@pytest.fixture
def weights(monkeypatch, tmp_path) -> Path:
    """Weights that are only read as bytes, as the bundled ones."""
    path = tmp_path / "sam2.1_hiera_micro.pt"
    path.write_bytes(b"x" * 1_250_000)
    monkeypatch.setattr(Checkpoint, "bundled", staticmethod(lambda: Checkpoint(path, "", origin="bundled")))
    return path


def test_a_card_tells_of_the_very_file_and_of_every_set_of_images(weights) -> None:
    text = model_card([EVALUATION, EVALUATION], (1, 2), weights=weights)
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in text
    assert "1.2 MB" in text
    assert text.count(report(EVALUATION, (1, 2)).rstrip()) == 2
    assert "$" not in text


def test_a_jpeg_holds_no_labels(tmp_path) -> None:
    for name in ("a.png", "labels/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    with pytest.raises(MissingError, match="has labels in"):
        labelled_images(tmp_path, tmp_path / "labels")


def test_two_label_images_of_one_name_are_refused(folders) -> None:
    labels = next(folders[1].iterdir())
    shutil.copy(labels, labels.with_suffix(".tif"))
    with pytest.raises(UnreadableError, match=f"both labels of '{labels.stem}'"):
        labelled_images(*folders)


# The command


def options_of(folders, *further: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["--images", str(folders[0]), "--labels", str(folders[1]), *further])


def test_the_command_reports_what_the_segmenter_did(folders, capsys) -> None:
    oracle = Oracle()
    command.run(options_of(folders, "--clicks", "2,1", "--limit", "1"), lambda _: oracle)
    assert (
        "### scenes\n\nEngine: Oracle · exact. Images: 1. Objects: 2; left out, as smaller than 30 pixels: 1."
        in capsys.readouterr().out
    )
    assert oracle.seen[-1] == ((), ())  # closed


def test_the_command_says_that_images_were_held_out(folders, capsys) -> None:
    command.run(options_of(folders), lambda _: Oracle(), keep=lambda name: name == "b.png")
    assert "### scenes, held out" in capsys.readouterr().out


def test_the_command_asks_for_the_engine_that_was_named(folders) -> None:
    asked = []
    for further in ((), ("--engine", "classical:")):
        command.run(options_of(folders, *further), lambda uri: asked.append(uri) or Oracle())
    assert asked == [None, "classical:"]


@pytest.mark.usefixtures("weights")
def test_the_command_writes_the_card_of_the_bundled_weights(folders, tmp_path) -> None:
    asked = []
    card = tmp_path / "cards" / "MODEL_CARD.md"
    connect = lambda uri: asked.append(uri) or Oracle()  # noqa: E731
    command.run(options_of(folders, "--card", str(card)), connect, keep=lambda _: True)
    assert card.read_text().startswith("# Model card: sam2.1_hiera_micro.pt\n")
    assert asked == ["bundled:"]


@pytest.mark.usefixtures("weights")
def test_a_card_of_another_engine_is_refused_before_anything_is_done(folders) -> None:
    with pytest.raises(SettingsError, match="not 'classical:'"):
        command.run(options_of(folders, "--card", "card.md", "--engine", "classical:"), pytest.fail)


def test_a_card_of_weights_that_are_not_there_is_refused(folders, monkeypatch) -> None:
    monkeypatch.setattr(Checkpoint, "bundled", staticmethod(lambda: None))
    with pytest.raises(SettingsError, match="this installation has none"):
        command.run(options_of(folders, "--card", "card.md"), pytest.fail, keep=lambda _: True)


def test_a_card_about_what_was_trained_on_is_refused(folders) -> None:
    with pytest.raises(SettingsError, match="Add --held-out"):
        command.run(options_of(folders, "--card", "card.md"), pytest.fail)


def test_a_wrong_folder_is_said_before_a_model_is_loaded(folders, tmp_path) -> None:
    with pytest.raises(MissingError, match="There is no folder"):
        command.run(options_of((tmp_path / "none", folders[1])), pytest.fail)


def test_as_many_folders_of_labels_as_of_images_are_needed(folders) -> None:
    with pytest.raises(SettingsError, match="2 folders of images and 1 of labels"):
        command.run(options_of(folders, "--images", "a", "b"), pytest.fail)


@pytest.mark.parametrize(("text", "counts"), [("1,3,5", (1, 3, 5)), ("5,1,1", (1, 5)), ("2", (2,))])
def test_numbers_of_clicks_are_read(text, counts) -> None:
    assert command.click_counts(text) == counts


@pytest.mark.parametrize("text", ["", "0", "1,,2", "-1", "1.5", "²"])
def test_what_is_no_number_of_clicks_is_refused(text) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a whole number above 0"):
        command.click_counts(text)


def test_the_command_line_evaluates_the_classical_segmenter(folders, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)  # without a .env
    where = ["--images", str(folders[0]), "--labels", str(folders[1])]
    assert main(["evaluate", *where, "--engine", "classical:", "--clicks", "1"]) == 0
    assert "Engine: Classical · no weights. Images: 2. Objects: 4;" in capsys.readouterr().out
