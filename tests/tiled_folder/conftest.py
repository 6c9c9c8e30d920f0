"""A container 'lab/masks' of an embedded Tiled server, as a place for files and for sets of masks."""

import pytest

from seg_app.io import EmbeddedTiled, MaskStore
from seg_app.io.tiled_folder import TiledFolder


@pytest.fixture(scope="module")
def tiled(tmp_path_factory):
    server = EmbeddedTiled.start(tmp_path_factory.mktemp("tiled"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def catalog(tiled):
    source = tiled.connect()
    yield source.client
    source.close()


@pytest.fixture
def folder(tiled, catalog):
    """The container 'lab/masks' of an empty catalog; nobody has made it yet."""
    yield TiledFolder(f"{tiled.url}/api/v1/metadata/lab/masks", api_key=tiled.api_key)
    catalog.delete_contents(recursive=True, external_only=False)


@pytest.fixture
def store(folder):
    return MaskStore(folder)
