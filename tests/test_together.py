import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from seg_app.sam.together import Together
from tests.threads import until

MOST = 3


@pytest.fixture
def device():
    """What turns are on: whoever holds it has it."""
    return threading.Lock()


@pytest.fixture
def together(device):
    return Together(MOST, turn=lambda: device)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def asked():
    return []


@pytest.fixture
def doubled(asked):
    """Answers numbers by twice of them, and notes how many came at once."""
    return lambda numbers: asked.append(len(numbers)) or [2 * number for number in numbers]


def ask_all(together, pool, numbers, answer, key="window"):
    """Ask one after the other, each in a thread of its own, and wait until all of them wait."""
    asking = []
    for number in numbers:
        before = together.waiting
        asking.append(pool.submit(together.ask, key, number, answer))
        until(lambda before=before: together.waiting == before + 1)
    return asking


def test_who_waits_for_the_same_turn_is_answered_at_once(together, pool, device, asked, doubled):
    with device:
        asking = ask_all(together, pool, [1, 2, 3], doubled)
    assert [one.result() for one in asking] == [2, 4, 6]
    assert asked == [3]


def test_no_more_are_answered_at_once_than_was_said(together, pool, device, asked, doubled):
    with device:
        asking = [pool.submit(together.ask, "window", number, doubled) for number in range(MOST)]
        until(lambda: together.waiting == MOST)
        asking.append(pool.submit(together.ask, "window", MOST, doubled))
        until(lambda: together.waiting == 1)
    assert [one.result() for one in asking] == [0, 2, 4, 6]
    assert sorted(asked) == [1, MOST]


def test_questions_about_different_things_are_answered_apart(together, pool, device, asked, doubled):
    with device:
        asking = ask_all(together, pool, [1], doubled, "here") + ask_all(together, pool, [2], doubled, "there")
    assert [one.result() for one in asking] == [2, 4]
    assert asked == [1, 1]


def test_who_comes_while_others_are_answered_waits_for_the_next_turn(together, pool, asked, doubled):
    begun, go = threading.Event(), threading.Event()
    first = pool.submit(together.ask, "window", 1, lambda n: (begun.set(), go.wait(), doubled(n))[-1])
    begun.wait()
    later = ask_all(together, pool, [2, 3], doubled)
    go.set()
    assert [first.result(), *(one.result() for one in later)] == [2, 4, 6]
    assert asked == [1, 2]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_all_hear_of_a_failure_and_the_next_question_is_asked_anew(together, pool, device, doubled, error):
    def fail(_numbers):
        raise error

    with device:
        asking = ask_all(together, pool, [1, 2], fail)
    assert [type(one.exception()) for one in asking] == [error, error]
    assert together.ask("window", 3, doubled) == 6
