"""The courier of a notebook: what any thread changes is changed in the thread of the loop."""

import asyncio
import threading

import pytest

from seg_app.views.courier import Courier


def carried_from_a_thread(carry):
    """Let a courier made in a loop carry a change that another thread asks for; return the thread of the change."""

    async def cell():
        courier, done = Courier(), asyncio.get_running_loop().create_future()
        threading.Thread(target=carry, args=(courier, lambda: done.set_result(threading.current_thread()))).start()
        return await asyncio.wait_for(done, 30)

    return asyncio.run(cell())


@pytest.mark.parametrize(
    "carry", [lambda courier, change: courier(change), lambda courier, change: courier.later(0.01, change)]
)
def test_a_notebook_is_changed_in_the_thread_of_its_loop(carry):
    assert carried_from_a_thread(carry) is threading.current_thread()


def test_a_change_in_the_loop_is_made_at_once():
    async def cell():
        seen = []
        Courier()(lambda: seen.append(1))
        return seen

    assert asyncio.run(cell()) == [1]


def test_without_page_and_loop_a_change_is_made_at_once():
    seen = []
    courier = Courier()
    threads = [threading.Thread(target=courier, args=(lambda: seen.append(1),))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    courier.later(100, lambda: seen.append(2))
    assert seen == [1, 2]
