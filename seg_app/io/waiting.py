"""Mask sets that wait on this disk until the place for masks takes them; each is there completely or not at all.

A set is two files: `<id>.npz`, the masks, which never changes, and `<id>.json`, what was asked for and tried. A set is
there when its masks are; so the other file is written first, and may be left alone by a crash.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from seg_app.errors import SourceError, StorageError
from seg_app.io.formats import npz
from seg_app.io.local import read_file, write_atomically

if TYPE_CHECKING:
    from seg_app.records import MaskFile

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 5.0
"""How long one program waits for another that delivers from the same folder."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One set that waits."""

    id: str = ""
    title: str = ""
    """What its user called it besides its image."""
    name: str = "masks"
    """The name of its image, for people."""
    count: int = 0
    """How many masks it holds."""
    since_s: float = 0.0
    """Seconds since 1970-01-01 UTC."""
    tried: tuple[str, ...] = ()
    """The paths that somebody began to write it to: it may have arrived at one of them, unheard."""
    reason: str = ""
    """Why it could not be delivered; '' while nobody has tried."""
    is_stuck: bool = False
    """Whether the reason will not go away by itself."""


_NOTE = TypeAdapter(Waiting)


class WaitingSets:
    """The sets that wait in one folder. Verbs raise StorageError or SourceError where the disk fails."""

    def __init__(self, folder: Path):
        """Keep sets in `folder`, which is made when the first one is."""
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Keep other programs from delivering; yields False when another one is at it."""
        lock = FileLock(self._folder / ".lock", timeout=LOCK_TIMEOUT_S)
        try:
            with self._disk():
                self._folder.mkdir(parents=True, exist_ok=True)
                lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def add(self, file: MaskFile, *, title: str = "") -> Waiting:
        """Put a set on disk and return it; one that waits already under the same title is not added again."""
        data = npz.encode(file)
        for waiting in self.all():
            if waiting.title == title and self._holds(waiting.id, data):
                return waiting
        now_s = time.time()
        id_ = f"{round(now_s * 1e6):017d}-{uuid.uuid4().hex[:8]}"  # sorts by time
        new = Waiting(id_, title, file.image.stem, len(file.masks), now_s)
        self._note(new)
        write_atomically(self._path(id_), data)
        return new

    def all(self) -> tuple[Waiting, ...]:
        """Return what waits, the oldest first."""
        with self._disk():
            return tuple(self._waiting(path.stem) for path in sorted(self._folder.glob("*.npz")))

    def data(self, id_: str) -> bytes:
        """Return the bytes of a set, a file of our own format."""
        return read_file(self._path(id_))

    def tries(self, waiting: Waiting, path: str) -> Waiting:
        """Note, before it is done, that a set is written to a path; return the set with it."""
        noted = replace(waiting, tried=(*waiting.tried, path))
        self._note(noted)
        return noted

    def remove(self, id_: str) -> None:
        """Forget a set that has arrived."""
        with self._disk():
            for suffix in (".npz", ".json"):  # in this order: without its masks it is gone
                self._path(id_, suffix).unlink(missing_ok=True)

    def put_aside(self, id_: str) -> None:
        """Take a set out of those that wait; its file stays, in the folder `aside`."""
        aside = self._folder / "aside"
        with self._disk():
            aside.mkdir(exist_ok=True)
            self._path(id_).replace(aside / f"{id_}.npz")
            self._path(id_, ".json").unlink(missing_ok=True)

    def _path(self, id_: str, suffix: str = ".npz") -> Path:
        return self._folder / f"{id_}{suffix}"

    def _holds(self, id_: str, data: bytes) -> bool:
        try:
            return self.data(id_) == data
        except SourceError:
            return False

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except Timeout:  # of the lock; it is an OSError, too
            raise
        except OSError as error:
            reason = f"Cannot use '{self._folder}': {error.strerror or error}."
            raise StorageError(f"{reason} Free some space or check the folder's rights.") from error

    def _note(self, waiting: Waiting) -> None:
        write_atomically(self._path(waiting.id, ".json"), _NOTE.dump_json(waiting))

    def _waiting(self, id_: str) -> Waiting:
        try:
            return replace(_NOTE.validate_json(self._path(id_, ".json").read_bytes()), id=id_)
        except (OSError, ValidationError):
            log.warning("The note of the waiting set '%s' is gone or damaged; the set is there.", id_)
            return Waiting(id_)
