"""What a click would outline, before anybody clicks: it is the same, and it never outlives what it answers."""

import numpy as np
import pytest

from seg_app.errors import SegmenterError
from seg_app.geometry import mask_from_bits
from seg_app.models import Session, Volume
from seg_app.records import Box
from seg_app.sam.classical import ClassicalSegmenter

SQUARE, OTHER = (15, 15), (45, 45)
"""(x, y) of the middles of two bright squares, the same on both planes."""


class Watched(ClassicalSegmenter):
    """The classical segmenter, and how often it was asked for a preview; before it answers, `meanwhile` is called."""

    def __init__(self):
        super().__init__()
        self.asked, self.meanwhile = [], lambda: None

    def preview(self, image, point, *, client=""):
        self.asked.append((point, client))
        found = super().preview(image, point, client=client)
        self.meanwhile()
        return found


@pytest.fixture
def session():
    """A session whose view is prepared, with the preview on."""
    plane = np.full((60, 60), 20, np.uint8)
    for x, y in (SQUARE, OTHER):
        plane[y - 8 : y + 8, x - 8 : x + 8] = 220
    session = Session(Volume.from_array(np.stack([plane] * 2)), Watched())
    session.preview.is_on = True
    session.outliner.prepare()
    return session


def test_a_preview_is_what_a_click_outlines(session):
    seen, clicked = session.preview.look(*SQUARE), session.click(*SQUARE)
    assert (seen.y0, seen.x0, seen.counts) == (clicked.y0, clicked.x0, clicked.counts)


def test_a_preview_ends_where_the_databar_begins(session):
    session.volume.set_databar(60 - 18)
    assert session.preview.look(*SQUARE).y1 == 18


def test_it_is_off_until_it_is_switched_on(session):
    assert not Session(session.volume, session.segmenter).preview.is_on
    session.preview.switch()
    assert (session.preview.look(*SQUARE), session.segmenter.asked) == (None, [])


CHANGES = {
    "a point": lambda s: s.add_point(*OTHER),
    "a box": lambda s: s.add_box(Box(5, 5, 25, 25)),
    "drawing a box": lambda s: s.draft.switch_drawing(),
    "excluding": lambda s: s.switch_mode(),
    "another plane": lambda s: s.go_to(0),
    "another contrast": lambda s: s.param.update(limits=(0.0, 99.0)),
    "another view": lambda s: s.param.update(view=Box(0, 0, 30, 30)),
    "another zoom": lambda s: s.param.update(scale=0.5),
    "an accepted object": lambda s: s.keep_all((mask_from_bits(np.ones((4, 4), bool), z=s.z),)),
    "another model": lambda s: s.param.update(segmenter=Watched()),
    "switching it off": lambda s: s.preview.switch(),
    "the pointer leaving": lambda s: s.preview.forget(),
    "the pointer on another object": lambda s: s.preview.move_to(*OTHER),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_gone_as_soon_as_anything_is_otherwise(session, change):
    session.preview.look(*SQUARE)
    shown = session.preview.mask
    CHANGES[change](session)
    assert (bool(shown), session.preview.mask) == (True, None)


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "the pointer on another object"])
def test_an_answer_that_comes_after_a_change_is_not_shown(session, change):
    session.segmenter.meanwhile = lambda: CHANGES[change](session)
    assert (session.preview.look(*SQUARE), session.preview.mask) == (None, None)


def test_it_stays_while_the_pointer_stays_on_it(session):
    mask = session.preview.look(*SQUARE)
    session.preview.move_to(SQUARE[0] + 3, SQUARE[1] - 3)
    assert session.preview.mask is mask


@pytest.mark.parametrize("place", [(-3, 15), (15, 900)])
def test_off_the_plane_nothing_is_looked_for(session, place):
    assert (session.preview.look(*place), session.segmenter.asked) == (None, [])


@pytest.mark.parametrize("change", ["a point", "a box", "drawing a box", "excluding"])
def test_where_a_click_would_do_something_else_nothing_is_looked_for(session, change):
    CHANGES[change](session)
    assert (session.preview.look(*SQUARE), session.segmenter.asked) == (None, [])


def test_on_an_accepted_object_which_a_click_would_select_nothing_is_looked_for(session):
    session.click(*SQUARE)
    session.accept()
    assert (session.preview.look(*SQUARE), session.segmenter.asked) == (None, [])


def test_what_is_not_prepared_is_not_waited_for(session):
    session.limits = (0.0, 77.0)
    assert session.preview.look(*SQUARE) is None


def test_of_two_places_the_later_one_is_shown_whichever_is_found_first(session):
    def look_elsewhere():
        session.segmenter.meanwhile = lambda: None
        session.preview.look(*OTHER)

    session.segmenter.meanwhile = look_elsewhere
    assert session.preview.look(*SQUARE) is None
    assert session.preview.mask.x0 > 30


def test_each_session_asks_in_its_own_name(session):
    other = Session(session.volume, session.segmenter)
    other.preview.is_on = True
    for one in (session, session, other):
        one.preview.look(*SQUARE)
    clients = [client for _, client in session.segmenter.asked]
    assert clients[0] == clients[1] != clients[2]


def test_a_segmenter_that_fails_says_why(session):
    def fail():
        raise SegmenterError("gone")

    session.segmenter.meanwhile = fail
    with pytest.raises(SegmenterError):
        session.preview.look(*OTHER)
