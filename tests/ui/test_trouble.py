"""What goes wrong is said on the page, with what to do; the page never goes blank, and no work is lost."""

import socket

import pytest

from seg_app.io import EmbeddedTiled


@pytest.fixture(scope="module")
def lab_tiled(tmp_path_factory):
    server = EmbeddedTiled.start(tmp_path_factory.mktemp("tiled"))
    yield server
    server.stop()


def nobody() -> str:
    """Return an address where nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
