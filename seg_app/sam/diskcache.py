"""Arrays in a folder by their key, bounded in bytes; what is there is whole, or it is not there.

An entry is the hash of the rest (BLAKE2b with the key as its key, 32 bytes), then a NumPy `.npz` without pickles: one
that was cut off, changed, renamed or put there by something else does not fit its hash, and is dropped.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
import uuid
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]

SUFFIX = ".arrays"
PARTIAL = ".partial"
ABANDONED_S = 3600.0
"""A file that is still partial after this time belongs to a process that has died."""
HASH_BYTES = 32


class DiskCache:
    """Keeps arrays for the next process. Thread-safe; several processes may share the folder.

    Nothing here raises for the disk's sake: a cache that cannot keep anything is an empty one, and the log says why.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """max_bytes: of all entries; what has not been asked for the longest goes first."""
        self._folder, self._max_bytes = folder, max_bytes
        self._has_complained = False
        self._lock = Lock()

    def find(self, key: str) -> Arrays | None:
        """Return the arrays of a key, None where there are none; a damaged entry is removed."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        if content[:HASH_BYTES] != _hash(key, content[HASH_BYTES:]):
            log.warning("'%s' is damaged, and is computed again.", path)
            _remove(path)
            return None
        _touch(path)
        with np.load(BytesIO(content[HASH_BYTES:]), allow_pickle=False) as arrays:
            return dict(arrays)

    def keep(self, key: str, arrays: Arrays) -> None:
        """Store arrays by name, of numbers only, and remove the oldest entries where there are too many."""
        buffer = BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        body = buffer.getvalue()
        size = len(body) + HASH_BYTES
        if size > self._max_bytes:
            return
        try:
            with self._lock:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._make_room(size)
                self._write(key, _hash(key, body) + body)
        except OSError as error:
            self._complain(error)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"

    def _write(self, key: str, content: bytes) -> None:
        partial = self._folder / f"{uuid.uuid4().hex}{PARTIAL}"
        try:
            # not flushed to the platter: what a power cut leaves does not fit its hash
            partial.write_bytes(content)
            partial.replace(self._path(key))
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        entries = sorted(_entries(self._folder), key=lambda entry: entry[0])
        excess = sum(entry[1] for entry in entries) + size - self._max_bytes
        for used_s, entry_size, path in entries:
            is_partial = path.suffix == PARTIAL
            if used_s < time.time() - ABANDONED_S if is_partial else excess > 0:
                _remove(path)
                excess -= entry_size

    def _complain(self, error: OSError) -> None:
        """Say once that the disk does not work: it is tried again, and nobody needs it."""
        if not self._has_complained:
            self._has_complained = True
            log.warning("What is computed cannot be kept in '%s' (%s); it is computed again.", self._folder, error)


def _hash(key: str, body: bytes) -> bytes:
    # hashed by the key too, so that an entry does not pass for another's
    return hashlib.blake2b(body, digest_size=HASH_BYTES, key=key.encode()).digest()


def _entries(folder: Path) -> list[tuple[float, int, Path]]:
    """Return when each file was used last (seconds since 1970), its bytes, and its path."""
    found = []
    for path in [*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{PARTIAL}")]:
        with suppress(FileNotFoundError):  # another process may have removed it meanwhile
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    return found


def _touch(path: Path) -> None:
    with suppress(OSError):  # it is read already, wherever it stands in the order
        os.utime(path)


def _remove(path: Path) -> None:
    with suppress(OSError):  # another process may have removed it; a folder that is read-only stays as it is
        path.unlink()
