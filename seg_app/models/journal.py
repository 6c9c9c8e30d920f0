"""What happened to a mask set, on disk before anybody sees it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from seg_app.errors import StorageError
from seg_app.models.imagefile import LOCK_TIMEOUT_S, ImageFile, NamedFile, as_storage_error
from seg_app.records import Calibration, ImageId, Mask

log = logging.getLogger(__name__)

VOID = b" cut off\n"


@dataclass(frozen=True, slots=True)
class Saving:
    """Where masks were saved, or loaded from."""

    path: str
    title: str = ""
    calibration: Calibration = field(default_factory=Calibration)
    """With which they were saved."""
    steps_back: int = 0
    """How many changes before they were the masks; negative: how many redos lead to them."""
    where: str = ""
    """The `where` of the place for masks that `path` is in: the app may be given another one later."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a journal.

    add: `masks` are appended. remove: those of `ids` go. edit: `masks` take the place of those with the same id.
    load: `masks` replace all. undo and redo need neither. save: the masks stay; `saving` says where they are, too.
    """

    op: Literal["add", "remove", "edit", "load", "undo", "redo", "save"]
    masks: tuple[Mask, ...] = ()
    ids: tuple[str, ...] = ()
    saving: Saving | None = None


_CHANGE = TypeAdapter(Change)


class Journal:
    """An append-only file of changes, one JSON object a line, that several processes may share.

    A line that was cut off by a crash is skipped: the change it announces was never shown to anybody.
    """

    def __init__(self, file: Path | ImageFile):
        """Use a file that need not be there yet."""
        self._file = NamedFile(file) if isinstance(file, Path) else file
        self._read_to = 0
        self._lock: FileLock | None = None

    @classmethod
    def of_image(cls, folder: Path, image: ImageId) -> Journal:
        """Return the journal of an image below a folder, which is made where it is missing. Raises StorageError."""
        return cls(ImageFile(folder, image, ".jsonl"))

    @property
    def path(self) -> Path:
        """The file, whether it is there yet or not. Raises StorageError."""
        return self._file.path

    @property
    def has_news(self) -> bool:
        """Whether there is more in the file than was read. Raises StorageError."""
        path = self.path
        with as_storage_error(path):
            return path.exists() and path.stat().st_size != self._read_to

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out: read what is new, decide, append. The file is there from now on.

        Raises StorageError when another process holds the journal for more than LOCK_TIMEOUT_S.
        """
        path = self._file.make()
        self._lock = self._lock or FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT_S)
        try:
            with as_storage_error(path):
                self._lock.acquire()
        except Timeout as error:
            raise StorageError(f"'{path}' is held by another program. Close it, then try again.") from error
        try:
            yield
        finally:
            self._lock.release()

    def read_new(self) -> list[Change]:
        """Return the changes that were appended since the last call, by anybody."""
        if not self.has_news:
            return []
        with as_storage_error(self.path), self.path.open("rb") as file:
            file.seek(self._read_to)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read_to += len(complete)
        return [change for line in complete.splitlines() if (change := self._parse(line))]

    def _parse(self, line: bytes) -> Change | None:
        try:
            return _CHANGE.validate_json(line)
        except ValidationError:
            if line.strip():
                log.warning("Skipped a line of %s that was not written completely.", self.path)
            return None

    def append(self, change: Change) -> None:
        """Put one change on disk, completely or not at all; hold the lock and have read all before.

        Raises StorageError when the disk is full, the folder is read-only or the change cannot be read back from its
        line; the file is then as it was.
        """
        line = _line(change)
        self._file.make()
        # Without a buffer, which would try to write what does not fit once more after the file was cut.
        with as_storage_error(self.path), self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            # A line that a crash cut off is made void, also one that lacks its end only: nobody has seen its change.
            start = VOID if before > self._read_to else b""
            try:
                _write_all(file, start + line)
                os.fsync(file.fileno())
                if before == 0:
                    _sync_folder(self.path.parent)
            except OSError:
                file.truncate(before)
                raise
        self._read_to = before + len(start) + len(line)


def _line(change: Change) -> bytes:
    """Return the line of a change. Raises StorageError when it would be read back as another one, as with NaN."""
    line = _CHANGE.dump_json(change)
    try:
        same = _CHANGE.validate_json(line) == change
    except ValidationError:
        same = False
    if not same:
        raise StorageError(f"Cannot keep this '{change.op}': it holds a number that is none. Draw the object again.")
    return line + b"\n"


def _write_all(file: FileIO, data: bytes) -> None:
    """Write all bytes to an unbuffered file, which may take them in several parts."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _sync_folder(folder: Path) -> None:
    """Put the name of a new file on disk; Windows opens no folders, and needs it not."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
