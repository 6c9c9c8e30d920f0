"""What a segmenter that has gone away was asked is asked again when it is back."""

import threading

import pytest
from benches import bench_of, click
from discs import DISCS, Brightness, discs
from threads import finish, until

from seg_app.errors import AwayError
from seg_app.models import Comeback, Session, Volume
from seg_app.models import comeback as module
from seg_app.sam import OnDemand
from seg_app.views.toolbar import hints

X, Y, _ = DISCS[0]


class Fickle(Brightness):
    """Answers while it is there."""

    here = True
    looks = 0

    def is_there(self):
        self.looks += 1
        return self.here

    def predict(self, image, prompts, *, previous=None, mask=None):  # noqa: ARG002
        if not self.here:
            raise AwayError("It is away.")
        return super().predict(image, prompts, previous=previous)


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.001)
    return Session(Volume.from_array(discs(*DISCS)), Fickle())


@pytest.fixture
def comeback(session):
    comeback = Comeback(session, session.outline)
    yield comeback
    comeback.close()


def click_in_vain(session):
    """Click while the segmenter is away, and wait until somebody looks for it."""
    session.segmenter.here = False
    with pytest.raises(AwayError):
        session.click(X, Y)
    until(lambda: session.segmenter.looks > 2)


@pytest.mark.usefixtures("comeback")
def test_a_click_that_was_not_answered_is_answered_when_the_segmenter_is_back(session):
    click_in_vain(session)
    assert session.draft.is_waiting
    session.segmenter.here = True
    until(lambda: session.draft.mask)
    assert (session.draft.answered, session.draft.is_waiting) == (True, False)


@pytest.mark.usefixtures("comeback")
def test_it_is_looked_for_as_often_as_it_goes_away(session):
    for _ in range(2):
        click_in_vain(session)
        session.segmenter.here = True
        until(lambda: session.draft.answered)
        session.draft.clear()
        session.segmenter.looks = 0


@pytest.mark.usefixtures("comeback")
def test_an_object_that_could_not_be_accepted_waits_outlined(session):
    session.add_point(X, Y)
    session.segmenter.here = False
    with pytest.raises(AwayError):
        session.accept()
    session.segmenter.here = True
    until(lambda: session.draft.mask)
    assert session.accept()


def test_a_segmenter_that_was_never_there_is_looked_for_too(monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.001)
    ways = iter([AwayError("It is away."), AwayError("It is away."), Fickle()])

    def connect():
        way = next(ways)
        if isinstance(way, AwayError):
            raise way
        return way

    session = Session(Volume.from_array(discs(*DISCS)), OnDemand(connect))
    with pytest.raises(AwayError):
        session.click(X, Y)
    comeback = Comeback(session, session.outline)  # a bench that comes only now
    until(lambda: session.draft.mask)
    comeback.close()


@pytest.mark.usefixtures("comeback")
def test_what_is_dropped_is_not_waited_for(session):
    click_in_vain(session)
    assert hints(session).startswith("The SAM server is away")
    session.drop()
    assert not session.draft.is_waiting
    assert hints(session).startswith("Click to outline")


def test_nobody_looks_for_it_any_more_after_the_bench_is_closed(session, comeback):
    click_in_vain(session)
    comeback.close()
    until(lambda: not comeback._is_looking)
    session.segmenter.here = True
    assert session.draft.is_waiting


def test_a_bench_says_no_longer_that_it_is_away_when_the_next_click_is_answered_before_anybody_looked(
    session, monkeypatch
):
    monkeypatch.setattr(module, "EVERY_S", 60)
    with bench_of(session) as bench:
        session.segmenter.here = False
        click(bench, X, Y)
        finish(bench)
        assert bench.worker.trouble == "It is away."
        session.segmenter.here = True
        click(bench, X + 1, Y)
        finish(bench)
        assert (bench.worker.trouble, session.draft.is_waiting, session.segmenter.looks) == ("", False, 0)


def test_a_bench_that_hears_too_late_that_it_was_away_says_so_no_longer_than_until_its_answer(session, monkeypatch):
    with bench_of(session) as bench:
        complain, comeback, is_back = bench.worker.complain, bench._comeback, threading.Event()
        ask_again = comeback._on_back
        comeback._on_back = lambda: (ask_again(), is_back.set())

        def complain_late(message, *, cause=None):
            session.segmenter.here = True
            is_back.wait()
            complain(message, cause=cause)

        monkeypatch.setattr(bench.worker, "complain", complain_late)
        session.segmenter.here = False
        click(bench, X, Y)
        until(lambda: session.draft.mask)
        finish(bench)
        assert bench.worker.trouble == ""
