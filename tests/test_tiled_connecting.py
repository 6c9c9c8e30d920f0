"""Connecting to a Tiled server: by any way of writing its address, with the right key; and what is said otherwise."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest
from serving import nobody

from seg_app.errors import MissingError, RefusedError, UnreachableError
from seg_app.io.tiled import TiledSource
from seg_app.io.tiled_server import EmbeddedTiled


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with one image, in a folder."""
    server = EmbeddedTiled.start(tmp_path_factory.mktemp("tiled"))
    with closing(server.connect()) as source:
        source.client.create_container("samples").write_array(np.zeros((4, 5), np.uint8), key="grey")
    yield server
    server.stop()


@contextmanager
def other_server(body: bytes) -> Iterator[str]:
    """Run a server that says `body` to everything; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_source_may_begin_at_a_container(server):
    with closing(TiledSource.connect(f"{server.url}/api/v1/metadata/samples", api_key=server.api_key)) as source:
        assert "grey" in [entry.path for entry in source.browse()]
        assert source.open("grey").image.path == "samples/grey"


def test_a_source_may_begin_at_an_image(server):
    with closing(TiledSource.connect(f"{server.url}/api/v1/metadata/samples/grey", api_key=server.api_key)) as source:
        assert source.open("").image.path == "samples/grey"


def test_a_client_that_exists_can_be_used(server):
    with closing(server.connect()) as source:
        assert TiledSource(source.client.context).open("samples/grey").image.source == source.uri


def test_a_wrong_key_is_refused_and_not_shown(server):
    with pytest.raises(RefusedError, match="DATA_TILED_API_KEY") as caught:
        TiledSource.connect(server.url, api_key="wrongwrong")
    assert "wrongwrong" not in str(caught.value)


def test_a_key_that_cannot_be_one_is_refused(server):
    with pytest.raises(RefusedError):
        TiledSource.connect(server.url, api_key="wr-ong")


def test_a_key_for_another_server_is_not_taken_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("TILED_API_KEY", server.api_key)
    with pytest.raises(RefusedError):
        TiledSource.connect(server.url)


def test_the_key_may_be_part_of_the_address_and_is_not_kept_there(server):
    with closing(TiledSource.connect(f"{server.url}?api_key={server.api_key}")) as source:
        assert source.browse()
        assert server.api_key not in repr(source) + source.open("samples/grey").image.source


def test_a_container_that_is_not_there_is_missing(server):
    with pytest.raises(MissingError, match="nowhere"):
        TiledSource.connect(f"{server.url}/api/v1/metadata/nowhere", api_key=server.api_key)


def test_a_server_that_does_not_run_is_unreachable():
    with pytest.raises(UnreachableError, match="Is it running"):
        TiledSource.connect(nobody())


def test_a_server_that_says_nothing_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnreachableError, match="took too long"):
        TiledSource.connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/v1", "/api/v1/", "/api/v1/metadata", "/api/v1/metadata/"])
def test_every_way_of_writing_the_address_is_understood(server, path):
    with closing(TiledSource.connect(server.url + path, api_key=server.api_key)) as source:
        assert source.uri == server.url


@pytest.mark.parametrize("uri", ["localhost:8000", "ftp://host", "http://", "nonsense"])
def test_what_is_no_address_is_refused(uri):
    with pytest.raises(UnreachableError, match="http://host:port"):
        TiledSource.connect(uri)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]"])
def test_another_kind_of_server_is_named_as_such(body):
    with other_server(body) as url, pytest.raises(UnreachableError, match="no Tiled server"):
        TiledSource.connect(url)
