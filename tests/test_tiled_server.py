"""The embedded Tiled server: starts anywhere, keeps what it has, and lets nobody in without its key."""

import asyncio
import socket
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from tiled.alembic_utils import downgrade
from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH

from seg_app.errors import SettingsError, StorageError
from seg_app.io.tiled import TiledSource
from seg_app.io.tiled_server import EmbeddedTiled


def in_catalog(tmp_path: Path, statement: str) -> None:
    (tmp_path / "root").mkdir()
    with closing(sqlite3.connect(tmp_path / "root" / "catalog.db")) as catalog, catalog:
        catalog.execute(statement)


@pytest.fixture
def start(tmp_path):
    """Start servers that keep what they have in `tmp_path / 'root'`."""
    running = []

    def start() -> EmbeddedTiled:
        running.append(EmbeddedTiled.start(tmp_path / "root"))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def connect():
    """Connect to servers, and hang up at the end."""
    sources = []

    def connect(server: EmbeddedTiled) -> TiledSource:
        sources.append(server.connect())
        return sources[-1]

    yield connect
    for source in sources:
        source.close()


def test_importing_the_module_does_not_import_tiled():
    code = "import sys, seg_app.io.tiled_server as m; sys.exit('tiled' in sys.modules or 'xarray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0


def test_a_server_answers_when_start_returns(source):
    assert httpx.get(f"{source.uri}/healthz", trust_env=False).json() == {"status": "ready"}


def test_nobody_gets_in_without_the_key(source):
    assert httpx.get(f"{source.uri}/api/v1/metadata/", trust_env=False).status_code == 401


def test_only_the_owner_can_read_the_key(start, tmp_path):
    server = start()
    assert server.api_key not in repr(server)
    assert stat.S_IMODE((tmp_path / "root" / "api_key").stat().st_mode) == 0o600


def test_two_servers_have_a_key_each(start, source):
    start()
    assert source.browse() == []


def test_the_key_stays_the_same(start):
    first = start()
    first.stop()
    assert start().api_key == first.api_key


def test_a_key_that_was_not_written_is_made_again(start, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "api_key").touch()
    assert len(start().api_key) == 64


def test_what_was_written_is_there_after_a_restart_under_the_same_name(start, connect):
    first = start()
    connect(first).client.write_array(np.arange(6).reshape(2, 3), key="kept")
    image = connect(first).open("kept").image
    first.stop()
    again = connect(start()).open("kept")
    assert again.levels[0].values.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert again.image == image


def test_a_server_starts_where_an_event_loop_runs(start):
    async def main() -> str:
        return start().url

    assert asyncio.run(main()).startswith("http://127.0.0.1:")


def test_an_empty_catalog_is_made_again(start, connect, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "catalog.db").touch()
    assert connect(start()).browse() == []


def test_a_catalog_whose_making_was_interrupted_is_made_again(start, connect, tmp_path):
    in_catalog(tmp_path, "CREATE TABLE nodes (id INTEGER)")
    assert connect(start()).browse() == []


def test_a_catalog_of_an_older_tiled_is_brought_up_to_date(start, connect, tmp_path):
    first = start()
    connect(first).client.write_array(np.zeros((2, 3)), key="kept")
    first.stop()
    downgrade(
        Path(ALEMBIC_INI_TEMPLATE_PATH), Path(ALEMBIC_DIR), f"sqlite+aiosqlite:///{tmp_path}/root/catalog.db", "-1"
    )
    assert [entry.name for entry in connect(start()).browse()] == ["kept"]


def test_a_catalog_of_a_newer_tiled_is_left_alone(start, tmp_path):
    in_catalog(tmp_path, "CREATE TABLE alembic_version AS SELECT 'fedcba' AS version_num")
    with pytest.raises(StorageError, match="newer Tiled"):
        start()


def test_a_damaged_catalog_is_left_alone(start, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "catalog.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="Move it away"):
        start()


def test_a_root_that_is_a_file_is_refused(start, tmp_path):
    (tmp_path / "root").touch()
    with pytest.raises(StorageError, match="Choose a folder"):
        start()


def test_a_taken_port_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError, match="Choose another"):
        EmbeddedTiled.start(tmp_path, port=taken.getsockname()[1])


def test_a_stopped_server_answers_no_more(start):
    server = start()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)
