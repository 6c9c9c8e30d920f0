"""Handing over files by HTTP: with a ticket only, in parts of bounded size; errors are sentences."""

import asyncio
import io
import json
import threading
import tracemalloc
from contextlib import suppress
from functools import partial

import httpx
import numpy as np
import pytest
import tifffile
from threads import until
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from seg_app.io.inbox import Inbox
from seg_app.views.reception import PART_BYTES, TICKET, Reception


@pytest.fixture
def reception():
    return Reception()


@pytest.fixture
def address(reception):
    """The address of a web server with the routes of the reception."""
    listener, port = bind_unused_port()
    ready, stop, loop = threading.Event(), None, None

    async def serve():
        nonlocal stop, loop
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        server = HTTPServer(Application(reception.routes))
        server.add_socket(listener)
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield f"http://127.0.0.1:{port}/upload"
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@pytest.fixture
def delivered():
    return []


@pytest.fixture
def post(reception, address, delivered, tmp_path):
    """Return a function that posts a step with the ticket of a page."""
    ticket = reception.admit(Inbox(tmp_path / "inbox", key="inbox-ada"), lambda *what: delivered.append(what))
    with httpx.Client(trust_env=False, headers={TICKET: ticket}) as client:
        yield lambda step, content=b"", **query: client.post(f"{address}/{step}", content=content, params=query)
    reception.dismiss(ticket)


@pytest.fixture
def image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.arange(12, dtype=np.uint8).reshape(3, 4), photometric="minisblack")
    return (tmp_path / "a.tif").read_bytes()


def announce(*files, folder=""):
    return json.dumps({"folder": folder, "files": [{"name": name, "size": size} for name, size in files]}).encode()


def test_a_file_in_two_parts_is_delivered(post, image, delivered, tmp_path):
    assert post("begin", announce(("a.tif", len(image)))).status_code == 200
    assert post("part", image[:50], offset=0).json() == {"there": 50}
    post("part", image[50:], offset=50)
    assert post("finish").status_code == 200
    assert delivered == [(tmp_path / "inbox" / "a", [])]
    assert (tmp_path / "inbox" / "a" / "a.tif").read_bytes() == image


def test_the_files_of_a_folder_keep_its_name(post, image, delivered, tmp_path):
    post("begin", announce(("notes.txt", 2), ("a.tif", len(image)), folder="../run <1>.zarr"))
    post("part", b"hi" + image, offset=0)
    assert post("finish").status_code == 200
    assert delivered == [(tmp_path / "inbox" / "run _1_", [])]


def test_without_a_ticket_nothing_is_taken(address, post, tmp_path):
    assert post("begin", announce(("a.tif", 9))).status_code == 200
    for step in ("begin", "part", "finish", "cancel"):
        for headers in ({}, {TICKET: "guessed"}):
            answer = httpx.post(f"{address}/{step}", content=b"[]", headers=headers, trust_env=False)
            assert answer.status_code == 403
    assert not list(tmp_path.rglob("a.tif"))


def test_a_ticket_ends_with_its_page(reception, address, tmp_path):
    ticket = reception.admit(Inbox(tmp_path / "inbox", key="inbox-ada"), lambda *_: None)
    begin = partial(httpx.post, f"{address}/begin", headers={TICKET: ticket}, trust_env=False)
    assert begin(content=announce(("a.tif", 9))).status_code == 200
    reception.dismiss(ticket)
    assert begin(content=announce()).status_code == 403
    until(lambda: not list((tmp_path / "inbox").iterdir()))


def test_a_part_that_is_too_large_is_not_collected(post):
    post("begin", announce(("a.tif", 10**9)))
    with suppress(httpx.TransportError):  # the server may hang up before all is sent
        assert post("part", bytes(PART_BYTES + 10**6), offset=0).status_code == 413
    assert post("part", b"small", offset=0).json() == {"there": 5}


@pytest.mark.parametrize(
    "body",
    [b"1", b'[{"name": "a.tif"}]', b'[{"name": "a.tif", "size": "x"}]', b'[{"name": "a", "size": 1e999}]', b"[", b""],
)
def test_a_list_that_makes_no_sense_is_said(post, body):
    answer = post("begin", b'{"folder": "", "files": %b}' % body)
    assert (answer.status_code, "Reload the page" in answer.json()["trouble"]) == (422, True)


def test_a_path_that_leads_elsewhere_is_refused_before_anything_comes(post, tmp_path):
    answer = post("begin", announce(("a.zarr/zarr.json", 2), ("a.zarr/../../0", 1)))
    assert (answer.status_code, "'..' is no name" in answer.json()["trouble"]) == (422, True)
    assert "Nothing is being received" in post("part", b"{}", offset=0).json()["trouble"]
    assert not (tmp_path / "inbox").exists()


def test_what_cannot_be_read_is_said_and_not_delivered(post, delivered, tmp_path):
    post("begin", announce(("bad.tif", 7)))
    post("part", b"garbage", offset=0)
    answer = post("finish")
    assert answer.status_code == 422
    assert "bad.tif" in answer.json()["trouble"]
    assert (delivered, list((tmp_path / "inbox").iterdir())) == ([], [])


def test_what_is_cancelled_is_gone(post, tmp_path):
    post("begin", announce(("a.tif", 9)))
    post("part", b"abc", offset=0)
    assert post("cancel").status_code == 200
    assert list((tmp_path / "inbox").iterdir()) == []
    assert "Nothing is being received" in post("finish").json()["trouble"]


def test_a_large_file_is_never_in_memory_as_a_whole(post, delivered):
    count, part = 12, bytes(PART_BYTES)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (count, 2048, PART_BYTES // 2048)}
    )
    assert post("begin", announce(("large.npy", header.tell() + count * PART_BYTES))).status_code == 200
    post("part", header.getvalue(), offset=0)
    tracemalloc.start()
    for n in range(count):
        there = post("part", part, offset=header.tell() + n * PART_BYTES).json()["there"]
        assert there == header.tell() + (n + 1) * PART_BYTES
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * PART_BYTES  # the client has some of a part, too
    assert post("finish").status_code == 200
    assert [trouble for _, trouble in delivered] == [[]]
