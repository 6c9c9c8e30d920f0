"""What Panel could not write at once reaches the page without another change."""

import asyncio

from bokeh.document import Document
from bokeh.document.events import TitleChangedEvent
from bokeh.protocol import Protocol
from panel.io.document import schedule_write_events
from tornado.locks import Lock

from seg_app.views.delivery import lose_nothing


class Connection:
    """One browser."""

    def __init__(self, socket):
        self._socket, self.protocol = socket, Protocol()


class Socket:
    """Takes what is written; `done` is when the network has it."""

    def __init__(self):
        self.write_lock, self.taken = Lock(), []
        self.done = asyncio.Event()

    def send(self, text_data):
        self.taken.append(text_data)
        return asyncio.ensure_future(self.done.wait())


def test_what_is_queued_while_an_earlier_write_is_on_its_way_is_sent():
    lose_nothing()
    asyncio.run(two_changes())


async def two_changes():
    doc, socket = Document(), Socket()
    connection = Connection(socket)

    def change(title):
        schedule_write_events(doc, [connection], [TitleChangedEvent(doc, title)])

    change("first")
    await asyncio.sleep(0)  # its task writes it, and waits for the network
    with await socket.write_lock.acquire():  # as Bokeh does while it writes
        change("second")
        await asyncio.sleep(0)
        assert not any("second" in text for text in socket.taken)
        socket.done.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not any("second" in text for text in socket.taken):
            await asyncio.sleep(0.005)
    assert any("first" in text for text in socket.taken)
