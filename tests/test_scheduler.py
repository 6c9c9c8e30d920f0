"""One device, one thing at a time: what somebody waits for goes first."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from seg_app.sam.scheduler import Priority, Scheduler, SupersededError
from tests.threads import until


@pytest.fixture
def scheduler():
    return Scheduler()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.fixture
def queue(scheduler, pool):
    return Queue(scheduler, pool)


class Queue:
    """Threads that wait for a turn, in which they add their word to `had`."""

    def __init__(self, scheduler, pool):
        self.scheduler, self.pool, self.had = scheduler, pool, []

    def take(self, word, priority, client=""):
        with self.scheduler.turn(priority, client=client):
            self.had.append(word)

    def wait(self, word, priority, *, client=""):
        before = len(self.scheduler.waiting)
        future = self.pool.submit(self.take, word, priority, client)
        until(lambda: len(self.scheduler.waiting) > before)
        return future


def test_what_is_more_urgent_goes_first_and_of_equals_what_came_first(scheduler, queue, pool):
    with scheduler.turn(Priority.CLICK):
        for word, priority in [
            ("propagate", Priority.PROPAGATE),
            ("automask", Priority.AUTOMASK),
            ("prefetch", Priority.PREFETCH),
            ("click", Priority.CLICK),
            ("hover", Priority.HOVER),
            ("second click", Priority.CLICK),
        ]:
            queue.wait(word, priority)
        assert scheduler.waiting == tuple(sorted(scheduler.waiting))
    pool.shutdown()
    assert queue.had == ["click", "second click", "hover", "prefetch", "automask", "propagate"]


def test_one_thing_runs_at_a_time(scheduler, pool):
    running, most = [], []

    def work():
        with scheduler.turn(Priority.CLICK):
            running.append(1)
            most.append(len(running))
            running.pop()

    for _ in range(200):
        pool.submit(work)
    pool.shutdown()
    assert most == [1] * 200


def test_a_long_job_gives_way_between_its_steps(scheduler, queue):
    for step in range(3):
        with scheduler.turn(Priority.AUTOMASK):
            queue.had.append(step)
            clicked = [queue.wait("click", Priority.CLICK)] if step == 0 else []
        for click in clicked:
            click.result()
    assert queue.had == [0, "click", 1, 2]


@pytest.mark.parametrize("priority", [Priority.HOVER, Priority.PREFETCH])
def test_of_hovers_and_prefetches_of_a_client_the_latest_wins(scheduler, queue, pool, priority):
    with scheduler.turn(Priority.CLICK):
        first, _ = queue.wait("first", priority, client="ada"), queue.wait("other", priority, client="bob")
        pool.submit(queue.take, "latest", priority, "ada")
        assert isinstance(first.exception(), SupersededError)
    pool.shutdown()
    assert queue.had == ["other", "latest"]


@pytest.mark.parametrize(("priority", "client"), [(Priority.CLICK, "ada"), (Priority.PREFETCH, "")])
def test_clicks_and_what_has_no_client_are_never_given_up(scheduler, queue, pool, priority, client):
    with scheduler.turn(Priority.CLICK):
        for word in "abc":
            queue.wait(word, priority, client=client)
    pool.shutdown()
    assert queue.had == ["a", "b", "c"]


def test_what_runs_is_not_given_up(scheduler, queue):
    with scheduler.turn(Priority.PREFETCH, client="ada"):
        latest = queue.wait("latest", Priority.PREFETCH, client="ada")
        queue.had.append("first")
    latest.result()
    assert queue.had == ["first", "latest"]


def test_a_turn_that_fails_ends(scheduler):
    with pytest.raises(OSError, match="gone"), scheduler.turn(Priority.CLICK):
        raise OSError("gone")
    with scheduler.turn(Priority.CLICK):
        assert scheduler.waiting == ()


@pytest.fixture
def interruptible():
    """Ctrl+C raises KeyboardInterrupt, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_who_is_interrupted_while_waiting_leaves_the_queue(scheduler, pool):
    held, go = threading.Event(), threading.Event()

    def hold():
        with scheduler.turn(Priority.CLICK):
            held.set()
            until(lambda: scheduler.waiting)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            go.wait()

    pool.submit(hold)
    held.wait()
    with pytest.raises(KeyboardInterrupt), scheduler.turn(Priority.CLICK):
        pytest.fail("somebody else has the device")
    assert scheduler.waiting == ()
    go.set()
    with scheduler.turn(Priority.CLICK):
        pass


def test_who_is_interrupted_when_the_turn_has_just_come_gives_it_on(scheduler):
    scheduler._leave(scheduler._queue(Priority.CLICK, ""))
    with scheduler.turn(Priority.CLICK):
        assert scheduler.waiting == ()
