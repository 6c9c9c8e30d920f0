"""A page that goes to another time of its image while something is asked for."""

import threading
from contextlib import contextmanager

import pytest
from embedded import EMBEDDED
from films import while_read, write_film
from threads import finish

from seg_app.errors import StorageError

pytestmark = EMBEDDED


@pytest.fixture
def film_tab(opened_page, settings_of):
    settings = settings_of()
    write_film(settings.home / "samples")
    return opened_page(settings)


def test_what_was_accepted_before_another_time_was_asked_for_belongs_to_the_time_of_before(film_tab):
    tab, waiting = film_tab, threading.Event()
    session = tab.bench.session
    session.click(15, 10)
    tab.worker.run("Something slow", waiting.wait, 30)
    tab._move({"t": 1})
    tab.bench.accept()  # after the slider was moved, and before the worker has come to it
    waiting.set()
    for _ in range(3):
        finish(tab)
    assert (session.index, session.masks.masks) == ({"t": 1, "c": 0}, ())
    tab._move({"t": 0})
    finish(tab)
    assert (session.index, len(session.masks.masks)) == ({"t": 0, "c": 0}, 1)


@contextmanager
def moving(tab, monkeypatch, press):
    """Press what lets a page go to another time, and hold it while that is read."""
    with while_read(monkeypatch, press):
        yield
    for _ in range(4):  # what waits may ask for more
        finish(tab)


def test_what_is_accepted_while_another_time_is_read_belongs_to_the_time_of_before(film_tab, monkeypatch):
    session = film_tab.bench.session
    session.click(15, 10)
    with moving(film_tab, monkeypatch, lambda: film_tab._move({"t": 1})):
        film_tab.bench.accept()
    assert (session.index, session.masks.masks) == ({"t": 1, "c": 0}, ())
    film_tab._move({"t": 0})
    finish(film_tab)
    assert (session.index, len(session.masks.masks)) == ({"t": 0, "c": 0}, 1)


def test_what_could_not_be_accepted_keeps_the_image_at_its_time(film_tab, monkeypatch):
    session = film_tab.bench.session
    session.click(15, 10)

    def full(*_):
        raise StorageError("The disk is full. Free space, then try again.")

    monkeypatch.setattr(session.masks, "add", full)
    with moving(film_tab, monkeypatch, lambda: film_tab._move({"t": 1})):
        film_tab.bench.accept()
    finish(film_tab)
    assert (session.index, len(session.draft.prompts.points)) == ({"t": 0, "c": 0}, 1)
    assert "The disk is full" in film_tab.worker.trouble


def test_a_time_and_a_channel_that_are_chosen_one_after_the_other_are_both_shown(film_tab, monkeypatch):
    axes = film_tab.bench.axes
    with moving(film_tab, monkeypatch, lambda: axes._on_value("t", 2)):
        axes._choices["c"].value = 1
    assert film_tab.bench.session.index == {"t": 1, "c": 1}
    assert (axes._choices["t"].value, axes._choices["c"].value) == (2, 1)


def test_who_changes_their_mind_while_a_time_is_read_stays_where_they_are(film_tab, monkeypatch):
    axes = film_tab.bench.axes
    with moving(film_tab, monkeypatch, lambda: axes._on_value("t", 2)):
        axes._on_value("t", 1)
    assert (film_tab.bench.session.index, axes._choices["t"].value) == ({"t": 0, "c": 0}, 1)
