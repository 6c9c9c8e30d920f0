"""Addresses of Tiled servers: what people write, what the client needs, and whether a Tiled server answers there."""

from __future__ import annotations

import re

import httpx

from seg_app.errors import RefusedError, UnreachableError
from seg_app.io.tiled_errors import refused

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def split_address(uri: str, api_key: str | None) -> tuple[str, tuple[str, ...], str | None]:
    """Return the address of the server's interface, the path below it, and the key that was given either way."""
    try:
        url = httpx.URL(uri)
    except httpx.InvalidURL as error:
        raise _no_address(uri.partition("?")[0]) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address(uri.partition("?")[0])
    key = api_key or url.params.get("api_key")
    base, _, node = url.path.partition("/metadata")
    path = re.sub(r"(/api(/v1)?)?/*$", "/api/v1", base, count=1)
    origin = str(url.copy_with(path=path, query=None, fragment=None, userinfo=b""))
    return origin, tuple(part for part in node.split("/") if part), key or None


def _no_address(uri: str) -> UnreachableError:
    return UnreachableError(f"{uri!r} is not an address of a server. Write http://host:port; check DATA_TILED_URI.")


def check_server(api: str, key: str | None, timeout: httpx.Timeout) -> None:
    """Ask the server who it is, without repeating and without ever asking for a password on the terminal."""
    # Without the key: nothing is known yet about who answers.
    response = httpx.get(f"{api}/", timeout=timeout, trust_env=not is_local(api), follow_redirects=True)
    try:
        required = response.raise_for_status().json()["authentication"]["required"]
    except (httpx.HTTPStatusError, LookupError, TypeError, ValueError) as error:
        raise UnreachableError(f"What answers at {shown(api)} is no Tiled server. Check DATA_TILED_URI.") from error
    if key is None and required:
        raise RefusedError(f"Tiled at {shown(api)} asks for a key. Set DATA_TILED_API_KEY.")
    if key and not re.fullmatch(r"\w+", key):  # the client would take it for no key, and ask for a password
        raise refused(shown(api))


def address_of(uri: str) -> str:
    """Return the address of a server as `TiledSource.uri` has it, without a key. Raises UnreachableError."""
    return shown(split_address(uri, None)[0])


def shown(api: str) -> str:
    """Return the address of a server as people write it, of that of its interface."""
    return api.removesuffix("/api/v1")


def is_local(api: str) -> bool:
    """Say whether a server is on this computer."""
    return httpx.URL(api).host in LOOPBACK
