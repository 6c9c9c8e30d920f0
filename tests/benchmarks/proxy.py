"""What really goes over the wire: a TCP proxy on loopback that counts what a server sends through it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class CountingProxy:
    """Hands every connection to `port` on to a server at `target`; `sent_bytes` is what came back from it."""

    def __init__(self, port: int, target: int):
        self.sent_bytes = 0
        self._port, self._target = port, target
        self._listens = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._listens.wait()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._listens.set()
        await server.serve_forever()

    async def _connect(self, browser_in: asyncio.StreamReader, browser_out: asyncio.StreamWriter) -> None:
        server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._carry(browser_in, server_out), self._carry(server_in, browser_out, count=True))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, count: bool = False) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 16):
                self.sent_bytes += len(data) if count else 0
                sink.write(data)
                await sink.drain()
        sink.close()
