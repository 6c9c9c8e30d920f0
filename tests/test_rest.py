"""What is on screen is prepared once the view has come to rest, and never disturbs anybody."""

import threading

import pytest

from seg_app.errors import SegmenterError
from seg_app.views.rest import REST_S, AtRest


class Clock:
    """A courier whose time passes when it is told to."""

    def __init__(self):
        self.later_on = []

    def later(self, wait_s, change):
        assert wait_s == REST_S
        self.later_on.append(change)

    def pass_by(self):
        for change in self.later_on:
            change()


@pytest.fixture
def clock():
    return Clock()


def test_a_view_that_moves_on_is_prepared_once_when_it_rests(clock):
    done = []
    rest = AtRest(lambda: done.append(1), clock)
    for _ in range(5):
        rest.moved()
    assert done == []
    clock.pass_by()
    rest._latest.close(wait=True)
    assert done == [1]


def test_the_next_rest_does_not_wait_for_one_that_hangs(clock):
    go, began = threading.Event(), threading.Semaphore(0)
    rest = AtRest(lambda: (began.release(), go.wait()), clock)
    for _ in range(2):
        rest.moved()
        clock.pass_by()
        assert began.acquire(timeout=30)
    go.set()
    rest._latest.close(wait=True)


def test_what_goes_wrong_there_is_not_said_to_the_user(clock, caplog):
    caplog.set_level("INFO")

    def fail():
        raise SegmenterError("no device")

    rest = AtRest(fail, clock)
    rest.moved()
    clock.pass_by()
    rest._latest.close(wait=True)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "Not done while the view rests: no device")
    ]


def test_nothing_is_prepared_after_the_view_was_closed(clock):
    done = []
    rest = AtRest(lambda: done.append(1), clock)
    rest.moved()
    rest.close()
    clock.pass_by()
    rest._latest.close(wait=True)
    assert done == []
