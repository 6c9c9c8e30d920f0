"""Copies of a server's files in a folder here, bounded in bytes: fetched once, as long as they do not change."""

from __future__ import annotations

import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING
from weakref import ref

from seg_app.errors import StorageError, UnreachableError, UnreadableError
from seg_app.io.maskstore import encoded

if TYPE_CHECKING:
    from seg_app.io.drops import Drops
    from seg_app.records import FileInfo

Tell = Callable[[str], None]
"""Takes words of what is going on."""


def unheard(_: str) -> None:
    """Take words where nobody listens."""


MOST_BYTES = 2 * 10**9
"""Of one file: more would keep a user waiting for minutes, and belongs on the Tiled server."""

KEPT_BYTES = 8 * 10**9
"""Of all copies: a few of the largest ones."""

TOLD_BYTES = 10**7
"""After so many bytes more, the user hears how far it is."""

MOST_LETTERS = 100
"""Of the name of a copy: an escaped one may become longer than a file system takes."""

PARTIAL = ".partial"
ABANDONED_S = 24 * 3600.0
"""What is still partial after this time belongs to a process that has died."""


class Copies:
    """Fetches files of a Drops server into a folder; what was not used for the longest goes first. Thread-safe."""

    def __init__(self, server: Drops, folder: Path, *, most_bytes: int = MOST_BYTES, kept_bytes: int = KEPT_BYTES):
        """most_bytes: of one file. kept_bytes: of all copies; one that is in use stays beyond that."""
        self._server, self._folder = server, folder
        self._most_bytes, self._kept_bytes = most_bytes, kept_bytes
        self._users: dict[Path, list[ref[object]]] = {}
        self._awaited: list[dict[Path, int]] = []
        """What is on its way, and its bytes; of several files, some may be here already."""
        self._lock = Lock()

    def path_of(self, file: FileInfo, beside: FileInfo | None = None) -> Path:
        """Return where the copy of a file is, or will be; with `beside`, in the folder of that one's copy.

        Another version of a file (size, time) has another place, since somebody may still look at the first.
        """
        version = beside or file
        words = (self._server.url, version.path, str(version.size), repr(version.modified_s))
        name = PurePosixPath(file.name)
        folder = self._folder / sha256("\0".join(words).encode()).hexdigest()[:32]
        return folder / f"{encoded(name.stem)[:MOST_LETTERS]}{name.suffix}"

    def has(self, file: FileInfo, beside: FileInfo | None = None) -> bool:
        """Say whether there is a copy of a file of this size and time."""
        try:
            return self.path_of(file, beside).stat().st_size == file.size
        except OSError:
            return False

    def fetch(self, file: FileInfo, *, beside: FileInfo | None = None, tell: Tell = unheard) -> Path:
        """Return the path of a copy, which is made unless there is one of this size and time.

        Raises UnreadableError when the file is too large, StorageError when the copy cannot be written,
        SourceError when the server does not send all of it.
        """
        if self.has(file, beside):
            return self._copy(file, beside)
        self._expect_size(file)
        with self._room({self.path_of(file, beside): file.size}):
            return self._copy(file, beside, tell)

    def fetch_all(self, files: Sequence[FileInfo], user: object, *, tell: Tell = unheard) -> list[Path]:
        """Return the paths of the copies of files, made as by `fetch`, which stay as long as `user` lives.

        Raises as `fetch` does.
        """
        for file in files:
            self.keep_while(self.path_of(file), user)  # before the first is fetched: room is made for all of them
        missing = [file for file in files if not self.has(file)]
        for file in missing:
            self._expect_size(file)
        copies: list[Path] = []
        # once for all, because it looks at every copy
        with self._room({self.path_of(file): file.size for file in missing}) if missing else nullcontext():
            for n, file in enumerate(files, start=1):
                tell(f"Fetching {file.name}, {n} of {len(files)} files")
                copies.append(self._copy(file))
        return copies

    def keep_while(self, path: Path, user: object) -> None:
        """Let a copy stay as long as `user` lives: its pixels are read when somebody looks at them."""
        with self._lock:
            self._users.setdefault(path.parent, []).append(ref(user))

    def _copy(self, file: FileInfo, beside: FileInfo | None = None, tell: Tell = unheard) -> Path:
        """Return the path of a copy, which is made where there is none; there is room for it."""
        target = self.path_of(file, beside)
        if not self.has(file, beside):
            with self._written(target) as partial:
                self._receive(file, partial, tell)
        _touch(target.parent)
        return target

    def _is_used(self, folder: Path) -> bool:
        users = [user for user in self._users.pop(folder, []) if user() is not None]
        if users:
            self._users[folder] = users
        return bool(users)

    def _expect_size(self, file: FileInfo) -> None:
        if file.size > self._most_bytes:
            raise UnreadableError(
                f"'{file.name}' has {megabytes(file.size)}, and at most {megabytes(self._most_bytes)} are fetched from "
                "Drops. Copy it to the folder of images here, or open it by Tiled."
            )

    def _receive(self, file: FileInfo, partial: Path, tell: Tell) -> None:
        received, told = 0, 0
        with partial.open("xb") as stream, closing(self._server.stream(file.path)) as parts:
            for part in parts:
                stream.write(part)
                received += len(part)
                if received > file.size:
                    break
                if received - told >= TOLD_BYTES:
                    told = received
                    tell(f"Fetching {file.name}: {megabytes(received)} of {megabytes(file.size)}")
        if received != file.size:
            raise UnreachableError(
                f"'{file.path}' did not arrive as {self._server.where} lists it ({received} of {file.size} bytes). "
                "Somebody may be writing it; try again."
            )

    @contextmanager
    def _written(self, target: Path) -> Iterator[Path]:
        """Give a path to write to, which becomes the copy when all went well."""
        partial = self._folder / f"{uuid.uuid4().hex}{PARTIAL}"
        try:
            with self._storing():
                yield partial
                with self._lock:
                    target.parent.mkdir(exist_ok=True)
                    partial.replace(target)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Make the folder of the copies and say, where that or the block fails, what can be done."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            reason = f"Cannot keep a copy in '{self._folder}': {error.strerror or error}."
            raise StorageError(f"{reason} Free space, or set SEG_APP_HOME to another folder.") from error

    @contextmanager
    def _room(self, files: dict[Path, int]) -> Iterator[None]:
        """Have room, in the block, for copies and their bytes, beside what else is on its way."""
        with self._lock:
            self._awaited.append(files)
        try:
            with self._storing(), self._lock:
                self._make_room()
            yield
        finally:
            with self._lock:
                self._awaited.remove(files)

    def _make_room(self) -> None:
        copies = sorted((_used_s(folder), _bytes_in(folder), folder) for folder in self._entries())
        awaited = {path: size for files in self._awaited for path, size in files.items() if not path.exists()}
        excess = sum(copy[1] for copy in copies) + sum(awaited.values()) - self._kept_bytes
        for _, copy_bytes, folder in copies:
            if excess > 0 and not self._is_used(folder):
                shutil.rmtree(folder, ignore_errors=True)
                excess -= copy_bytes

    def _entries(self) -> list[Path]:
        """Return the folders of the copies; partial files that nobody will finish are removed."""
        for partial in self._folder.glob(f"*{PARTIAL}"):
            if _used_s(partial) < time.time() - ABANDONED_S:
                partial.unlink(missing_ok=True)
        return [folder for folder in self._folder.iterdir() if folder.is_dir()]


def megabytes(size: int) -> str:
    """Return a number of bytes for the user, in MB (10⁶ bytes), of a small file in kB."""
    if size < 10**6:
        return f"{math.ceil(size / 1000)} kB"
    return f"{size / 1e6:,.0f} MB" if size >= 10**7 else f"{size / 1e6:.1f} MB"


def _used_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process may have removed it
        return time.time()


def _bytes_in(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:  # another process may have removed it
        return 0


def _touch(path: Path) -> None:
    with suppress(OSError):  # it is there, wherever it stands in the order
        os.utime(path)
