"""Objects that are taken out of hand to be accepted: kept as they were, or back where they came from."""

import pytest
from discs import DISCS, is_disc

from seg_app.errors import SegmenterError
from seg_app.records import Point, Prompts


def test_a_taken_object_for_which_nothing_is_found_comes_back_and_is_known_to_be_none(session):
    session.add_point(5, 5)
    assert session.accept() is None
    assert session.draft.prompts == Prompts((Point(5, 5),))
    assert session.draft.is_useless


def test_an_object_that_is_not_outlined_yet_is_outlined_before_it_is_accepted(session):
    session.add_point(60, 50)
    assert is_disc(session.accept(), *DISCS[0])


def test_a_taken_object_is_kept_as_it_was_when_it_was_taken(session):
    session.class_name = "pore"
    session.click(60, 50)
    taken = session.take()
    session.go_to(0)
    session.class_name = "grain"
    session.add_point(150, 140)
    kept = session.keep(taken)
    assert (kept.z, kept.class_name, len(session.draft.prompts.points)) == (1, "pore", 1)
    assert is_disc(kept, *DISCS[0])


def test_a_taken_object_that_cannot_be_outlined_comes_back(session, segmenter):
    def fail():
        raise SegmenterError("gone")

    session.add_point(60, 50)
    taken = session.take()
    segmenter.meanwhile = fail
    with pytest.raises(SegmenterError):
        session.keep(taken)
    segmenter.meanwhile = lambda: None
    assert is_disc(session.accept(), *DISCS[0])


def test_a_taken_object_that_cannot_be_outlined_comes_back_to_the_plane_that_was_left(session, segmenter):
    def fail():
        raise SegmenterError("gone")

    session.add_point(60, 50)
    taken = session.take()
    session.go_to(2)
    segmenter.meanwhile = fail
    with pytest.raises(SegmenterError):
        session.keep(taken)
    segmenter.meanwhile = lambda: None
    assert (session.draft.left_on, session.draft.has_come_back, session.accept()) == ((1,), True, None)
    session.go_to(1)
    assert is_disc(session.accept(), *DISCS[0])


def test_a_taken_object_does_not_push_the_next_one_aside(session):
    session.add_point(5, 5)
    taken = session.take()
    session.click(60, 50)
    assert session.keep(taken) is None
    assert is_disc(session.draft.mask, *DISCS[0])
