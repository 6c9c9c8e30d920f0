"""The lab's Tiled server and, as one more folder of it, what the embedded one shows of this computer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg_app.io.levels import Opened
    from seg_app.io.tiled import Entry, TiledSource

HERE = "#here"
"""The path of that folder: no server can have it, for what follows `#` never reaches one."""

TITLE = "On this computer"


@dataclass(frozen=True)
class Beside:
    """Two servers that are looked through as one. Images name the server that they are on as their source."""

    lab: TiledSource
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
        """Return the folders and images in a container; see `TiledSource.browse`. Raises SourceError."""
        server, below = self._at(path)
        entries = server.browse(below)
        if server is self.here:
            return [replace(entry, path=f"{HERE}/{entry.path}") for entry in entries]
        if path:
            return entries
        from seg_app.io.tiled import Entry  # weight: the Tiled client

        here = Entry(HERE, TITLE, "folder")
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

    def _at(self, path: str) -> tuple[TiledSource, str]:
        """Return which server a path is on, and the path there."""
        first, _, below = path.partition("/")
        return (self.here, below) if first == HERE else (self.lab, path)


def here_of(source: TiledSource | Beside) -> tuple[TiledSource, str]:
    """Return the server that shows files of this computer, and what their paths begin with on `source`."""
    return (source.here, f"{HERE}/") if isinstance(source, Beside) else (source, "")
