"""A courier carries what any thread changes to where the page may be changed."""

import asyncio
import threading
import weakref

import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.server.contexts import BokehSessionContext
from bokeh.server.session import ServerSession
from panel.io.state import set_curdoc
from tornado.ioloop import IOLoop

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


def served_page(*roots):
    """A courier of a page that is served, and what keeps that alive."""
    document = Document()
    for root in roots:
        document.add_root(root)
    context = BokehSessionContext("one", None, document)
    document._session_context = weakref.ref(context)
    context._set_session(ServerSession("one", document, io_loop=IOLoop.current()))
    with set_curdoc(document):
        courier = Courier()
    courier._on_load()
    return courier, context


def test_what_is_asked_for_soon_comes_once_and_after_what_is_done_now():
    async def page():
        courier, context = served_page()
        done, seen = asyncio.get_running_loop().create_future(), []

        def refresh():
            seen.append("refreshed")
            done.set_result(context)

        def click():
            courier.soon(refresh)
            courier.soon(refresh)
            seen.append("clicked")

        courier(click)
        await asyncio.wait_for(done, 30)
        await asyncio.sleep(0)
        return seen

    assert asyncio.run(page()) == ["clicked", "refreshed"]


def test_without_a_page_what_is_asked_for_soon_is_done_at_once():
    seen = []
    courier = Courier()
    courier.soon(lambda: seen.append(1))
    assert seen == [1]


def test_what_the_thread_of_a_page_changes_without_holding_the_document_is_changed_while_it_is_held():
    async def page():
        source = ColumnDataSource(data={"x": []})
        courier, context = served_page(source)
        done = asyncio.get_running_loop().create_future()

        def change():
            courier(lambda: source.update(data={"x": [1]}))  # within another change: at once
            done.set_result(source.data["x"])

        courier(change)
        assert context.session
        return source.data["x"], await asyncio.wait_for(done, 30)

    assert asyncio.run(page()) == ([], [1])
