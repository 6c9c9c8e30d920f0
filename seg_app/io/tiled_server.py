"""The Tiled server inside this program, for everyone who has none: a folder here, on the loopback only.

Tiled itself takes seconds to import, so this module imports it where it is used: start the server in a thread while
the user interface is imported.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg_app.errors import SettingsError, StorageError

if TYPE_CHECKING:
    import uvicorn

    from seg_app.io.tiled import TiledSource

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0

STREAMED_S = 10
"""Seconds for which what is written is kept in memory, for those who have subscribed to it."""

PATIENCE_S = 6.0
"""How long the server is waited for before it is asked whether it lives: this machine may be busy otherwise."""

EMBEDDED = "embedded"
"""What images on this server name as their source."""


@dataclass(frozen=True)
class EmbeddedTiled:
    """A running Tiled server: persistent, writable, for one user who holds its key."""

    url: str
    api_key: str = field(repr=False)
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)

    @classmethod
    def start(cls, root: Path, *, readable: Sequence[Path] = (), port: int = 0) -> EmbeddedTiled:
        """Start a server that keeps its catalog, its data and its key in `root`, and return when it answers.

        It serves files in the folders `readable` where they are registered. Port 0 is any free one. May be called
        from every thread, also from one with a running event loop.
        Raises SettingsError when the port is taken, StorageError when `root` cannot be used.
        """
        listener = _listen(port)
        try:
            api_key = _prepare(root)
            server = _server(root, api_key, readable)
        except BaseException:
            listener.close()
            raise
        thread = threading.Thread(target=server.run, args=([listener],), name="tiled", daemon=True)
        thread.start()
        _await_start(server, thread, root)
        return cls(f"http://{HOST}:{listener.getsockname()[1]}", api_key, server, thread)

    def connect(self) -> TiledSource:
        """Return what is on the server, under a name that stays the same when its port does not."""
        from seg_app.io.tiled import TiledSource  # weight: the Tiled client

        return TiledSource.connect(self.url, api_key=self.api_key, patience_s=PATIENCE_S, name=EMBEDDED)

    def wait(self) -> None:
        """Return when it answers no more."""
        self._thread.join()

    def stop(self) -> None:
        """Stop answering, and return when everything is on disk."""
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)


def _listen(port: int) -> socket.socket:
    """Take the port before anything else: a taken one is then an error here, not in another thread."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise SettingsError(f"Cannot listen on port {port} of {HOST}: {error}. Choose another, or 0.") from error


def _prepare(root: Path) -> str:
    """Make the folder, the catalog and the key where they are missing; return the key."""
    try:
        (root / "data").mkdir(parents=True, exist_ok=True)
        # asyncio.run, and so Tiled's set-up, refuses a thread whose event loop runs: the page's, or a notebook's.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_prepare_catalog, root / "catalog.db").result()
        return _api_key(root / "api_key")
    except OSError as error:
        raise StorageError(
            f"Cannot use {root} for Tiled's catalog: {error}. Choose a folder you may write to."
        ) from error


def _prepare_catalog(path: Path) -> None:
    """Make the catalog, finish one whose making was interrupted, or bring one of an older Tiled up to date."""
    from tiled.alembic_utils import upgrade
    from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
    from tiled.catalog.core import ALL_REVISIONS, REQUIRED_REVISION

    revision = _revision(path)
    if revision is None:
        _create_catalog(path)
    elif revision not in ALL_REVISIONS:
        raise StorageError(f"{path} was made by a newer Tiled ({revision}). Update Tiled, or choose another folder.")
    elif revision != REQUIRED_REVISION:
        upgrade(Path(ALEMBIC_INI_TEMPLATE_PATH), Path(ALEMBIC_DIR), _database(path), REQUIRED_REVISION)


def _revision(path: Path) -> str | None:
    """Return the version of the catalog's tables; None where it has none, because it is missing or half made."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise StorageError(f"Cannot read {path}: {error}. Is another program using it?") from error
        return None
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{path} is damaged: {error}. Move it away and start again; the data are beside it."
        ) from error
    return row[0] if row else None


def _create_catalog(path: Path) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine
    from tiled.alembic_utils import stamp_head
    from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
    from tiled.catalog.core import initialize_database

    async def create() -> None:
        engine = create_async_engine(_database(path))
        await initialize_database(engine)
        await engine.dispose()

    for half_made in path.parent.glob(f"{path.name}*"):
        half_made.unlink()
    asyncio.run(create())
    stamp_head(Path(ALEMBIC_INI_TEMPLATE_PATH), Path(ALEMBIC_DIR), _database(path))


def _database(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _api_key(path: Path) -> str:
    """Return the key kept in `path`, made at the first start; only this user can read it."""
    key = path.read_text().strip() if path.exists() else ""
    if not key.isalnum():  # Tiled's clients send no other
        key = secrets.token_hex(32)
        draft = path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(key)
        draft.replace(path)
    path.chmod(0o600)
    return key


def _server(root: Path, api_key: str, readable: Sequence[Path]) -> uvicorn.Server:
    import uvicorn
    from tiled.catalog import from_uri
    from tiled.config import Authentication, StreamingCacheConfig
    from tiled.server.app import build_app
    from tiled.server.settings import get_settings

    from seg_app.io.blosc import refuse_damaged_chunks  # weight: zarr
    from seg_app.io.tiled_files import FolderServer
    from seg_app.io.tiled_folders import MIMETYPE

    refuse_damaged_chunks()
    folders: dict[str, Any] = {MIMETYPE: FolderServer(readable)}
    catalog = from_uri(
        _database(root / "catalog.db"),
        writable_storage=[str(root / "data")],
        readable_storage=[str(folder.resolve()) for folder in readable],
        adapters_by_mimetype=folders,
        cache_config=StreamingCacheConfig(uri="memory", data_ttl=STREAMED_S).model_dump(),
    )
    # Tiled's logger speaks at every start, by a handler of its own.
    logging.getLogger("tiled.server.app").setLevel(logging.WARNING)
    app = build_app(catalog, Authentication(single_user_api_key=api_key))
    # Tiled's servers share the settings of their process: without a copy, the first would take the key of the second.
    settings = app.dependency_overrides[get_settings]().model_copy()
    app.dependency_overrides[get_settings] = lambda: settings
    return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))


def _await_start(server: uvicorn.Server, thread: threading.Thread, root: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        thread.join(0.01)
    if not server.started:
        server.should_exit = True
        raise StorageError(f"Tiled did not start with the catalog in {root}. Its log says why; try another folder.")
