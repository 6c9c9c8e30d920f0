"""Who may ask a SAM server, how much at once, and how long a question may be."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from seg_app.sam.cache import Recent
from seg_app.sam.wire import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

RETRY_AFTER_S = 1
KEPT_VISITORS = 100


def check_token(request: Request, token: str | None) -> None:
    """Raise HTTPException (401) unless the request shows the token, where there is one.

    As `Authorization: Bearer <token>`; or as the password of any user, which browsers ask for.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    shown = _password(given) if scheme.lower() == "basic" else given
    if token and not hmac.compare_digest(shown.encode(), token.encode()):
        raise HTTPException(
            401,
            "The token is missing or wrong. Give the one that the server was started with.",
            headers={"WWW-Authenticate": 'Basic realm="the token is the password"'},
        )


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode(errors="replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


class Places:
    """How many may be served at once; the next one hears at once that it is full. For one event loop."""

    def __init__(self, most: int, *, what: str) -> None:
        """Make places for so many. what: who takes them, in the plural, as people say it."""
        self.most, self.taken, self._what = most, 0, what

    def check(self) -> None:
        """Raise HTTPException (503) when no place is free."""
        if self.taken >= self.most:
            raise HTTPException(
                503,
                f"The server is full: it has {self.taken} {self._what}, at most {self.most} at once. "
                "Ask again in a moment.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place for the block. Raises HTTPException (503) when none is free."""
        self.check()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Visitors:
    """Who has asked lately, how often, and when last."""

    def __init__(self) -> None:
        self._visits: Recent[_Visits] = Recent(KEPT_VISITORS)

    def note(self, request: Request) -> None:
        """Count a request."""
        address = request.client.host if request.client else "unknown"
        visits = self._visits.find(address) or _Visits(address)
        self._visits.keep(address, replace(visits, questions=visits.questions + 1, last_s=time.time()))

    def told(self) -> list[dict[str, Any]]:
        """Return all as JSON values, the latest last."""
        now = time.time()
        return [
            {"address": one.address, "questions": one.questions, "seconds_ago": round(now - one.last_s)}
            for one in self._visits.values()
        ]


@dataclass(frozen=True)
class _Visits:
    address: str
    questions: int = 0
    last_s: float = 0.0


async def body_of(request: Request) -> bytes:
    """Return the body. Raises HTTPException (413) before it takes more memory than the largest message."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_MESSAGE_BYTES:
            raise HTTPException(413, f"More than {MAX_MESSAGE_BYTES} bytes. Send a smaller window of the image.")
    return bytes(body)


async def question_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body. Raises HTTPException (422) when it is none."""
    try:
        question = json.loads(await body_of(request))
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"The question is not JSON: {error}.") from error
    if not isinstance(question, dict):
        raise HTTPException(422, "The question is not a JSON object with a key and prompts.")
    return question
