"""A Drops server for tests: the answers of the real one, byte by byte, over a real folder."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

INDEX = (
    b'<!DOCTYPE html>\n<html lang="en">\n<head><title>Drops</title></head>\n<body>Wait For The Drop</body>\n</html>\n'
)
NOT_FOUND = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><pre>Not Found</pre></body></html>\n"


class DropsServer:
    """Serves `root` on a free port of this machine until `stop`.

    `stored` stands between an upload and the disk: give one that returns other bytes, or None to store nothing,
    and the server says 'ok' all the same.
    """

    def __init__(
        self,
        root: Path,
        user: str,
        password: str,
        *,
        port: int = 0,
        stored: Callable[[bytes], bytes | None] = lambda data: data,
    ):
        self.root = root
        self.key = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.stored = stored
        self.begin, self.go_on = threading.Event(), threading.Event()
        """An answer begins when the first is set, and its second half is sent when the other is."""
        self.begin.set()
        self.go_on.set()
        self.calls: list[tuple[str, dict[str, str]]] = []
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"drops": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> DropsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def sets(self) -> list[str]:
        """Return the names of all sets of masks that lie in it."""
        return sorted(path.name for path in self.root.rglob("*.npz"))

    def listing(self, search: str) -> Any:
        """`/list/`: what the pattern `<root><search>/*` finds; the root itself is not listable."""
        if not search:
            return {}
        return [self._stats(found) for found in sorted(glob_node(self.root, f"{search}/*"))]

    def _stats(self, path: Path) -> dict[str, Any]:
        """Node's `fs.Stats` as JSON, with the two fields that Drops adds."""
        stat = path.stat()
        times = {"atime": stat.st_atime_ns, "mtime": stat.st_mtime_ns, "ctime": stat.st_ctime_ns}
        times["birthtime"] = stat.st_ctime_ns
        return {
            **{f: getattr(stat, f"st_{f}") for f in ("dev", "mode", "nlink", "uid", "gid", "rdev", "blksize", "ino")},
            "size": stat.st_size,
            "blocks": stat.st_blocks,
            **{f"{name}Ms": ns / 1e6 for name, ns in times.items()},
            **{name: iso_ms(ns) for name, ns in times.items()},
            "name": "/" + path.relative_to(self.root).as_posix(),
            "is_dir": path.is_dir(),
        }

    def upload(self, folder: str, name: str, data: bytes, *, clobber: bool) -> dict[str, Any]:
        """`/upload/`: path and name are joined as strings, after `unescape` of both."""
        target = Path(f"{self.root}/{js_unescape(folder)}{js_unescape(name)}")
        changed = self.stored(data)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if changed is not None:
                with target.open("wb" if clobber else "xb") as stream:
                    stream.write(changed)
        except OSError as error:
            number = error.errno or 0
            return {
                "status": {
                    "errno": -number,
                    "code": errno.errorcode.get(number),
                    "syscall": "open",
                    "path": str(target),
                }
            }
        return {"status": "ok"}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # or some of many clients at once wait a second to be let in


class _Handler(BaseHTTPRequestHandler):
    drops: DropsServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or each answer waits 40 ms for the system's delayed ACK

    def do_GET(self) -> None:
        """A direct link, without password: a file, or the index page, but never 404."""
        path = unquote(urlsplit(self.path).path)
        target = self.drops.root / path.strip("/")
        if target.is_file():
            self._answer(200, "application/octet-stream", target.read_bytes())
        elif not path.endswith("/"):
            self._answer(301, "text/html; charset=UTF-8", INDEX, location=f"{urlsplit(self.path).path}/")
        else:
            self._answer(200, "text/html; charset=UTF-8", INDEX)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != self.drops.key:
            return self._answer(401, "text/plain; charset=utf-8", b"Unauthorized", www_authenticate="Basic")
        verb = {"/list/": self._list, "/filez/": self._filez, "/upload/": self._upload}.get(self.path)
        return verb(body) if verb else self._answer(404, "text/html; charset=utf-8", NOT_FOUND)

    def _list(self, body: bytes) -> None:
        fields = self._fields(body)
        self._json(self.drops.listing(fields.get("search", "")))

    def _filez(self, body: bytes) -> None:
        target = Path(f"{self.drops.root}/{self._fields(body)['file']}")
        if target.is_file():
            self._answer(200, "application/octet-stream", target.read_bytes())
        else:
            self._answer(404, "text/html; charset=utf-8", NOT_FOUND)

    def _upload(self, body: bytes) -> None:
        fields, files = multipart(body, self.headers["Content-Type"])
        self.drops.calls.append(("upload", fields))
        for name, data in files:
            self._json(self.drops.upload(fields["path"], name, data, clobber="clobber" in fields))
        if len(files) != 1:  # "headers already sent": the process ends
            threading.Thread(target=self.drops.stop).start()

    def _fields(self, body: bytes) -> dict[str, str]:
        text = body.decode()
        as_json = "json" in self.headers.get("Content-Type", "")
        fields = json.loads(text) if as_json else {k: v[-1] for k, v in parse_qs(text, keep_blank_values=True).items()}
        self.drops.calls.append((self.path.strip("/"), fields))
        return fields

    def _json(self, value: Any) -> None:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        self._answer(200, "application/json; charset=utf-8", text.encode())

    def _answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.drops.begin.wait()
        self.send_response(status)
        for name, value in {"X-Powered-By": "Express", "Connection": "close", "Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = 0 if self.drops.go_on.is_set() else len(body) // 2
        self.wfile.write(body[:half])
        if half:
            self.wfile.flush()
            self.drops.go_on.wait()
        self.wfile.write(body[half:])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the output is the test's."""


def multipart(body: bytes, content_type: str) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    """Return the fields, and (file name, bytes) of each file.

    File names are read as latin-1, as Node's usual parser (busboy 1) does where nobody tells it otherwise.
    """
    boundary = b"\r\n--" + content_type.split("boundary=")[1].strip('"').encode()
    fields: dict[str, str] = {}
    files: list[tuple[str, bytes]] = []
    for part in (b"\r\n" + body).split(boundary)[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = dict(re.findall(r'(\w+)="([^"]*)"', head.decode("latin-1")))
        if "filename" in disposition:
            files.append((disposition["filename"].replace("\\", "/").rpartition("/")[2], data))
        else:
            fields[disposition["name"]] = data.decode()
    return fields, files


def js_unescape(text: str) -> str:
    """JavaScript's `unescape` (ECMA-262, B.2.1.2): %XX is one character of latin-1, %uXXXX one unit of UTF-16."""
    units = re.sub(r"%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16")


def iso_ms(ns: int) -> str:
    """A date as `JSON.stringify` writes it."""
    return datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def glob_node(root: Path, pattern: str) -> set[Path]:
    """What node-glob finds below root: braces, then `*`, `?`, `[...]`, `+(a|b)`; a backslash takes the magic away."""
    return {found for plain in braces(pattern) for found in _walk(root, [p for p in plain.split("/") if p])}


def braces(pattern: str) -> list[str]:
    """The patterns that `a{b,c}d` stands for; braces after a backslash, or without a comma, stand for themselves."""
    found = re.search(r"(?<!\\)\{((?:[^{}\\]|\\.)*,(?:[^{}\\]|\\.)*)\}", pattern)
    if not found:
        return [pattern]
    options = re.split(r"(?<!\\),", found[1])
    return [p for option in options for p in braces(pattern[: found.start()] + option + pattern[found.end() :])]


def _walk(folder: Path, parts: list[str]) -> Iterator[Path]:
    if not parts:
        yield folder
        return
    regex = part_regex(parts[0])
    if regex is None:  # no magic: taken as it is, `..` and hidden names included
        plain = folder / re.sub(r"\\(.)", r"\1", parts[0])
        yield from _walk(plain, parts[1:]) if os.path.lexists(plain) else ()
    elif folder.is_dir():
        for child in folder.iterdir():
            if not child.name.startswith(".") and regex.fullmatch(child.name):
                yield from _walk(child, parts[1:])


TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<star>\*)(?!\()|(?P<one>\?)(?!\()|\[(?P<not>[!^]?)(?P<set>\]?[^\]]*)\]"
    r"|(?P<kind>[?*+@!])\((?P<options>(?:[^()\\]|\\.)*)\)|(?P<plain>.)",
    re.DOTALL,
)
EXTGLOB = {"?": "(?:{})?", "*": "(?:{})*", "+": "(?:{})+", "@": "(?:{})", "!": "(?!(?:{})$).*"}


def part_regex(part: str) -> re.Pattern[str] | None:
    """The regular expression of one part of a path; None when it has no magic."""
    tokens = list(TOKEN.finditer(part))
    magic = any(t["star"] or t["one"] or t["kind"] or t["set"] for t in tokens)
    return re.compile("".join(map(_token_regex, tokens)), re.DOTALL) if magic else None


def _token_regex(token: re.Match[str]) -> str:
    if token["star"] or token["one"]:
        return ".*" if token["star"] else "."
    if token["set"]:
        members = token["set"].replace("\\", r"\\").replace("[", r"\[")
        return f"[{'^' if token['not'] else ''}{members}]"
    if token["kind"]:
        options = token["options"].split("|")
        return EXTGLOB[token["kind"]].format("|".join("".join(map(_token_regex, TOKEN.finditer(o))) for o in options))
    return re.escape(token["escaped"] or token["plain"])
