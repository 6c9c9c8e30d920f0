"""A Tiled container as a place for files, on the real server."""

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pytest
from fileserver_contract import NAMES, UNSAFE, FileServerContract
from hypothesis import given
from hypothesis import strategies as st
from masks import IMAGE, SMALL

from seg_app.errors import (
    DamagedError,
    ForbiddenError,
    MissingError,
    NameTakenError,
    RefusedError,
    SettingsError,
    StorageError,
    UnreachableError,
    UnsafeNameError,
)
from seg_app.io import EmbeddedTiled, MaskStore, tiled_folder
from seg_app.io.tiled_folder import TiledFolder
from seg_app.io.tiled_keys import key_of, part_of
from seg_app.models import Outbox


class TestTiledFolder(FileServerContract):
    @pytest.fixture
    def server(self, folder):
        return folder

    def test_any_name_works_for_folders_and_files(self, server):
        """As for all servers, in one catalog and a folder less for each name."""
        for name in NAMES:
            server.create(f"{name}/{name}.npz", b"123")
            assert [info.path for info in server.list(name)] == [f"{name}/{name}.npz"]
            assert server.read(f"{name}/{name}.npz") == b"123"

    def test_a_name_is_not_a_pattern(self, server):
        """As for all servers, with folders that are made once for all names: each takes several requests here."""
        for other in ("x", "y", "a", "b", "1", "acc", "aab"):
            server.create(f"{other}/other.bin", b"123")
        assert [name for name in NAMES if server.list(name)] == []


def test_the_root_can_be_listed(folder):
    assert folder.list("") == []
    folder.create("a.bin", b"1")
    assert [info.path for info in folder.list("")] == ["a.bin"]


def test_containers_and_arrays_of_others_are_no_files(folder, catalog):
    folder.create("a.bin", b"1")
    inside = catalog["lab/masks"]
    inside.create_container("other")
    inside.write_array(np.zeros(3), key="array")
    assert [(info.name, info.is_folder) for info in folder.list("")] == [("a.bin", False), ("other", True)]
    with pytest.raises(StorageError, match="'array' is no folder"):
        folder.create("array/b.bin", b"1")
    with pytest.raises(NameTakenError):
        folder.create("array", b"1")


def test_bytes_that_need_several_requests_come_back(folder, monkeypatch):
    monkeypatch.setattr(tiled_folder, "PART_BYTES", 1000)
    data = np.random.default_rng(0).bytes(2500)
    folder.create("a.bin", data)
    assert folder.read("a.bin") == data


# What goes wrong


def test_a_wrong_key_is_refused_by_the_name_of_its_setting(tiled):
    folder = TiledFolder(tiled.url, api_key="wrong")
    for act in (lambda: folder.list("a"), lambda: folder.read("a/b"), lambda: folder.create("a/b", b"")):
        with pytest.raises(RefusedError, match="MASK_TILED_API_KEY"):
            act()


def test_without_a_key_it_is_asked_for(tiled):
    with pytest.raises(RefusedError, match="Set MASK_TILED_API_KEY"):
        TiledFolder(tiled.url).list("a")


def test_the_key_is_in_no_message(tiled):
    folder = TiledFolder(f"{tiled.url}/api/v1?api_key=hush1", api_key=None)
    with pytest.raises(RefusedError) as refused:
        folder.list("a")
    assert not any("hush1" in text for text in (repr(folder), folder.where, str(refused.value)))


@pytest.mark.parametrize("uri", ["", "tiled.example.org", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused(uri):
    with pytest.raises(SettingsError, match="MASK_TILED_URI"):
        TiledFolder(uri)


def test_a_server_that_is_gone_is_told_within_three_seconds_and_used_again_when_it_is_back(tmp_path):
    server = EmbeddedTiled.start(tmp_path)
    folder, port = TiledFolder(server.url, api_key=server.api_key), int(server.url.rpartition(":")[2])
    folder.create("a.bin", b"1")
    server.stop()
    for act in (lambda: folder.list(""), lambda: folder.create("b.bin", b"2"), lambda: folder.read("a.bin")):
        before = time.monotonic()
        with pytest.raises(UnreachableError, match="Check MASK_TILED_URI"):
            act()
        assert time.monotonic() - before < 3
    server = EmbeddedTiled.start(tmp_path, port=port)
    try:
        folder.create("b.bin", b"2")
        assert [info.name for info in folder.list("")] == ["a.bin", "b.bin"]
    finally:
        server.stop()


def test_what_tiled_could_not_take_waits_in_the_outbox_until_it_is_back(tmp_path):
    server = EmbeddedTiled.start(tmp_path / "tiled")
    port = int(server.url.rpartition(":")[2])
    store = MaskStore(TiledFolder(server.url, api_key=server.api_key))
    outbox = Outbox(tmp_path / "outbox", store, first_pause_s=3600)
    server.stop()
    with pytest.raises(UnreachableError, match=r"MASK_TILED_URI.*kept in the outbox"):
        outbox.save(SMALL)
    server = EmbeddedTiled.start(tmp_path / "tiled", port=port)
    try:
        outbox.try_now()
        assert store.load(outbox.arrived.saving.path) == SMALL
        assert len(store.list(IMAGE)) == 1
    finally:
        outbox.close()
        server.stop()


def test_a_server_that_hangs_while_it_takes_a_set_is_told_soon_and_the_set_is_kept(tmp_path, monkeypatch):
    server = EmbeddedTiled.start(tmp_path / "tiled")
    port, new_bytes = int(server.url.rpartition(":")[2]), tiled_folder._new_bytes
    outbox = Outbox(tmp_path / "outbox", MaskStore(TiledFolder(server.url, api_key=server.api_key)), first_pause_s=3600)
    monkeypatch.setattr("seg_app.io.patience.SILENCE_S", 0.05)
    with contextlib.ExitStack() as until_the_end:

        def hanging(*args):
            server.stop()
            until_the_end.enter_context(socket.create_server(("127.0.0.1", port)))
            return new_bytes(*args)

        monkeypatch.setattr(tiled_folder, "_new_bytes", hanging)
        with pytest.raises(UnreachableError, match=r"no sign of life.* MASK_TILED_URI.*kept in the outbox"):
            outbox.save(SMALL)
    assert [waiting.count for waiting in outbox.waiting] == [len(SMALL.masks)]
    outbox.close()


def test_a_server_that_never_answers_is_told():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        folder = TiledFolder(f"http://127.0.0.1:{silent.getsockname()[1]}", api_key="k", timeout_s=0.1)
        with pytest.raises(UnreachableError, match="took too long"):
            folder.list("a")


def test_what_is_no_tiled_server_is_named():
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        with pytest.raises(UnreachableError, match="no Tiled server"):
            TiledFolder(f"http://127.0.0.1:{server.server_port}", api_key="k").list("a")
    finally:
        server.shutdown()
        server.server_close()


def test_an_upload_that_arrives_damaged_is_noticed_and_leaves_nothing(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tiled_folder, "_bytes", lambda *_: b"other")
        with pytest.raises(DamagedError, match="arrived damaged"):
            folder.create("a.bin", b"12345")
    assert folder.list("") == []
    folder.create("a.bin", b"12345")


def test_what_a_crash_left_half_made_is_neither_listed_nor_read_and_its_name_passed_over(store, folder, monkeypatch):
    class Crash(BaseException):
        pass

    def dying(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(tiled_folder, "_show", dying)
        patch.setattr("tiled.client.container.Container.delete_contents", dying)
        with pytest.raises(Crash):
            store.save(SMALL)
    assert store.list(IMAGE) == []
    with pytest.raises(MissingError):
        folder.read(store._path(IMAGE, "", 0))
    path = store.save(SMALL)
    assert path.endswith("_1.npz")
    assert store.load(path) == SMALL


@pytest.mark.parametrize(
    ("status", "error"), [(403, ForbiddenError), (507, StorageError), (500, StorageError), (401, RefusedError)]
)
def test_what_the_server_says_of_a_write_is_told(folder, monkeypatch, status, error):
    folder.create("a.bin", b"1")
    post = httpx.Client.post

    def answer(client, url, **how):
        return httpx.Response(status, request=httpx.Request("POST", url)) if "metadata" in str(url) else post(
            client, url, **how
        )  # fmt: skip

    monkeypatch.setattr(httpx.Client, "post", answer)
    with pytest.raises(error):
        folder.create("b.bin", b"1")


@pytest.mark.parametrize("path", [path for path in UNSAFE if path])
def test_an_unsafe_name_is_refused_before_anybody_is_asked(path):
    folder = TiledFolder("http://127.0.0.1:9", api_key="k")
    for act in (lambda: folder.read(path), lambda: folder.create(path, b""), lambda: folder.list(path)):
        with pytest.raises(UnsafeNameError):
            act()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.sampled_from(NAMES))
def test_different_names_have_different_keys_and_come_back(one: str, other: str):
    assert part_of(key_of(one)) == one
    assert (key_of(one) == key_of(other)) == (one == other)
    assert not set(key_of(one)) & set('%/?#{}"<>\\')
