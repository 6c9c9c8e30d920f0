"""What a Tiled server and its client raise, as errors that say what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from seg_app.errors import MissingError, RefusedError, SegAppError, SourceError, UnreachableError, UnreadableError
from seg_app.io.damage import DAMAGED

PASSING = (408, 425, 429, 502, 503, 504)
"""Statuses that say nothing of the file: the server, or the gateway before it, is busy or begins anew."""

TOLD = "x-seg-app-told"
"""The header of an answer whose `detail` is a sentence for the user."""


@contextmanager
def explained(uri: str, path: str = "") -> Iterator[None]:
    """Turn what the client raises into an error that says what can be done about it."""
    what = f"{path!r} on {uri}" if path else uri
    try:
        yield
    except SegAppError:
        raise
    except httpx.HTTPStatusError as error:
        raise _told(error.response) or _by_status(error.response.status_code, what) from error
    except (httpx.HTTPError, TimeoutError) as error:
        reason = "it took too long" if isinstance(error, httpx.TimeoutException) else str(error)
        raise UnreachableError(
            f"No Tiled server answers at {uri} ({reason}). Is it running? Try again in a few seconds. "
            "Check DATA_TILED_URI, where it is set."
        ) from error
    except KeyError as error:
        raise _by_status(404, what) from error
    except DAMAGED as error:
        raise UnreadableError(
            f"Cannot understand what Tiled says of {what}: {error}. Is it the right server?"
        ) from error


def _told(response: httpx.Response) -> SourceError | None:
    """Return what our own server says of a file that it cannot read, in words for the user."""
    if TOLD not in response.headers:
        return None
    try:
        reason = response.json()["detail"]
    except (LookupError, TypeError, ValueError, httpx.HTTPError):
        return None
    kind = UnreachableError if response.status_code in PASSING else UnreadableError
    return kind(reason) if isinstance(reason, str) else None


def _by_status(status: int, what: str) -> SourceError:
    if status in (401, 403):
        return refused(what)
    if status in (404, 410):
        hidden = "or the key does not allow to see it"
        return MissingError(f"There is no {what}, {hidden}. It may have another name now: look for it in the list.")
    if status in PASSING:
        return UnreachableError(f"Tiled does not answer just now, asked for {what} (HTTP {status}). Try again.")
    return UnreadableError(
        f"Tiled cannot read {what} (HTTP {status}). The file behind it is damaged or gone; the server's log says more."
    )


def refused(what: str) -> RefusedError:
    """Return the error for a key that does not open `what`."""
    return RefusedError(f"Tiled does not give access to {what} with this key. Check DATA_TILED_API_KEY.")
