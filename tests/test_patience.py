"""Waiting for a server: one that lives is waited for, one that hangs is not."""

import itertools
import threading
from concurrent.futures import Future

import pytest

from seg_app.io import patience as module
from seg_app.io.patience import Patience

WAIT_S = 30


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(module, "SILENCE_S", 0.05)


@pytest.fixture
def never():
    """A question that is not answered before the test is over."""
    over = threading.Event()
    yield lambda: over.wait(WAIT_S)
    over.set()


def test_an_answer_is_passed_on_and_the_server_is_not_bothered():
    assert Patience(pytest.fail).ask(lambda: 7) == 7


def test_an_error_is_passed_on():
    with pytest.raises(KeyError, match="gone"):
        Patience(pytest.fail).ask(lambda: {}["gone"])


def test_a_server_that_says_nothing_to_anything_is_not_waited_for(never):
    with pytest.raises(TimeoutError, match="no sign of life"):
        Patience(never, patience_s=0.01).ask(never)


def test_a_server_that_is_gone_is_not_waited_for(never):
    def gone():
        raise ConnectionRefusedError

    with pytest.raises(TimeoutError):
        Patience(gone, patience_s=0.01).ask(never)


def test_a_server_that_lives_is_waited_for():
    asked, answered = iter(range(3)), threading.Event()
    patience = Patience(lambda: answered.set() if next(asked) == 2 else None, patience_s=0.01)
    assert patience.ask(lambda: answered.wait(WAIT_S))


@pytest.fixture
def third_look(monkeypatch):
    """An event that is set when the answer is looked for a third time; before that, the question has been sent."""
    looks, sent, third, look = itertools.count(1), threading.Event(), threading.Event(), module._is_done

    def is_done(future, _):
        sent.wait(WAIT_S)
        if next(looks) == 3:
            third.set()
        return look(future, WAIT_S if third.is_set() else 0)

    monkeypatch.setattr(module, "_is_done", is_done)
    return sent, third


def test_an_answer_that_has_begun_is_waited_for_however_slow_the_line_is(third_look):
    sent, third = third_look
    patience = Patience(pytest.fail)

    def work():
        patience.asked()
        patience.heard()
        sent.set()
        return third.wait(WAIT_S)

    assert patience.ask(work)


def test_a_server_that_was_only_slow_is_waited_for_the_next_time(never, third_look):
    sent, third = third_look
    late, threads, patience = threading.Event(), [], Patience(never)
    sent.set()

    def work():
        threads.append(threading.current_thread())
        late.wait(WAIT_S)

    with pytest.raises(TimeoutError):
        patience.ask(work)
    late.set()
    threads[0].join(WAIT_S)
    assert patience.ask(lambda: third.wait(WAIT_S))


def test_what_nobody_waits_for_any_more_sends_nothing_more_and_what_it_hears_shows_that_the_server_lives(never):
    late, said, patience = threading.Event(), Future(), Patience(never, patience_s=0.01)

    def work():
        patience.sending()
        patience.asked()
        late.wait(WAIT_S)
        patience.heard()
        try:
            patience.sending()
        except TimeoutError as error:
            said.set_result(str(error))

    with pytest.raises(TimeoutError, match="no sign of life"):
        patience.ask(work)
    late.set()
    assert said.result(WAIT_S) == "nobody waits for it any more"
    assert patience._is_slow


def test_a_request_may_be_on_its_way_for_long(third_look):
    sent, third = third_look
    patience = Patience(pytest.fail)

    def work():
        patience.sending()
        sent.set()
        return third.wait(WAIT_S)

    assert patience.ask(work)
