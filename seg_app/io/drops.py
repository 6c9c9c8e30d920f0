"""A Drops server: list, read, upload.

The protocol was read from the server's public source and checked against a running one; its traps are named
where they are answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.filepost import encode_multipart_formdata

from seg_app.errors import (
    DamagedError,
    ForbiddenError,
    MissingError,
    NameTakenError,
    RefusedError,
    SettingsError,
    StorageError,
    UnreachableError,
    UnreadableError,
    UnsafeNameError,
)
from seg_app.io.drops_line import ExpectingAdapter
from seg_app.io.fileserver import Listing, checked_path
from seg_app.io.patience import SILENCE_S, Patience
from seg_app.records import FileInfo

CONNECT_TIMEOUT_S = 3.0
"""A server in the lab answers at once or is not there: the user need not wait longer to hear it."""

FORBIDDEN = ("EACCES", "EPERM", "EROFS")
"""What the system of the server says of a folder that it may not write to."""

PART_BYTES = 2**20
"""Of a file that is streamed."""


class Drops:
    """The files of one Drops server, as a FileServer.

    Its root holds folders only and cannot be listed: every path begins with a folder, as in 'drops/<user>'.
    """

    def __init__(self, http: requests.Session, url: str, *, user: str, password: str, timeout_s: float = 60.0):
        """Talk to the server at `url` through `http`; `timeout_s` is how long an answer may take to begin.

        Raises SettingsError when `url` is no http(s) address.
        """
        self.url = _without_credentials(url)
        self._http = http
        http.mount(self.url, ExpectingAdapter())
        # As bytes, because requests would write them in latin-1, where many passwords cannot be written.
        self._auth: Any = (user.encode(), password.encode())
        self._timeouts_s = (min(CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._patience = Patience(self._greet)

    def __repr__(self) -> str:
        return f"Drops({self.url!r})"

    @property
    def where(self) -> str:
        """The address for the user, without user and password."""
        return f"Drops at {self.url}"

    def list(self, folder: str) -> Listing:
        """Return what a folder holds, without hidden entries; [] when there is no such folder.

        Raises UnsafeNameError for an unusable name, SourceError when the server does not answer as it should.
        """
        answer = self._post("list", {"search": _glob_escaped(checked_path(folder))})
        self._expect_ok(answer)
        entries = self._json(answer)
        if not isinstance(entries, list):
            raise UnreadableError(f"{self.where} cannot list '{folder}'. Check DROPS_URL.")
        files = [self._file_info(entry) for entry in entries]
        # Only what lies in the folder itself, in case that an escaped pattern meant more to the server.
        return [file for file in files if file.path == f"{folder}/{file.name}"]

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises MissingError when there is no such file, UnsafeNameError for an unusable name,
        SourceError when the server does not answer as it should.
        """
        answer = self._post("filez", {"file": checked_path(path)})
        self._expect_file(answer, path)
        return answer.content

    def stream(self, path: str) -> Generator[bytes, None, None]:
        """Yield the bytes of a file in parts of at most 1 MiB, so that a large one is never in memory as a whole.

        Raises as `read` does, and UnreachableError when the connection breaks.
        """
        with self._post("filez", {"file": checked_path(path)}, stream=True) as answer:
            self._expect_file(answer, path)
            with self._going_on(f"'{path}'"):
                yield from answer.iter_content(PART_BYTES)

    def create(self, path: str, data: bytes) -> None:
        """Upload a new file, then list and read it back.

        Raises NameTakenError when the path exists, DamagedError when the file did not arrive as it was sent,
        StorageError when it is not stored, UnsafeNameError for an unusable name,
        SourceError when the server does not answer as it should.
        """
        folder, _, name = checked_path(path).rpartition("/")
        if not folder:
            raise UnsafeNameError(f"Cannot store {path!r}: Drops keeps files in folders, as in 'drops/<user>/{path}'.")
        # The server joins path and name as strings, hence the slash, and applies JavaScript's unescape to both.
        # It dies of two files in one request: one file, one request.
        fields = {"path": f"{_js_escaped(folder)}/"}
        # Only before: on a slow line nothing else is answered while a large file is on its way.
        with self._answering():
            self._patience.ask(lambda: self._ask_for_life(self._timeouts_s))
        self._expect_stored(self._send("upload", fields, file=(_js_escaped(name), data)), path)
        self._expect_unchanged(path, data)

    def _post(self, verb: str, fields: dict[str, str], *, stream: bool = False) -> requests.Response:
        """Ask for something; a server that says nothing at all meanwhile is not waited for."""
        with self._answering():
            return self._patience.ask(lambda: self._send(verb, fields, stream=stream))

    def _send(
        self, verb: str, fields: dict[str, str], *, file: tuple[str, bytes] | None = None, stream: bool = False
    ) -> requests.Response:
        self._patience.asked()
        body, kind = _form_with(fields, file) if file else (fields, {})
        with self._answering():
            answer = self._http.post(
                f"{self.url}/{verb}/",
                data=body,
                headers=kind,
                auth=self._auth,
                timeout=self._timeouts_s,
                stream=True,
                allow_redirects=False,  # a redirected POST becomes a GET, whose answer is a web page
                hooks={"response": lambda *_, **__: self._patience.heard()},
            )
        if not stream:
            with self._going_on("an answer"):
                answer.content  # noqa: B018 - is received, and kept
        if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            raise RefusedError(f"{self.where} refuses the key: check the user and password of DROPS_URL.")
        return answer

    def _greet(self) -> None:
        """Ask for a sign of life that comes at once."""
        self._ask_for_life(min(SILENCE_S, *self._timeouts_s))

    def _ask_for_life(self, timeout_s: float | tuple[float, float]) -> None:
        """Ask for a sign of life: whatever the server answers is one."""
        self._http.head(f"{self.url}/", timeout=timeout_s, allow_redirects=False)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, TimeoutError) as error:
            raise UnreachableError(
                f"{self.where} does not answer ({type(error).__name__}). Check DROPS_URL and the network."
            ) from error

    @contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        try:
            yield
        except requests.RequestException as error:
            raise UnreachableError(
                f"{self.where} stopped in the middle of {what} ({type(error).__name__}). Try again."
            ) from error

    def _expect_ok(self, answer: requests.Response) -> None:
        if answer.is_redirect:
            raise UnreachableError(f"{self.where} has moved to {answer.headers['location']}. Change DROPS_URL.")
        if answer.status_code != requests.codes.ok:
            raise UnreachableError(f"{self.where} answered {answer.status_code} {answer.reason}. Check DROPS_URL.")

    def _expect_file(self, answer: requests.Response, path: str) -> None:
        if answer.status_code == requests.codes.not_found:
            raise MissingError(f"There is no '{path}' on {self.where}. Reload the list of files.")
        self._expect_ok(answer)
        if _is_web_page(answer) and not path.lower().endswith((".htm", ".html")):
            raise UnreadableError(f"{self.where} sent a web page instead of '{path}'. Check DROPS_URL.")

    def _expect_stored(self, answer: requests.Response, path: str) -> None:
        if answer.status_code in (requests.codes.request_entity_too_large, requests.codes.insufficient_storage):
            raise StorageError(f"'{path}' is too large for {self.where}: {answer.reason}.")
        self._expect_ok(answer)
        # Every upload is answered with 200; only the word in the body tells whether the file was stored.
        body = self._json(answer)
        status = body.get("status") if isinstance(body, dict) else None
        code = status.get("code") if isinstance(status, dict) else status
        if code == "EEXIST":
            raise NameTakenError(f"'{path}' exists on {self.where}, and nothing is overwritten. Take another name.")
        if code in FORBIDDEN:
            raise ForbiddenError(f"{self.where} may not write '{path}' ({code}). Ask who runs it, or set MASKS_ROOT.")
        if code != "ok":
            raise StorageError(f"{self.where} did not store '{path}': {code}. Ask who runs it.")

    def _expect_unchanged(self, path: str, data: bytes) -> None:
        folder = path.rpartition("/")[0]
        sizes = {file.path: file.size for file in self.list(folder)}
        if path not in sizes:
            raise DamagedError(f"{self.where} said that '{path}' is stored, but does not list it. Save again.")
        if sizes[path] != len(data) or self.read(path) != data:
            raise DamagedError(
                f"'{path}' arrived damaged on {self.where} ({sizes[path]} of {len(data)} bytes). "
                "Do not use that file; save again under another name."
            )

    def _json(self, answer: requests.Response) -> Any:
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"{self.url} does not answer as Drops does. Check DROPS_URL.") from error

    def _file_info(self, entry: Any) -> FileInfo:
        try:
            path = "/".join(part for part in entry["name"].split("/") if part)
            folder = bool(entry["is_dir"])
            return FileInfo(path, 0 if folder else int(entry["size"]), float(entry["mtimeMs"]) / 1000, folder)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise UnreadableError(f"{self.url} does not list files as Drops does. Check DROPS_URL.") from error


def _form_with(fields: dict[str, str], file: tuple[str, bytes]) -> tuple[BytesIO, dict[str, str]]:
    """Return a form with a file as a stream, and its header.

    Of a stream each part may take CONNECT_TIMEOUT_S on its way, of bytes all of them together: so an upload goes on as
    long as the server takes something, and ends soon where it takes nothing.
    """
    parts: dict[str, Any] = {**fields, "file": (*file, None)}
    form, kind = encode_multipart_formdata(parts)
    return BytesIO(form), {"Content-Type": kind}


def _without_credentials(url: str) -> str:
    """Return an http(s) address without user, password, query and last slash."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError("DROPS_URL is no address. Write it as https://drops.example.org.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError("DROPS_URL must begin with http:// or https://, as in https://drops.example.org.")
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path.rstrip("/"), "", ""))


def _glob_escaped(folder: str) -> str:
    """Return a folder's name as a pattern that means only this folder.

    The server hands it to node-glob, which takes a backslash as escape (https://github.com/isaacs/minimatch);
    an opening parenthesis makes patterns such as `+(a)`.
    """
    return re.sub(r"[\[\]*?{}()]", r"\\\g<0>", folder)


def _js_escaped(name: str) -> str:
    """Return a name as JavaScript's `escape` writes it (ECMA-262, B.2.1.1), and its `unescape` reads it.

    Not as URLs are written: `unescape` would take the UTF-8 bytes %C3%A9 for two letters.
    """
    return re.sub(r"[^A-Za-z0-9@*_+\-./]", lambda found: _js_escaped_character(found.group()), name)


def _js_escaped_character(character: str) -> str:
    encoded = character.encode("utf-16-be")
    units = [int.from_bytes(encoded[i : i + 2], "big") for i in range(0, len(encoded), 2)]
    return "".join(f"%{unit:02X}" if unit < 0x100 else f"%u{unit:04X}" for unit in units)


def _is_web_page(answer: requests.Response) -> bool:
    """Say whether an answer calls itself HTML and begins like it."""
    return "text/html" in answer.headers.get("content-type", "") and answer.content.lstrip().startswith(b"<")
