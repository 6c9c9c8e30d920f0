"""What is outlined and not accepted waits on the plane that was left."""

from builders import Nested
from discs import DISCS, is_disc

from seg_app.models import Session
from seg_app.records import Prompts


def test_an_answer_for_a_plane_that_was_left_is_dropped(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = lambda: session.go_to(2)
    session.outline()
    assert (session.z, session.draft.mask) == (2, None)


def test_an_outline_that_is_not_accepted_waits_on_its_plane(session):
    mask = session.click(60, 50)
    session.click(62, 50)
    session.go_to(2)
    away = (session.draft.prompts, session.draft.mask, session.draft.left_on)
    other = session.click(150, 140)
    session.go_to(1)
    assert away == (Prompts(), None, (1,))
    assert is_disc(session.draft.mask, *DISCS[0])
    assert (session.draft.left_on, session.take_back().area) == ((2,), mask.area)
    session.accept()
    session.undo()  # which is of what was accepted, and of nothing else
    session.go_to(2)
    assert session.accept().area == other.area


def test_the_sizes_of_a_click_are_there_again_on_its_plane(volume):
    session = Session(volume, Nested())
    session.click(60, 50)
    session.next_size()
    session.go_to(2)
    session.go_to(1)
    assert (session.draft.choice, session.draft.mask.area) == ((3, 3), 24**2)


def test_what_was_left_before_it_was_outlined_is_outlined_on_coming_back(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = lambda: session.go_to(2)
    session.outline()
    segmenter.meanwhile = lambda: None
    session.go_to(1)
    assert is_disc(session.outline(), *DISCS[0])


def test_nothing_waits_where_nothing_was_found(session):
    session.click(5, 5)
    session.go_to(2)
    assert session.draft.left_on == ()


def test_another_model_outlines_also_what_was_left_on_another_plane(session):
    session.click(60, 50)
    session.go_to(2)
    session.use(Nested())
    session.go_to(1)
    assert session.outline().area == 16**2
