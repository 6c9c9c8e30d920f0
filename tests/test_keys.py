"""Keys and clicks do what they say, also where the user is faster than the model."""

from threading import Event

import pytest
from benches import SPOTS, accept, bench_of, click, done, press, spotted
from threads import finish

from seg_app.records import Prompts
from seg_app.sam import connect_sam
from seg_app.views.toolbar import hints


class Patient:
    """The classical segmenter, which answers when it is let."""

    name, input_size = "Patient", 1024

    def __init__(self):
        self._inner = connect_sam("classical:")
        self.may_answer = Event()
        self.may_answer.set()

    def embed(self, image, *, client=""):
        """Not needed."""

    def predict(self, image, prompts, *, previous=None):
        assert self.may_answer.wait(30)
        return self._inner.predict(image, prompts, previous=previous)

    def close(self):
        self._inner.close()


@pytest.fixture
def segmenter():
    return Patient()


@pytest.fixture
def session(segmenter, tmp_path):
    return spotted(tmp_path, segmenter)


@pytest.fixture
def bench(session):
    """A workbench without a server: what the page's thread would do is done at once."""
    with bench_of(session) as bench:
        yield bench


def test_enter_accepts_and_the_next_click_begins_another(bench, session):
    for x, y in SPOTS:
        accept(bench, x, y)
    assert [(mask.x0 < x < mask.x1) for mask, (x, _) in zip(session.masks.masks, SPOTS, strict=True)] == [True, True]


@pytest.mark.parametrize(("key", "z"), [("d", 14), ("f", 16), ("shift+d", 5), ("shift+ArrowRight", 25)])
def test_keys_step_through_the_planes(bench, session, key, z):
    press(bench, key)
    assert session.z == z


def test_what_was_left_on_a_plane_is_named_and_outlined_when_it_is_on_view_again(bench, session, segmenter):
    segmenter.may_answer.clear()
    click(bench, *SPOTS[0])
    press(bench, "f")
    segmenter.may_answer.set()
    done(bench)
    said, away = hints(session), session.draft.mask
    press(bench, "d")
    done(bench)
    assert said == "Click to outline · right-click to exclude · ? for all keys · not accepted yet on plane 16"
    assert (away, session.draft.mask.z, bench._status._hint.text) == (None, 15, hints(session))


def test_what_an_image_was_left_with_is_outlined_when_it_is_opened_again(session):
    session.add_point(*SPOTS[0])
    with bench_of(session) as bench:
        done(bench)
        assert session.draft.mask.z == 15


def test_all_other_planes_that_have_something_to_accept_are_named_on_each(bench, session):
    for key in ("f", "f", "d"):
        click(bench, *SPOTS[0])
        press(bench, key)
    done(bench)
    assert hints(session).endswith("Esc to drop · not accepted yet on planes 16, 18")
    press(bench, "shift+f")
    assert hints(session).endswith("? for all keys · not accepted yet on planes 16, 17, 18")


def test_t_lets_a_plain_click_exclude(bench, session):
    press(bench, "t")
    click(bench, *SPOTS[0])
    assert not session.draft.prompts.points[0].include


def test_a_plain_click_on_an_object_selects_it_and_delete_deletes_it(bench, session):
    accept(bench, *SPOTS[0])
    click(bench, *SPOTS[0])
    assert len(session.masks.selected) == 1
    press(bench, "Delete")
    done(bench)
    assert session.masks.masks == ()


def test_while_help_is_open_keys_close_it_and_do_nothing_else(bench, session):
    press(bench, "?")
    opened = bench._help.open
    press(bench, "f")
    press(bench, "Escape")
    assert (opened, bench._help.open, session.z) == (True, False, 15)


def test_keys_that_make_no_sense_now_do_nothing(bench, session):
    for key in ("Enter", "Backspace", "Delete", "ctrl+z", "ctrl+y", "Escape"):
        press(bench, key)
    done(bench)
    assert (session.masks.masks, session.draft.prompts) == ((), Prompts())


def test_an_empty_list_is_not_saved(bench, session):
    press(bench, "ctrl+s")
    finish(bench)
    assert bench.worker.trouble == "There is nothing to save yet. Accept an object first."
    assert session.saved_sets() == []


def test_saving_without_a_place_says_so(bench, session):
    session.store = None
    accept(bench, *SPOTS[0])
    press(bench, "ctrl+s")
    finish(bench)
    assert "no place to keep masks" in bench.worker.trouble


# A user who is faster than the model


@pytest.mark.parametrize("next_key", ["f", "Escape", "ArrowLeft"])
def test_what_was_accepted_before_its_outline_came_is_not_lost_by_the_next_key(bench, session, segmenter, next_key):
    segmenter.may_answer.clear()
    click(bench, *SPOTS[0])
    press(bench, "Enter")
    press(bench, next_key)
    segmenter.may_answer.set()
    done(bench)
    (mask,) = session.masks.masks
    assert (mask.z, mask.x0 < 15 < mask.x1) == (15, True)


def test_a_click_after_enter_begins_another_object(bench, session, segmenter):
    segmenter.may_answer.clear()
    for x, y in SPOTS:
        click(bench, x, y)
        press(bench, "Enter")
    segmenter.may_answer.set()
    done(bench)
    first, second = session.masks.masks
    assert first.x1 < 30 < second.x0


@pytest.mark.parametrize(("key", "kept", "saved"), [("ctrl+s", 1, 1), ("ctrl+z", 0, 0)])
def test_keys_after_enter_are_for_what_it_accepts(bench, session, segmenter, key, kept, saved):
    segmenter.may_answer.clear()
    click(bench, *SPOTS[0])
    press(bench, "Enter")
    press(bench, key)
    segmenter.may_answer.set()
    done(bench)
    assert (len(session.masks.masks), len(session.saved_sets())) == (kept, saved)


def test_points_taken_back_before_their_outline_came_are_gone(bench, session, segmenter):
    segmenter.may_answer.clear()
    for x, y in SPOTS:
        click(bench, x, y)
    press(bench, "Backspace")
    press(bench, "Enter")
    segmenter.may_answer.set()
    done(bench)
    (mask,) = session.masks.masks
    assert mask.x1 < 30
