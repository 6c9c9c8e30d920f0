"""Undo and redo of what was accepted, and of what was said of the image, in the order in which it was done."""

import pytest
from builders import square

from seg_app.errors import StorageError
from seg_app.models import MaskSet, Notes, Session, Volume


def state(session):
    """Return how many objects there are, how wide a pixel is, and how many rows the databar has."""
    size_nm = session.volume.pixel_size_nm
    return len(session.masks.masks), size_nm and size_nm[2], session.volume.databar_rows


@pytest.fixture
def changed(session):
    """A session of which a scale, an object, a databar, another scale and an object came one after the other."""
    session.volume.calibrate(5)
    session.masks.add([square()])
    session.volume.set_databar(20)
    session.volume.calibrate(7)
    session.masks.add([square(40)])
    return session


STATES = [(0, None, 0), (0, 5, 0), (1, 5, 0), (1, 5, 20), (1, 7, 20), (2, 7, 20)]


def test_each_change_is_taken_back_in_its_turn_and_comes_again(changed):
    seen = [state(changed)]
    for verb in [changed.undo] * 5 + [changed.redo] * 5:
        verb()
        seen.append(state(changed))
    assert seen == [*STATES[::-1], *STATES[1:]]


def test_it_is_known_whether_there_is_anything_to_take_back(session):
    known = lambda: (session.timeline.can_undo, session.timeline.can_redo)  # noqa: E731
    assert known() == (False, False)
    session.volume.calibrate(5)
    assert known() == (True, False)
    session.undo()
    assert known() == (False, True)


def test_to_return_to_what_the_file_says_can_be_taken_back(session):
    session.volume.calibrate(5)
    session.volume.forget_calibration()
    session.undo()
    assert state(session) == (0, 5, 0)


def test_what_is_said_again_is_no_change(session):
    session.volume.calibrate(5)
    session.volume.calibrate(5)
    session.undo()
    assert state(session) == (0, None, 0)


def test_objects_that_were_taken_back_do_not_come_again_after_something_was_said(session):
    session.masks.add([square()])
    session.masks.add([square(40)])
    session.undo()
    session.volume.calibrate(5)
    assert not session.timeline.can_redo
    session.redo()
    seen = [state(session)]
    session.undo()
    session.undo()
    for _ in range(3):
        session.redo()
        seen.append(state(session))
    assert seen == [(1, 5, 0), (1, None, 0), (1, 5, 0), (1, 5, 0)]


def test_what_was_said_at_one_time_is_taken_back_at_another_before_what_was_done_there(session):
    there = MaskSet()
    there.add([square()])
    session.volume.calibrate(5)
    session.masks.become(there)
    session.timeline.arrive()
    session.undo()
    assert state(session) == (1, None, 0)


@pytest.mark.parametrize("change", [lambda s: s.masks.add([square()]), lambda s: s.volume.set_databar(9)])
def test_after_another_change_nothing_is_redone(session, change):
    session.volume.calibrate(5)
    session.undo()
    change(session)
    session.redo()
    session.undo()
    session.redo()
    assert state(session)[1] is None


@pytest.fixture
def two_tabs(volume, segmenter, tmp_path):
    """A session, and the same image in another tab."""
    volume.keep_notes(Notes.of_image(tmp_path, volume.image))
    other = Volume.of(volume.whole.at({}))
    other.keep_notes(Notes.of_image(tmp_path, volume.image))
    return Session(volume, segmenter), other


def test_what_was_said_anew_elsewhere_is_not_taken_back(two_tabs):
    session, other = two_tabs
    session.volume.calibrate(5)
    other.calibrate(8)
    session.undo()
    assert (state(session), session.timeline.can_undo) == ((0, 8, 0), False)


def test_undo_returns_to_what_was_said_elsewhere(two_tabs):
    session, other = two_tabs
    other.calibrate(8)
    session.volume.calibrate(5)
    session.undo()
    assert state(session) == (0, 8, 0)


def test_what_cannot_be_kept_is_not_taken_back(volume, segmenter, tmp_path, monkeypatch):
    volume.keep_notes(Notes.of_image(tmp_path, volume.image))
    session = Session(volume, segmenter)
    volume.calibrate(5)

    def fail(*_, **__):
        raise StorageError("full")

    with monkeypatch.context() as full:
        full.setattr(Notes, "change", fail)
        with pytest.raises(StorageError):
            session.undo()
    assert state(session) == (0, 5, 0)
    session.undo()
    assert state(session) == (0, None, 0)
