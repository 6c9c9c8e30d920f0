"""What is done, searched or followed while a session goes to another time is kept at its own, or not at all."""

import threading
from contextlib import contextmanager

import pytest
from films import desk_with_film, while_read

from seg_app.errors import BusyError, SegAppError, SegmenterError
from seg_app.models.carrying import WindowPlanes
from seg_app.models.search import Search, Wanted
from seg_app.records import Window
from seg_app.sam.classical import ClassicalSegmenter


@pytest.fixture
def desk(source, tmp_path):
    """A desk with a film of two times and two channels open."""
    return desk_with_film(source, tmp_path)


class Slow(ClassicalSegmenter):
    """A segmenter whose search goes on when it may."""

    def __init__(self):
        super().__init__()
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def automask(self, image, options):
        for step in super().automask(image, options):
            self.has_begun.set()
            self.may_go_on.wait(30)
            yield step


def test_what_a_search_of_one_time_still_finds_is_not_accepted_at_another(desk, monkeypatch):
    ended, end = threading.Event(), Search.end
    monkeypatch.setattr(Search, "end", lambda search, ending: (end(search, ending), ended.set()))
    desk.session.use(slow := Slow())
    searching = threading.Thread(target=desk.session.search.run, args=(Wanted(whole_plane=True, least_score=0.0),))
    searching.start()
    assert slow.has_begun.wait(30)
    going = threading.Thread(target=desk.move, kwargs={"t": 1})
    going.start()
    assert ended.wait(30)
    index = dict(desk.session.index)
    slow.may_go_on.set()
    going.join(30)
    searching.join(30)
    assert (index, desk.session.index) == ({"t": 0, "c": 0}, {"t": 1, "c": 0})
    assert (desk.session.masks.masks, desk.session.search.found, desk.move(t=0).masks.masks) == ((), (), ())


def test_what_a_search_finds_that_begins_when_the_session_is_about_to_go_is_not_kept(desk, monkeypatch):
    searching, give_up, said = [], Search.give_up, []

    def begin():
        try:
            desk.session.search.run(Wanted(whole_plane=True, least_score=0.0))
        except SegAppError as error:
            said.append(str(error))

    def begin_after(search):
        give_up(search)
        searching.append(threading.Thread(target=begin))
        searching[0].start()
        assert slow.has_begun.wait(30)

    monkeypatch.setattr(Search, "give_up", begin_after)
    desk.session.use(slow := Slow())
    desk.move(t=1)
    slow.may_go_on.set()
    searching[0].join(30)
    assert said == [
        "“Finding all objects” keeps nothing: the image went to another time or channel. Start it again there."
    ]
    assert (desk.session.index["t"], desk.session.masks.masks) == (1, ())


def test_what_is_carried_through_planes_ends_before_a_plane_of_another_time_is_seen(desk):
    planes = WindowPlanes(desk.session, Window(0, 0, 0, 20, 30))
    desk.session.volume.become(desk.session.volume.looked_at(t=1))  # half of the way
    with pytest.raises(SegmenterError, match="another time is shown now"):
        planes[0]


@contextmanager
def on_its_way(desk, monkeypatch, **index):
    """Hold a move while it has read what is there; yield a list for what is raised by it."""
    raised = []

    def go():
        try:
            desk.move(**index)
        except SegAppError as error:
            raised.append(error)

    going = threading.Thread(target=go)
    with while_read(monkeypatch, going.start):
        yield raised
    going.join(30)


def test_an_object_that_is_taken_while_another_time_is_read_is_kept_at_its_own(desk, monkeypatch):
    desk.session.click(20, 10)
    with on_its_way(desk, monkeypatch, t=1) as raised:
        taken = desk.session.take()
    assert [type(error) for error in raised] == [BusyError]
    desk.session.keep(taken)
    assert (desk.session.index["t"], len(desk.session.masks.masks)) == (0, 1)
    assert desk.move(t=1).masks.masks == ()
    assert len(desk.move(t=0).masks.masks) == 1


def test_an_object_that_cannot_be_kept_is_back_before_the_image_may_go_elsewhere(desk, monkeypatch):
    desk.session.click(20, 10)
    taken, in_hand = desk.session.take(), []
    monkeypatch.setattr(desk.session.masks, "add", lambda _: 1 / 0)
    desk.session.draft.param.watch(lambda _: in_hand.append(desk.session.draft.is_in_hand), "prompts")
    with pytest.raises(ZeroDivisionError):
        desk.session.keep(taken)
    assert (in_hand, desk.session.draft.is_in_hand) == ([True], False)
