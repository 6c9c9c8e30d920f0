"""Where browsers hand over files: in parts, straight to disk, because the page's own connection would hold all of them.

A page gets a ticket, which nobody else knows, and which ends with it: it stands for the login of the page, and keeps
other sites from sending anything in the name of whoever is logged in.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tornado.web import HTTPError, RequestHandler, stream_request_body

from seg_app.errors import SegAppError, StorageError
from seg_app.models import Delivery, Inbox

PART_BYTES = 8 * 2**20
"""Of one request: so much of the files is in memory at a time, of a large one or of many small ones."""

TICKET = "X-Upload-Ticket"
"""The header with it: unlike an address it is in no log."""

Deliver = Callable[[Path, list[str]], None]
"""Takes the folder of what was handed over, and in words what could not be read."""

UNREADABLE = 422
GONE = 403
TOO_LARGE = 413


@dataclass
class Guest:
    """A page that may hand over files."""

    inbox: Inbox
    deliver: Deliver
    delivery: Delivery | None = None


class Reception:
    """The pages that may hand over files to this server, by their tickets."""

    def __init__(self) -> None:
        self._guests: dict[str, Guest] = {}

    @property
    def routes(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """What the web server needs to know."""
        return [(r"/upload/(begin|part|finish|cancel)", UploadHandler, {"reception": self})]

    def admit(self, inbox: Inbox, deliver: Deliver) -> str:
        """Return a ticket for handing over files to an inbox; `deliver` hears of them in the server's thread."""
        ticket = secrets.token_urlsafe(32)
        self._guests[ticket] = Guest(inbox, deliver)
        return ticket

    def dismiss(self, ticket: str) -> None:
        """Take nothing any more by a ticket, and forget what is half received."""
        guest = self._guests.pop(ticket, None)
        if guest and guest.delivery:
            Thread(target=guest.delivery.cancel).start()  # many files of a Zarr folder take seconds to be deleted

    def guest(self, ticket: str) -> Guest | None:
        """Return whose ticket it is; None where it is nobody's."""
        return self._guests.get(ticket)


@stream_request_body
class UploadHandler(RequestHandler):
    """Takes files: `begin` with folder, names and sizes, then all `part` by `part`, then `finish`; or `cancel`."""

    def initialize(self, reception: Reception) -> None:
        """Take the guests of this server."""
        self._reception, self._body = reception, bytearray()

    def check_xsrf_cookie(self) -> None:
        """Nothing to check: another site does not know the ticket."""

    def prepare(self) -> None:
        """Refuse, before anything is read, what has no ticket or is too large."""
        guest = self._reception.guest(self.request.headers.get(TICKET, ""))
        if guest is None:
            raise HTTPError(GONE, reason="Reload the page")
        self._guest = guest

    def data_received(self, chunk: bytes) -> None:
        """Collect a request of at most one part."""
        self._body += chunk
        if len(self._body) > PART_BYTES:
            raise HTTPError(TOO_LARGE, reason="Send smaller parts")

    async def post(self, step: str) -> None:
        """Do one step; what cannot be done is answered by a sentence for the user."""
        try:
            await getattr(self, f"_{step}")()
        except SegAppError as error:
            self.set_status(UNREADABLE)
            self.finish({"trouble": str(error)})

    async def _begin(self) -> None:
        delivery = await asyncio.to_thread(_announced, self._guest.inbox, bytes(self._body))
        before, self._guest.delivery = self._guest.delivery, delivery
        if before:
            await asyncio.to_thread(before.cancel)

    async def _part(self) -> None:
        offset = int(self.get_query_argument("offset"))
        there = await asyncio.to_thread(self._delivery.write, offset, bytes(self._body))
        self.finish({"there": there})

    async def _finish(self) -> None:
        delivery, self._guest.delivery = self._delivery, None
        folder, troubles = await asyncio.to_thread(delivery.finish)
        self._guest.deliver(folder, troubles)

    async def _cancel(self) -> None:
        delivery, self._guest.delivery = self._guest.delivery, None
        if delivery:
            await asyncio.to_thread(delivery.cancel)

    @property
    def _delivery(self) -> Delivery:
        if self._guest.delivery is None:
            raise StorageError("Nothing is being received. Open the files again.")
        return self._guest.delivery


def _announced(inbox: Inbox, body: bytes) -> Delivery:
    try:
        told = json.loads(body)
        files, name = [(str(one["name"]), int(one["size"])) for one in told["files"]], str(told["folder"])
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise StorageError("The list of files cannot be read. Reload the page and open them again.") from error
    return inbox.receive(files, name=name)
