"""Workers: in order, one at a time, never silent about a failure."""

import threading

import pytest

from seg_app.errors import SegAppError, SourceError
from seg_app.models import Latest, Worker


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


def fail(error):
    raise error


def test_verbs_are_done_in_the_order_of_asking(worker):
    done = []
    for i in range(20):
        last = worker.run("Counting", done.append, i)
    last.result(5)
    assert done == list(range(20))


def test_what_is_going_on_is_said_while_it_goes_on(worker):
    assert worker.run("Saving", lambda: worker.doing).result(5) == "Saving"
    assert worker.doing == ""


def test_an_error_of_ours_is_told_in_its_own_words(worker):
    assert worker.run("Opening", fail, SourceError("Start the server.")).result(5) is None
    assert worker.trouble == "Start the server."


@pytest.mark.parametrize(("error", "left"), [(SegAppError("Select two."), ""), (SourceError("Gone."), "Gone.")])
def test_what_made_no_sense_is_forgotten_when_the_user_goes_on_and_what_failed_is_not(worker, error, left):
    worker.run("Joining", fail, error).result(5)
    assert worker.trouble == str(error)
    worker.run("Outlining", lambda: None).result(5)
    assert worker.trouble == left


def test_what_was_refused_without_being_tried_is_forgotten_likewise(worker):
    worker.refuse("This is the databar.")
    assert worker.trouble == "This is the databar."
    worker.run("Outlining", lambda: None).result(5)
    assert worker.trouble == ""


def test_an_unforeseen_error_is_told_without_its_insides(worker):
    worker.run("Opening", fail, KeyError("secret")).result(5)
    assert "Opening failed" in worker.trouble
    assert "secret" not in worker.trouble


def test_the_thread_survives_an_error(worker):
    worker.run("Opening", fail, ZeroDivisionError())
    assert worker.run("Adding", lambda: 1 + 1).result(5) == 2


def test_what_is_asked_for_after_the_end_is_dropped():
    worker, done = Worker(), []
    worker.close()
    assert worker.run("Adding", done.append, 1).cancelled()
    assert done == []


def test_only_the_latest_task_is_done_after_the_running_one():
    latest, started, go, done = Latest("test"), threading.Event(), threading.Event(), []
    latest.ask(lambda: (started.set(), go.wait(5), done.append("first")))
    started.wait(5)
    for i in range(10):
        latest.ask(lambda i=i: done.append(i))
    go.set()
    latest.close(wait=True)
    assert done == ["first", 9]
