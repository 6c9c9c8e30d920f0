"""Hears what goes to a page and comes from it."""

from __future__ import annotations

from contextlib import suppress

from playwright.sync_api import Error, Page, Request, Response, WebSocket


class Heard:
    """All that goes to a page and comes from it: addresses, headers and bodies, whatever their status, and frames."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def listen(self, page: Page) -> None:
        """Hear what a page says from now on."""
        page.on("request", self._on_request)
        page.on("response", self._on_response)
        page.on("websocket", self._on_socket)

    def _on_request(self, request: Request) -> None:
        self._hear(request.url, *request.headers.values(), request.post_data_buffer or b"")

    def _on_response(self, response: Response) -> None:
        self._hear(*response.headers.values())
        with suppress(Error):  # a redirection has no body
            self._hear(response.body())

    def _on_socket(self, socket: WebSocket) -> None:
        self._hear(socket.url)
        socket.on("framereceived", self._hear)
        socket.on("framesent", self._hear)

    def _hear(self, *parts: str | bytes) -> None:
        self.parts += [part.encode() if isinstance(part, str) else part for part in parts]
