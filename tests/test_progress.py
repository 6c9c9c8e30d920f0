"""What is being found while the user goes on: how far it is, what it has brought, and that none of it is lost."""

import numpy as np
import pytest
from benches import bench_of
from builders import square
from threads import until

from seg_app.models import Ending, Session, Volume
from seg_app.models.finding import Finding
from seg_app.sam import connect_sam
from seg_app.views.carrying import NOTHING, CarryingProgress, outcome
from seg_app.views.progress import seconds_left, spoken_left


class Slow(Finding):
    """Finds two squares, and then nothing for a long time."""

    title = "Finding squares"

    def run(self):
        with self._running():
            self.param.update(done=0.25, found=(square(2, 3), square(20, 30)))
            until(lambda: self.ending)
            return () if self.ending is Ending.DISCARD else self._session.keep_all(self.found)


@pytest.fixture
def bench():
    volume = Volume.from_array(np.zeros((3, 64, 96), np.uint8))
    with bench_of(Session(volume, connect_sam("classical:"))) as bench:
        yield bench


@pytest.fixture
def progress(bench):
    progress = CarryingProgress(bench, Slow(bench.session))
    yield progress
    progress.close()


def start(progress):
    progress.start()
    until(lambda: progress._finding.found)


def test_how_far_it_is_and_what_was_found_is_said(progress):
    start(progress)
    until(lambda: progress._text.text == "Finding squares: 25 % · 2 outlines so far")
    assert (progress._bar.value, progress._bar.visible, progress._paper.visible) == (25, True, True)
    progress._finding.found = (square(2, 3),)
    until(lambda: progress._text.text == "Finding squares: 25 % · 1 outline so far")


def test_how_long_it_will_still_take_is_said_by_what_is_done(progress, monkeypatch):
    monkeypatch.setattr(Slow, "elapsed_s", 40.0)
    start(progress)
    until(lambda: progress._text.text == "Finding squares: 25 %, about 2 min left · 2 outlines so far")


@pytest.mark.parametrize(
    ("done", "elapsed_s", "words"),
    [
        (0.02, 100, ""),
        (0.5, 4, ""),
        (0.5, 8, ", some seconds left"),
        (1.0, 8, ", some seconds left"),
        (0.5, 33, ", about 30 s left"),
        (0.5, 57, ", about 1 min left"),
        (0.1, 30, ", about 4 min left"),
        (0.04, 100, ", about 40 min left"),
        (0.03, 180, ", about 1.5 h left"),
    ],
)
def test_the_time_left_is_rounded_as_one_would_say_it(done, elapsed_s, words):
    assert spoken_left(seconds_left(done, elapsed_s)) == words


@pytest.mark.parametrize(("left_s", "said_s"), [(140, 120), (90, 120), (74, 60), (170, 180)])
def test_the_time_left_stays_as_it_was_said_while_that_is_about_right(left_s, said_s):
    assert seconds_left(0.5, left_s, said_s=120) == said_s


def test_what_was_found_is_kept_when_another_image_takes_the_place_of_this_one(bench, progress):
    start(progress)
    progress.close()
    until(lambda: len(bench.session.masks.masks) == 2)


def test_what_it_has_brought_is_said_until_that_is_undone(bench, progress):
    start(progress)
    progress._finding.end(Ending.KEEP)
    until(lambda: "2 outlines were accepted" in progress._text.text)
    assert progress._paper.visible
    bench.session.undo()
    assert not progress._paper.visible


def test_what_was_undone_before_it_could_be_said_is_not_said(bench, progress):
    accepted = bench.session.keep_all([square(2, 3)])
    bench.session.undo()
    progress._on_end(accepted)
    assert not progress._paper.visible


def test_who_discards_is_told_nothing(bench, progress):
    start(progress)
    progress._finding.end(Ending.DISCARD)
    until(lambda: not progress._paper.visible)
    assert bench.session.masks.masks == ()


@pytest.mark.parametrize(
    ("planes", "words"),
    [
        ((), NOTHING),
        ((4,), "1 outline was accepted on plane 5. Undo takes them away again."),
        ((2, 4, 4), "3 outlines were accepted on 2 other planes, 3 to 5. Undo takes them away again."),
    ],
)
def test_where_objects_were_found_is_said(planes, words):
    assert outcome(tuple(square(z=z) for z in planes)) == words


def test_planes_that_were_passed_over_are_named():
    assert outcome((), {6, 2}) == f"{NOTHING} Passed over, as it cannot be read: plane 3, 7."
