"""Files on Drops: sent and read back completely, under their own names, and whatever goes wrong is said."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from drops_server import DropsServer, glob_node, js_unescape
from fileserver_contract import UNSAFE, FileServerContract
from hypothesis import given
from hypothesis import strategies as st

from seg_app.errors import (
    NameTakenError,
    RefusedError,
    SegAppError,
    SettingsError,
    StorageError,
    UnreachableError,
    UnreadableError,
    UnsafeNameError,
)
from seg_app.io.drops import Drops, _glob_escaped, _js_escaped
from seg_app.io.patience import Patience

PASSWORD = "pässw€rd: 1"


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as http:
        yield http


@pytest.fixture
def there(tmp_path: Path) -> Iterator[DropsServer]:
    with DropsServer(tmp_path, "ann", PASSWORD) as server:
        yield server


def client(http: requests.Session, url: str, password: str = PASSWORD) -> Drops:
    return Drops(http, url, user="ann", password=password, timeout_s=10)


@pytest.fixture
def drops(there: DropsServer, http: requests.Session) -> Drops:
    return client(http, there.url)


class TestDrops(FileServerContract):
    @pytest.fixture
    def server(self, drops: Drops) -> Drops:
        return drops


def test_an_upload_lands_in_its_folder_under_its_name(drops: Drops, tmp_path: Path):
    drops.create("drops/ann/50% größe.npz", b"123")
    assert (tmp_path / "drops/ann/50% größe.npz").read_bytes() == b"123"


def test_the_path_of_an_upload_ends_with_a_slash(drops: Drops, there: DropsServer):
    drops.create("drops/ann/a.npz", b"123")
    assert there.calls[0] == ("upload", {"path": "drops/ann/"})


def test_an_upload_is_sent_in_parts_and_may_take_longer_than_each_of_them(drops, tmp_path, monkeypatch):
    sizes, send, data = [], HTTPConnection.send, bytes(range(256)) * 2000
    monkeypatch.setattr(HTTPConnection, "send", lambda line, part: (sizes.append(len(part)), send(line, part))[1])
    drops.create("drops/ann/a.npz", data)
    assert sum(sizes) > len(data)
    assert max(sizes) <= 2**16
    assert (tmp_path / "drops/ann/a.npz").read_bytes() == data


def test_a_saved_file_is_listed_and_read_back(drops: Drops, there: DropsServer):
    drops.create("drops/ann/a.npz", b"123")
    assert [verb for verb, _ in there.calls] == ["upload", "list", "filez"]


def test_two_writers_of_one_name_are_told_apart(drops: Drops):
    drops.create("a/b.npz", b"1")
    with pytest.raises(NameTakenError, match="nothing is overwritten"):
        drops.create("a/b.npz", b"1")


@pytest.mark.parametrize("path", UNSAFE)
def test_an_unsafe_name_is_never_sent(drops: Drops, there: DropsServer, path: str):
    for act in (lambda: drops.list(path), lambda: drops.read(path), lambda: drops.create(path, b"")):
        with pytest.raises(UnsafeNameError):
            act()
    assert there.calls == []


def test_a_file_in_the_root_is_refused_because_the_root_cannot_be_listed(drops: Drops, there: DropsServer):
    with pytest.raises(UnsafeNameError, match=r"drops/<user>/a\.npz"):
        drops.create("a.npz", b"")
    assert there.calls == []


@pytest.mark.parametrize(
    ("stored", "complaint"),
    [
        (lambda data: data[:-1], r"arrived damaged .*\(2 of 3 bytes\)"),
        (lambda data: data[::-1], "arrived damaged"),
        (lambda _: None, "does not list it"),
    ],
    ids=["truncated", "changed", "lost"],
)
def test_an_upload_that_went_wrong_is_noticed(http, tmp_path: Path, stored, complaint: str):
    with DropsServer(tmp_path, "ann", PASSWORD, stored=stored) as there, pytest.raises(StorageError, match=complaint):
        client(http, there.url).create("drops/a.npz", b"123")


def test_a_wrong_password_is_refused_with_the_name_of_the_setting(http, there: DropsServer):
    drops = client(http, there.url, password="wrong-secret")
    for act in (lambda: drops.list("a"), lambda: drops.read("a/b"), lambda: drops.create("a/b", b"")):
        with pytest.raises(RefusedError, match="check the user and password of DROPS_URL"):
            act()


def test_the_password_is_in_no_message(http, there: DropsServer):
    address = there.url.replace("http://", "http://ann:wrong-secret@")
    drops = client(http, address, password="wrong-secret")
    with pytest.raises(RefusedError) as refused:
        drops.list("a")
    there.stop()
    with pytest.raises(UnreachableError) as unreachable:
        drops.list("a")
    told = [repr(drops), drops.where, str(refused.value), str(unreachable.value), str(unreachable.value.__cause__)]
    assert not any("secret" in text for text in told)


@pytest.mark.parametrize("url", ["", "drops.example.org", "ftp://host", "http://", "http://[::1", "http://h:port"])
def test_an_address_that_is_none_is_refused(http, url: str):
    with pytest.raises(SettingsError, match="DROPS_URL"):
        client(http, url)


def test_where_shows_the_address_without_the_password(http):
    assert client(http, "https://ann:secret@Host:8443/drops/?x=1").where == "Drops at https://host:8443/drops"


def test_a_server_that_is_not_there_is_unreachable(http):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port} does not answer"):
        client(http, f"http://127.0.0.1:{port}").list("a")


def test_a_server_that_never_answers_is_unreachable(http):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        drops = Drops(http, f"http://127.0.0.1:{silent.getsockname()[1]}", user="a", password="b", timeout_s=0.05)
        with pytest.raises(UnreachableError, match="ReadTimeout"):
            drops.read("a/b")


@pytest.mark.parametrize("act", [lambda d: d.list("a"), lambda d: d.read("a/b"), lambda d: d.create("a/b", b"")])
def test_a_server_that_hangs_is_said_long_before_its_answer_times_out(http, act, monkeypatch):
    for module in ("patience", "drops"):
        monkeypatch.setattr(f"seg_app.io.{module}.SILENCE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        drops = Drops(http, f"http://127.0.0.1:{silent.getsockname()[1]}", user="a", password="b")
        drops._patience = Patience(drops._greet, patience_s=0.01)
        with pytest.raises(UnreachableError, match="does not answer"):
            act(drops)


@pytest.fixture
def stalled(there, tmp_path, monkeypatch):
    """A server with a file; of each answer only the first half comes."""
    monkeypatch.setattr("seg_app.io.drops_line.STALLED_S", 0.05)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"12")
    there.go_on.clear()
    yield
    there.go_on.set()


@pytest.mark.usefixtures("stalled")
@pytest.mark.parametrize(
    "act",
    [lambda d: d.list("a"), lambda d: d.read("a/b"), lambda d: [*d.stream("a/b")], lambda d: d.create("a/c", b"3")],
    ids=["list", "read", "stream", "create"],
)
def test_a_server_that_hangs_in_the_middle_of_an_answer_is_said(drops, act):
    with pytest.raises(UnreachableError, match=r"stopped in the middle of .* \(ConnectionError\)\. Try again"):
        act(drops)


@pytest.mark.usefixtures("stalled")
def test_an_answer_may_take_longer_to_begin_than_to_go_on(drops, there):
    there.go_on.set()
    there.begin.clear()
    drops._patience = Patience(there.begin.set, patience_s=0.2)
    assert drops.read("a/b") == b"12"


def test_the_sign_of_life_before_an_upload_may_take_as_long_as_any_answer(drops: Drops, http, monkeypatch):
    def answer_late(*_, timeout, **__):
        if timeout != drops._timeouts_s:
            raise requests.ReadTimeout

    monkeypatch.setattr(http, "head", answer_late)
    drops.create("drops/ann/a.npz", b"123")
    assert drops.read("drops/ann/a.npz") == b"123"


@pytest.fixture
def answering(http) -> Iterator:
    """Make a client of a server that gives one answer to everything."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: bytes, **headers: str) -> Drops:
        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is called there
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return client(http, f"http://127.0.0.1:{servers[-1].server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


PAGE = b"\n<!DOCTYPE html><html></html>"
ODD_ANSWERS = {
    "web page": (200, PAGE, {"Content_Type": "text/html"}),
    "redirect": (301, PAGE, {"Location": "https://elsewhere/list/", "Content_Type": "text/html"}),
    "no such address": (404, PAGE, {}),
    "crashed": (500, b"", {}),
    "busy": (503, PAGE, {}),
    "forbidden": (403, b"", {}),
    "too large": (413, PAGE, {}),
    "no JSON": (200, b"ok", {}),
    "empty": (200, b"", {}),
    "not UTF-8": (200, b"\xff\xfe\x00", {}),
    "deep": (200, b"[" * 100_000, {}),
    "object": (200, b"{}", {}),
    "number": (200, b"1", {}),
    "null": (200, b"null", {}),
    "list of odd things": (200, json.dumps([1, {}, {"name": 3}]).encode(), {}),
    "broken date": (200, b'[{"name": "/a/b", "is_dir": false, "size": 1, "mtimeMs": "x"}]', {}),
    "infinite size": (200, b'[{"name": "/a/b", "is_dir": false, "size": Infinity, "mtimeMs": 1}]', {}),
    "status without code": (200, b'{"status": {}}', {}),
    "status of another type": (200, b'{"status": [1]}', {}),
}


@pytest.mark.parametrize("kind", ODD_ANSWERS)
def test_an_odd_answer_is_never_a_listing_nor_a_saved_file(answering, kind: str):
    status, body, headers = ODD_ANSWERS[kind]
    drops = answering(status, body, **headers)
    with pytest.raises(SegAppError):
        drops.list("a")
    with pytest.raises(SegAppError):
        drops.create("a/b.npz", b"1")


def test_a_web_page_is_never_a_file(answering):
    with pytest.raises(UnreadableError, match="web page"):
        answering(200, PAGE, Content_Type="text/html; charset=utf-8").read("a/b.npz")


def test_a_redirect_tells_the_address_to_use(answering):
    with pytest.raises(UnreachableError, match=r"https://elsewhere/\. Change DROPS_URL"):
        answering(301, PAGE, Location="https://elsewhere/").read("a/b.npz")


def test_an_upload_too_large_for_a_proxy_says_so(answering):
    with pytest.raises(StorageError, match="too large"):
        answering(413, PAGE).create("a/b.npz", b"1")


def test_a_full_disk_of_the_server_is_told(answering):
    with pytest.raises(StorageError, match="ENOSPC"):
        answering(200, b'{"status":{"errno":-28,"code":"ENOSPC"}}').create("a/b.npz", b"1")


def test_entries_of_other_folders_are_not_listed(answering):
    entry = {"is_dir": False, "size": 1, "mtimeMs": 1000.5}
    drops = answering(200, json.dumps([{**entry, "name": n} for n in ("/a/b", "/other/c", "//a//d", "/a")]).encode())
    assert [info.path for info in drops.list("a")] == ["a/b", "a/d"]
    assert drops.list("a")[0].modified_s == 1.0005


NAME = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=20)


@given(NAME)
def test_every_name_survives_the_way_to_the_server(name: str):
    assert js_unescape(_js_escaped(name)) == name
    assert _js_escaped(name).isascii()
    assert not set(_js_escaped(name)) & set(' ";\\<>')


@given(NAME.filter(lambda name: not name.startswith(".") and len(name.encode()) < 200))
def test_an_escaped_name_means_itself_only(tmp_path_factory, name: str):
    root = tmp_path_factory.mktemp("glob")
    for folder in {name, "a", "b", "ab"}:
        (root / folder).mkdir()
        (root / folder / "file").touch()
    assert [found.parent.name for found in glob_node(root, f"{_glob_escaped(name)}/*")] == [name]
