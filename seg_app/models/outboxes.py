"""The outboxes of all users of one server."""

from __future__ import annotations

import logging
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from seg_app.errors import StorageError
from seg_app.io.maskstore import encoded
from seg_app.models.journal import Journal
from seg_app.models.maskset import MaskSet
from seg_app.models.outbox import Delivery, Outbox

if TYPE_CHECKING:
    from seg_app.io.maskstore import MaskStore

log = logging.getLogger(__name__)


class Outboxes:
    """The outboxes of all users below one folder; what waits in them is delivered whether its user is there or not."""

    def __init__(self, folder: Path, store: MaskStore, *, journals: Path):
        """Keep in `folder` what `store` cannot take; `journals` has those of all images, a folder for each user."""
        self._folder, self._store, self._journals = folder, store, journals
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
                note = partial(_note, self._journals / name)
                self._open[name] = Outbox(self._folder / name, self._store, note=note)
            return self._open[name]

    def close(self) -> None:
        """End all threads; what waits stays on disk."""
        for outbox in self._open.values():
            outbox.close()


def _note(journals: Path, delivery: Delivery) -> None:
    """Write into the journal of an image that its masks are saved, whatever is on view: nobody may look at it now."""
    try:
        MaskSet(Journal.of_image(journals, delivery.file.image)).note_arrived(delivery.saving, delivery.file.masks)
    except StorageError as error:
        log.warning("It will not be remembered that '%s' was saved: %s", delivery.saving.path, error)
