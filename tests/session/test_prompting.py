"""The object that is being made: points, sizes, and what each further click changes."""

import numpy as np
import pytest
from builders import Nested
from discs import DISCS, is_disc

from seg_app.errors import SegAppError, SegmenterError, UnreadableError
from seg_app.models import Session
from seg_app.records import Box, Point, Prompts
from seg_app.sam import connect_sam


def test_the_middle_plane_is_shown_first(session):
    assert session.z == 1


def test_a_click_outlines_exactly_the_object_under_it(session):
    mask = session.click(60, 50)
    assert is_disc(mask, *DISCS[0])
    assert (mask.z, mask.score, session.draft.mask) == (1, 0.9, mask)


def test_the_classical_segmenter_outlines_a_disc(volume):
    mask = Session(volume, connect_sam("classical:")).click(150, 140)
    found, (_, _, radius) = mask.area, DISCS[1]
    assert found == pytest.approx(np.pi * radius**2, rel=0.1)


def test_the_sizes_of_a_click_are_gone_through_from_the_best_to_the_larger_ones_and_round(volume):
    session = Session(volume, Nested())
    areas = [session.click(60, 50).area]
    for _ in range(3):
        session.next_size()
        areas.append(session.draft.mask.area)
    assert areas == [16**2, 24**2, 8**2, 16**2]


def test_the_chosen_size_is_what_is_accepted(volume):
    session = Session(volume, Nested())
    session.click(60, 50)
    session.next_size()
    assert (session.accept().area, session.draft.choice) == (24**2, (0, 0))


def test_a_size_that_the_window_cuts_is_no_choice(volume):
    session = Session(volume, Nested())
    session.segmenter.input_size = 32
    session.click(36, 50)  # in the window from 16 to 48, which the largest square touches
    assert session.draft.choice == (2, 2)


def test_without_an_outline_there_is_no_next_size(session):
    session.next_size()
    assert session.draft.choice == (0, 0)


def test_a_second_point_adds_and_an_excluding_one_takes_away(session):
    session.click(60, 50)
    both = session.click(150, 140)
    one = session.click(60, 50, include=False)
    assert both.area > one.area
    assert is_disc(one, *DISCS[1])


def test_taking_the_last_point_back_gives_the_mask_of_the_others(session):
    session.click(60, 50)
    session.click(150, 140)
    assert is_disc(session.take_back(), *DISCS[0])


def test_without_any_including_point_the_model_is_not_asked(session, segmenter):
    session.click(60, 50)
    session.click(150, 140, include=False)
    asked = len(segmenter.images)
    session.take_back()
    session.take_back()
    assert session.click(60, 50, include=False) is None
    assert len(segmenter.images) == asked + 1  # for the one point that was left


def test_a_point_where_nothing_is_gives_no_object(session):
    assert session.click(5, 5) is None
    assert session.accept() is None


def test_the_next_click_after_one_that_found_nothing_begins_anew(session):
    session.click(5, 5)
    assert is_disc(session.click(60, 50), *DISCS[0])
    assert session.draft.prompts == Prompts((Point(60, 50),))
    assert session.take_back() is None
    assert not session.draft.prompts


def test_a_box_after_a_click_that_found_nothing_begins_anew(session):
    session.click(5, 5)
    session.add_box(Box(40, 30, 80, 70))
    assert session.draft.prompts == Prompts((), Box(40, 30, 80, 70))


def test_points_that_found_something_before_are_kept_when_nothing_is_left(session):
    session.click(60, 50)
    assert session.click(60, 50, include=False) is None
    assert is_disc(session.click(150, 140), *DISCS[1])
    assert len(session.draft.prompts.points) == 3


def test_an_excluding_click_does_not_begin_anew(session):
    session.click(5, 5)
    session.click(9, 9, include=False)
    assert session.draft.prompts == Prompts((Point(5, 5), Point(9, 9, include=False)))
    session.take_back()
    assert session.draft.is_useless


def test_what_was_found_for_dropped_points_says_nothing_of_the_next_ones(session):
    session.click(60, 50)
    session.drop()
    session.click(5, 5)
    assert session.draft.is_useless


def test_a_click_that_was_not_answered_yet_is_joined_by_the_next(session):
    session.add_point(5, 5)
    session.click(60, 50)
    assert len(session.draft.prompts.points) == 2


@pytest.mark.parametrize("pixel", [(-1, 5), (5, -0.6), (239.5, 5), (5, 199.5), (float("nan"), 5)])
def test_a_point_off_the_plane_is_refused_and_changes_nothing(session, pixel):
    with pytest.raises(SegAppError, match=r"240 × 200 pixels\. Choose a point inside it"):
        session.click(*pixel)
    assert not session.draft.prompts


@pytest.mark.parametrize("pixel", [(-0.5, -0.5), (239.4, 199.4)])
def test_all_of_an_edge_pixel_is_on_the_plane(session, pixel):
    session.click(*pixel)
    assert len(session.draft.prompts.points) == 1


def test_dropping_leaves_nothing_to_accept(session):
    session.click(60, 50)
    session.drop()
    assert session.accept() is None
    assert session.masks.masks == ()


def test_an_answer_tells_nobody_that_the_points_have_changed(session):
    told = []
    session.add_point(60, 50)
    session.draft.param.watch(lambda *events: told.extend(event.name for event in events), ["prompts", "mask"])
    session.outline()
    assert told == ["mask"]


def test_an_answer_that_was_outrun_by_another_point_is_dropped(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = lambda: session.add_point(150, 140)
    assert session.outline() is None
    assert not session.draft.answered
    segmenter.meanwhile = lambda: None
    assert session.outline().area > np.pi * (20**2 + 29**2)


def test_an_answer_to_dropped_points_is_dropped(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = session.drop
    assert session.outline() is None
    assert session.accept() is None


def test_a_model_that_fails_leaves_the_points_for_another_try(session, segmenter):
    def fail():
        raise SegmenterError("gone")

    segmenter.meanwhile = fail
    with pytest.raises(SegmenterError):
        session.click(60, 50)
    segmenter.meanwhile = lambda: None
    assert is_disc(session.outline(), *DISCS[0])


def test_switching_the_mode_is_switched_back_and_can_be_set(session):
    session.switch_mode()
    switched = session.draft.include
    session.switch_mode(include=True)
    assert (switched, session.draft.include) == (False, True)


# What a click corrects


def test_each_click_on_an_object_corrects_the_answer_before_it(session):
    for x in (60, 62, 64):
        session.click(x, 50)
    assert session.segmenter.corrected == [None, "1 points", "2 points"]


def test_taking_a_point_back_leads_to_the_answer_before_it(session):
    for x in (60, 62, 64):
        session.click(x, 50)
    session.take_back()
    assert session.segmenter.corrected[-1] == "1 points"


def test_another_object_corrects_nothing(session):
    session.click(60, 50)
    session.accept()
    session.click(150, 140)
    assert session.segmenter.corrected == [None, None]


def test_what_was_seen_in_another_contrast_is_not_corrected(session):
    session.click(60, 50)
    session.limits = (0.0, 100.0)
    session.click(62, 50)
    assert session.segmenter.corrected == [None, None]


@pytest.fixture
def damage(session, monkeypatch):
    """Makes a session read nothing more of its volume: call it."""

    def fail(*_):
        raise UnreadableError("Cannot read it.")

    def begin():
        session.outliner.forget()
        monkeypatch.setattr(session.volume, "read", fail)

    return begin


@pytest.mark.parametrize(
    "go_on",
    [
        lambda s: s.click(62, 50),
        lambda s: (s.add_point(61, 50), s.click(62, 50)),
        lambda s: (s.add_point(62, 50), s.accept()),
    ],
    ids=["a point", "two quick ones", "one that is accepted with the rest"],
)
def test_points_on_what_cannot_be_read_are_taken_back_and_the_draft_is_as_before(session, damage, go_on):
    session.click(60, 50)
    before = (session.draft.prompts, session.draft.mask)
    damage()
    with pytest.raises(UnreadableError):
        go_on(session)
    assert (session.draft.prompts, session.draft.mask, session.draft.answered) == (*before, True)


def test_a_first_point_or_box_on_what_cannot_be_read_leaves_an_empty_draft(session, damage):
    damage()
    for prompt in (lambda: session.click(60, 50), lambda: session.draw_box(Box(30, 30, 80, 80))):
        with pytest.raises(UnreadableError):
            prompt()
        assert session.draft.prompts == Prompts()


def test_a_point_on_what_cannot_be_read_that_was_to_be_accepted_at_once_does_not_come_back(session, damage):
    damage()
    session.add_point(60, 50)
    with pytest.raises(UnreadableError):
        session.accept()
    assert session.draft.prompts == Prompts()


def test_a_point_that_another_model_cannot_see_is_taken_back_to_what_the_first_one_answered(session, damage):
    session.click(60, 50)
    before = session.draft.prompts
    session.draft.ask_again()
    damage()
    with pytest.raises(UnreadableError):
        session.click(62, 50)
    assert session.draft.prompts == before


def test_what_another_model_cannot_outline_as_its_plane_cannot_be_read_any_more_stays(session, damage):
    session.click(60, 50)
    before = session.draft.prompts
    damage()
    with pytest.raises(UnreadableError):
        session.use(Nested())
    assert session.draft.prompts == before
