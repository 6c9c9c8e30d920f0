"""Objects that are clicked until they are right: what a segmenter that knows the truth comes to."""

import numpy as np
import pytest
from databars import powder, with_databar
from hypothesis import given
from masks import pairs_of_bits
from oracle import Oracle
from PIL import Image

from seg_app.errors import UnreadableError
from seg_app.evaluation.figures import mean_iou, reliability
from seg_app.evaluation.labelled import Labelled
from seg_app.evaluation.trials import evaluate, iou
from seg_app.models import Volume


@given(pairs_of_bits.filter(lambda pair: pair[0].any()))
def test_iou_is_that_of_sets_of_pixels(pair) -> None:
    a, b = (set(zip(*np.nonzero(bits), strict=True)) for bits in pair)
    assert iou(*pair) == len(a & b) / len(a | b)


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
