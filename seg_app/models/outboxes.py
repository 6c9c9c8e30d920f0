"""The outboxes of all users of one server."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from seg_app.io.maskstore import encoded
from seg_app.models.outbox import Outbox

if TYPE_CHECKING:
    from seg_app.io.maskstore import MaskStore


class Outboxes:
    """The outboxes of all users below one folder; what waits in them is delivered whether its user is there or not."""

    def __init__(self, folder: Path, store: MaskStore):
        self._folder, self._store = folder, store
        self._open: dict[str, Outbox] = {}
        self._lock = threading.Lock()

    def of(self, user: str) -> Outbox:
        """Return the outbox of a user, the same for all their tabs. Raises StorageError."""
        return self._at(encoded(user))

    def resume(self) -> None:
        """Go on delivering what waited when the program ended."""
        if self._folder.is_dir():
            for folder in self._folder.iterdir():
                if any(folder.glob("*.npz")):
                    self._at(folder.name)

    def _at(self, name: str) -> Outbox:
        with self._lock:
            if name not in self._open:
                self._open[name] = Outbox(self._folder / name, self._store)
            return self._open[name]

    def close(self) -> None:
        """End all threads; what waits stays on disk."""
        for outbox in self._open.values():
            outbox.close()
