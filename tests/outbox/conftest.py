"""Drops that is there for a while, and an outbox that saves to it."""

import socket
from contextlib import contextmanager

import pytest
import requests
from drops_server import DropsServer
from masks import SMALL

from seg_app.errors import UnreachableError
from seg_app.io import Drops, MaskStore
from seg_app.models import Outbox, Outboxes

LONG_S = 3600.0


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def server(tmp_path, port):
    """Return a function that runs Drops for a while, always on one port and one disk."""

    @contextmanager
    def running(password="secret", **how):
        with DropsServer(tmp_path / "drops", "ann", password, port=port, **how) as there:
            yield there

    (tmp_path / "drops").mkdir()
    return running


@pytest.fixture
def store(port):
    with requests.Session() as http:
        yield MaskStore(Drops(http, f"http://127.0.0.1:{port}", user="ann", password="secret", timeout_s=5), "masks")


@pytest.fixture
def outbox_of(store, tmp_path):
    """Return a function that starts a program's outbox, always over one folder; each ends with the test."""
    started = []

    def start(place=store, pause_s=LONG_S):
        started.append(Outbox(tmp_path / "outbox", place, first_pause_s=pause_s, longest_pause_s=pause_s))
        return started[-1]

    yield start
    for outbox in started:
        outbox.close()


@pytest.fixture
def outbox(outbox_of):
    """An outbox that does not try again by itself for an hour."""
    return outbox_of()


@pytest.fixture
def waiting(outbox):
    """The same, with one set that could not be delivered."""
    with pytest.raises(UnreachableError):
        outbox.save(SMALL)
    return outbox


@pytest.fixture
def outboxes_of(store, tmp_path):
    """Return a function that gives the outboxes of all users, as after a start of the program."""
    return lambda: Outboxes(tmp_path / "all", store, journals=tmp_path / "journals")
