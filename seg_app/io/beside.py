"""The lab's Tiled server and, as one more folder of it, what the embedded one shows of this computer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from seg_app.errors import SourceError

if TYPE_CHECKING:
    from seg_app.io.levels import Opened
    from seg_app.io.tiled import Entry, TiledSource

HERE = "#here"
"""The path of that folder: no server can have it, for what follows `#` never reaches one."""

TITLE = "On this computer"

AWAY = "#lab"
"""The path of the lab's own folders while they cannot be listed; to look there again tries again."""

NOT_THERE = "The lab's data cannot be shown"

log = logging.getLogger(__name__)


class AwayLab:
    """A lab's server that did not answer at the start: it is tried again whenever somebody asks for something of it.

    Every verb raises SourceError as long as it does not answer.
    """

    def __init__(self, uri: str, connect: Callable[[], TiledSource]):
        """Use the address of the server, without its key, and what connects to it or raises SourceError."""
        self.uri = self.name = uri
        self._connect, self._lock = connect, threading.Lock()
        self._source: TiledSource | None = None

    def browse(self, path: str = "") -> list[Entry]:
        """Return the folders and images in a container; see `TiledSource.browse`."""
        return self._connected().browse(path)

    def open(self, path: str) -> Opened:
        """Open an image; see `TiledSource.open`."""
        return self._connected().open(path)

    def subscription(self, path: str) -> Any:
        """Return the subscription to an image; see `TiledSource.subscription`."""
        return self._connected().subscription(path)

    def close(self) -> None:
        """Give back the connection, if there is one."""
        if self._source:
            self._source.close()

    def _connected(self) -> TiledSource:
        with self._lock:
            self._source = self._source or self._connect()
            return self._source


def lab_at(uri: str, *, api_key: str | None, may_be_away: bool) -> TiledSource | AwayLab:
    """Connect to the lab's server; where it `may_be_away`, later if it does not answer now. Raises SourceError."""
    from seg_app.io.tiled import TiledSource  # weight: the Tiled client
    from seg_app.io.tiled_address import address_of

    connect = partial(TiledSource.connect, uri, api_key=api_key)
    try:
        return connect()
    except SourceError as error:
        if not may_be_away:
            raise
        log.warning("%s", error)
        return AwayLab(address_of(uri), connect)


@dataclass(frozen=True)
class Beside:
    """Two servers that are looked through as one. Images name the server that they are on as their source."""

    lab: TiledSource | AwayLab
    here: TiledSource
    here_first: bool = False
    """Whether the folder stands above what the lab has: somebody has named files in it."""

    @property
    def name(self) -> str:
        """What images of the lab name as their source."""
        return self.lab.name

    @property
    def uri(self) -> str:
        """The address of the lab's server, without its key."""
        return self.lab.uri

    def browse(self, path: str = "") -> list[Entry]:
        """Return the folders and images in a container; see `TiledSource.browse`. Raises SourceError.

        What the lab has at the top is a folder with a problem while it cannot be listed: what is here can be.
        """
        server, below = self._at(path)
        if not path:
            return self._top()
        entries = server.browse(below)
        return [replace(entry, path=f"{HERE}/{entry.path}") for entry in entries] if server is self.here else entries

    def _top(self) -> list[Entry]:
        from seg_app.io.tiled import Entry  # weight: the Tiled client

        here = Entry(HERE, TITLE, "folder")
        try:
            entries = self.lab.browse()
        except SourceError as error:
            entries = [Entry(AWAY, NOT_THERE, "folder", problem=str(error))]
        return [here, *entries] if self.here_first else [*entries, here]

    def open(self, path: str) -> Opened:
        """Open an image; see `TiledSource.open`. Raises SourceError."""
        server, below = self._at(path)
        return server.open(below)

    def subscription(self, path: str) -> Any:
        """Return the subscription to an image; see `TiledSource.subscription`. Raises SourceError."""
        server, below = self._at(path)
        return server.subscription(below)

    def close(self) -> None:
        """Give back the connections."""
        self.lab.close()
        self.here.close()

    def _at(self, path: str) -> tuple[TiledSource | AwayLab, str]:
        """Return which server a path is on, and the path there."""
        first, _, below = path.partition("/")
        return (self.here, below) if first == HERE else (self.lab, "" if path == AWAY else path)


def here_of(source: TiledSource | Beside) -> tuple[TiledSource, str]:
    """Return the server that shows files of this computer, and what their paths begin with on `source`."""
    return (source.here, f"{HERE}/") if isinstance(source, Beside) else (source, "")
