"""Objects followed through labelled volumes, what that comes to, and what is written of it; counted by hand."""

import argparse

import numpy as np
import pytest

from seg_app.errors import MissingError, SegmenterError, SettingsError, UnreadableError
from seg_app.evaluation import command
from seg_app.evaluation.courses import Course, outcome_of
from seg_app.evaluation.report import model_card, volume_report
from seg_app.evaluation.volumes import BY_CLICK, BY_MASK, LabelledVolume, VolumeEvaluation, evaluate_volume
from seg_app.sam import Candidate
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.followed import Followed, OnPlane

PLANES = {3: (20, 40, 1, 4), 7: (60, 90, 2, 4), 9: (5, 15, 2, 3)}
"""Grey value and label of an object -> the rows and columns of its square, and the planes from and to which it is."""


def labels() -> np.ndarray:
    truth = np.zeros((5, 100, 120), np.uint16)
    for value, (low, high, first, last) in PLANES.items():
        truth[first:last, low:high, low:high] = value
    return truth


class Oracle:
    """Follow exactly the grey value of an object; `until` a plane, and `beyond` its end what is in its place."""

    name, input_size = "Oracle · exact", 256

    def __init__(self, *, until: int = 9, beyond: bool = False, answers: bool = True) -> None:
        self.until, self.beyond, self.answers, self.closed = until, beyond, answers, False

    def embed(self, image, *, client="") -> None:
        pass

    def predict(self, image, prompts, *, previous=None) -> list[Candidate]:  # noqa: ARG002
        point = prompts.points[0]
        inside = (image == image[round(point.y), round(point.x)]).all(axis=2) & self.answers
        return [Candidate(np.where(inside, 5, -5).astype(np.float32), 0.9)]

    def propagate(self, planes, start, masks):
        for z in (*range(start + 1, len(planes)), *range(start - 1, -1, -1)):
            if z < self.until:
                found = {number: self._found(planes, z, start, mask) for number, mask in masks.items()}
                yield OnPlane(z, {number: Followed(logits, 0.9, 5.0) for number, logits in found.items()})

    def _found(self, planes, z, start, mask) -> np.ndarray:
        inside = mask if self.beyond else mask & (planes[z] == planes[start]).all(axis=2)
        return np.where(inside, 5, -5).astype(np.float32)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def files(tmp_path):
    """A volume whose grey values are its labels, and these."""
    np.save(tmp_path / "cube.npy", labels() * 20)
    np.save(tmp_path / "truth.npy", labels())
    return tmp_path / "cube.npy", tmp_path / "truth.npy"


def evaluated(files, segmenter, **more) -> VolumeEvaluation:
    return evaluate_volume(LabelledVolume.from_files(*files), segmenter, data="cube", **more)


def ious(found: VolumeEvaluation, how: str) -> list[float]:
    return [course.iou for course in found.courses[how]]


def test_an_oracle_is_right_everywhere_however_objects_are_given(files) -> None:
    found = evaluated(files, Oracle())
    assert (found.plane, found.too_small) == (2, 1)
    assert {how: ious(found, how) for how in found.courses} == {BY_MASK: [1.0, 1.0], BY_CLICK: [1.0, 1.0]}
    assert found.courses[BY_MASK][0] == Course(2, (0, 400, 400, 400, 0), (0, 400, 400, 400, 0), (0, 400, 400, 400, 0))


def test_what_is_given_up_too_soon_is_missed(files) -> None:
    found = evaluated(files, Oracle(until=3))
    assert ious(found, BY_MASK) == [pytest.approx(2 / 3), 0.5]


def test_what_is_claimed_beyond_the_end_is_too_much(files) -> None:
    found = evaluated(files, Oracle(beyond=True))
    assert ious(found, BY_MASK) == [pytest.approx(3 / 5), pytest.approx(2 / 5)]


def test_a_click_without_an_answer_finds_nothing_anywhere(files) -> None:
    assert ious(evaluated(files, Oracle(answers=False)), BY_CLICK) == [0.0, 0.0]


def test_a_limit_chooses_among_the_objects(files) -> None:
    assert len(evaluated(files, Oracle(), objects=1).courses[BY_MASK]) == 1


def test_a_plane_without_objects_comes_to_nothing(files) -> None:
    found = evaluate_volume(LabelledVolume.from_files(*files, plane=0), Oracle(), data="cube")
    assert found.courses == {BY_MASK: (), BY_CLICK: ()}
    assert "Objects: 0; left out" in volume_report(found)


def test_labels_of_another_shape_or_kind_are_refused(files, tmp_path) -> None:
    for wrong in (np.zeros((5, 100, 121), np.uint8), np.zeros((5, 100, 120))):
        np.save(tmp_path / "wrong.npy", wrong)
        with pytest.raises(UnreadableError, match="whole numbers of the shape"):
            LabelledVolume.from_files(files[0], tmp_path / "wrong.npy")


def test_a_plane_that_is_not_there_is_refused(files) -> None:
    with pytest.raises(SettingsError, match="no plane 5"):
        LabelledVolume.from_files(*files, plane=5)


def test_a_segmenter_without_a_memory_is_refused(files) -> None:
    with pytest.raises(SegmenterError, match="cannot follow objects"):
        evaluated(files, ClassicalSegmenter())


# What it comes to

COURSES = (
    Course(1, (0, 10, 10, 10), (0, 8, 10, 0), (0, 8, 5, 0)),
    Course(1, (0, 4, 4, 0), (4, 4, 4, 0), (0, 4, 4, 0)),
)
"""IoU 13 / 35 and 8 / 12; on the three other planes where they are 5 / 15, 0, 1; claimed on 1 of 3 without them."""


def test_figures_are_those_of_counting() -> None:
    found = outcome_of(COURSES)
    assert (found.mean, found.median) == (pytest.approx((13 / 35 + 8 / 12) / 2), pytest.approx((13 / 35 + 8 / 12) / 2))
    assert found.on_planes == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert (found.given_up, found.claimed) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_without_such_planes_there_is_no_figure() -> None:
    found = outcome_of([Course(0, (5,), (5,), (5,))])
    assert (found.mean, found.on_planes, found.given_up, found.claimed) == (1.0, None, None, None)


EVALUATION = VolumeEvaluation("cube", "Oracle · exact", 1, {BY_MASK: COURSES, BY_CLICK: COURSES[:1]}, 3, 0.25)


def test_a_report_has_a_row_for_each_way_of_giving_objects() -> None:
    text = volume_report(EVALUATION)
    assert text.startswith("### cube, objects of plane 1 followed\n\nEngine: Oracle · exact. Objects: 2; left out, as")
    assert "| its true mask | 0.519 | 0.519 | 0.444 | 33% | 33% |" in text
    assert "| one click | 0.371 | 0.371 | 0.167 | 50% | 0% |" in text
    assert "0.25 s for an object on a plane" in text


def test_a_card_tells_of_volumes_too(tmp_path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"x")
    text = model_card([], (1,), weights=tmp_path / "weights.pt", volumes=[EVALUATION])
    assert volume_report(EVALUATION).rstrip() in text


# The command


def options_of(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args([str(argument) for argument in arguments])


def test_the_command_follows_the_objects_of_a_plane(files, capsys) -> None:
    oracle = Oracle()
    command.run(options_of("--volumes", files[0], "--truths", files[1], "--plane", 2), lambda _: oracle)
    text = capsys.readouterr().out
    assert "### cube, objects of plane 2 followed" in text
    assert "| one click | 1.000 | 1.000 | 1.000 | 0% | 0% |" in text
    assert oracle.closed


def test_what_is_missing_is_said_before_a_model_is_loaded(files, tmp_path) -> None:
    with pytest.raises(SettingsError, match="nothing to evaluate"):
        command.run(options_of(), pytest.fail)
    with pytest.raises(SettingsError, match="1 volumes and 0 truths"):
        command.run(options_of("--volumes", files[0]), pytest.fail)
    with pytest.raises(MissingError):
        command.run(options_of("--volumes", files[0], "--truths", tmp_path / "none.npy"), pytest.fail)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("12", 12)])
def test_a_plane_is_counted_from_0(text, number) -> None:
    assert options_of("--plane", text).plane == number
