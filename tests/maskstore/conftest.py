"""A store of masks here and on Drops, and what to save in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from drops_server import DropsServer

from seg_app.io.drops import Drops
from seg_app.io.fileserver import FileServer
from seg_app.io.local import LocalFolder
from seg_app.io.maskstore import MaskStore


@pytest.fixture(params=["local", "drops"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    if request.param == "local":
        yield LocalFolder(tmp_path)
        return
    with DropsServer(tmp_path, "ann", "secret") as there, requests.Session() as http:
        yield Drops(http, there.url, user="ann", password="secret")


@pytest.fixture
def store(server: FileServer) -> MaskStore:
    return MaskStore(server, "/drops/ann/masks/")
