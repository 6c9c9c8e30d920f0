"""Files that a user hands over: received in parts, kept below a folder here, never over another one.

What is handed over at once has a folder of its own, `<inbox>/<user>/<name>`, which has the name of the folder that it
was in, else that of the first file: files that belong together, such as the planes of a volume or the text file of a
microscope, are found together, and files that only have similar names do not become a volume. A Zarr folder keeps its
folders.
"""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock

from seg_app.errors import MissingError, SegAppError, StorageError, UnreadableError
from seg_app.io.copies import megabytes
from seg_app.io.folders import Place, content_of, look_into, parts_of
from seg_app.io.levels import opened, readable
from seg_app.io.maskstore import encoded
from seg_app.io.packing import packed, safe_folder
from seg_app.io.tiled_folders import INBOX
from seg_app.io.zarr_files import check_claims

SPARE_BYTES = 10**9
"""So much stays free on the disk, for journals and masks above all."""

DRAFT = ".receiving-"
DISCARDED = ".discarded-"
"""An empty folder that keeps the name of what was deleted: masks belong to a path, and must not show up on other files.
"""
ABANDONED_S = 24 * 3600.0
"""What was not received completely after this time never will be."""


class Inbox:
    """What one user has handed over. Blocking, and safe to use from several threads."""

    def __init__(self, folder: Path, *, key: str) -> None:
        """Keep everything below `folder`, which is made when the first file comes.

        key: the container of the embedded Tiled that shows it.
        """
        self.folder, self.key = folder, key

    @classmethod
    def of(cls, home: Path, user: str) -> Inbox:
        """Return the inbox of a user below the app's home."""
        name = encoded(user)  # it may have slashes, and must not lead elsewhere
        return cls(home / INBOX / name, key=f"{INBOX}-{sha256(name.encode()).hexdigest()[:8]}")

    @staticmethod
    def is_key(key: str) -> bool:
        """Say whether a container of the embedded Tiled is the inbox of somebody."""
        return bool(re.fullmatch(rf"{INBOX}-[0-9a-f]{{8}}", key))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it that could be shown."""
        return all(path.name.startswith(".") for path in self.folder.glob("*"))

    def receive(self, files: Iterable[tuple[str, int]], *, name: str = "") -> Delivery:
        """Begin to receive files, announced by their names and bytes; what is half received since long is removed.

        name: of the folder that they were in, which is made safe; '' where they were in none.
        Raises UnsafeNameError and UnreadableError like `packed` when one of them is not taken, StorageError when there
        is no space for them; nothing is changed then.
        """
        sizes = packed(files)
        with _as_storage_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for draft in self.folder.glob(f"{DRAFT}*"):
                if draft.stat().st_mtime < time.time() - ABANDONED_S:
                    shutil.rmtree(draft, ignore_errors=True)
            for discarded in self.folder.glob(f"{DISCARDED}*"):  # of which not all could be deleted
                with suppress(OSError):
                    _empty(discarded)
            self._check_space(sizes)
            draft = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
            draft.mkdir()
        return Delivery(self.folder, draft, sizes, name=safe_folder(name))

    def _check_space(self, sizes: Mapping[str, int]) -> None:
        total = sum(sizes.values())
        if total + SPARE_BYTES > shutil.disk_usage(self.folder).free:
            some = f"'{next(iter(sizes))}'" if len(sizes) == 1 else f"{len(sizes):,} files"
            raise StorageError(f"There is no space for {some} ({megabytes(total)}). Free some on the server.")

    def files_in(self, name: str) -> list[str]:
        """Return the names of files that were handed over together, by that of their folder. Raises MissingError."""
        return sorted(path.name for path in self._together(name).iterdir())

    def _together(self, name: str) -> Path:
        folder = self.folder / name
        if folder.parent != self.folder or name.startswith(".") or folder.is_symlink() or not folder.is_dir():
            raise MissingError(f"There are no files '{name}' any more. Reload the page.")
        return folder

    def discard(self, name: str) -> None:
        """Delete what was handed over together, by the name of its folder; the name is never used again.

        Raises MissingError when there is none, StorageError when it cannot be deleted.
        """
        folder = self._together(name)
        try:
            _empty(folder.rename(self.folder / f"{DISCARDED}{name}"))
        except OSError as error:
            raise StorageError(
                f"Cannot delete '{name}' in '{self.folder}': {error.strerror or error}. Delete it there."
            ) from error


class Delivery:
    """Files that are handed over together; they appear in the inbox when all are there, or not at all."""

    def __init__(self, folder: Path, draft: Path, sizes: Mapping[str, int], *, name: str = "") -> None:
        """Receive files into `draft`, which becomes the folder `name` in `folder`; '': as the first one that is kept.

        `sizes`: path in it -> bytes, none is 0.
        """
        self._folder, self._draft, self._name = folder, draft, name
        self._tops = list(dict.fromkeys(path.partition("/")[0] for path in sizes))
        self._total = sum(sizes.values())
        self._received = 0
        self._coming = iter(sizes.items())
        self._path, self._missing = draft, 0
        """The file that the next bytes are of, and how many of it are not there yet."""
        self._lock = Lock()
        self._closed = False

    def write(self, offset: int, part: bytes) -> int:
        """Take the next part of all files, one after the other as they were announced; return how much is there.

        Many small files come in one part. Raises StorageError when the part is not the next one, is more than was
        announced, or cannot be written: then nothing is kept of the delivery, for what fills the disk is in the way of
        journals and masks.
        """
        with self._lock:
            if self._closed or self._received != offset or offset + len(part) > self._total:
                raise StorageError("A part of the files came in the wrong order. Open them again.")
            try:
                with _as_storage_error(self._folder):
                    self._append(memoryview(part))
            except StorageError:
                self._discard()
                raise
            self._received += len(part)
            return self._received

    def _append(self, rest: memoryview) -> None:
        while rest:
            mode = "ab" if self._missing else "xb"  # never into a file that the disk takes for the same one, as a and A
            if not self._missing:
                path, self._missing = next(self._coming)
                self._path = self._draft / path
                self._path.parent.mkdir(parents=True, exist_ok=True)
            piece, rest = rest[: self._missing], rest[self._missing :]
            with self._path.open(mode) as file:
                file.write(piece)
            self._missing -= len(piece)

    def finish(self) -> tuple[Path, list[str]]:
        """Keep what can be read and return its folder, and in words what cannot be, which is not kept.

        Raises UnreadableError when nothing can be read, StorageError when not all is there or it cannot be kept;
        nothing is kept then.
        """
        with self._lock:
            complete = 0 < self._received == self._total and not self._closed
            self._closed = True
        try:
            if not complete:
                raise StorageError("Not all of the files have come. Open them again.")
            troubles = _remove_unreadable(self._draft)
            with _as_storage_error(self._folder):
                first = next(top for top in self._tops if (self._draft / top).exists())
                name = self._name or safe_folder(PurePosixPath(first).stem)
                return _renamed(self._draft, self._folder, name), troubles
        finally:
            shutil.rmtree(self._draft, ignore_errors=True)

    def cancel(self) -> None:
        """Receive nothing any more, and keep nothing."""
        with self._lock:
            self._discard()

    def _discard(self) -> None:
        self._closed = True
        shutil.rmtree(self._draft, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Delete what is in a folder. Raises OSError."""
    for path in folder.iterdir():
        _delete(path)


def _delete(path: Path) -> None:
    """Delete a file or a folder, of a link the link alone. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_unreadable(folder: Path) -> list[str]:
    """Remove what cannot be read, a Zarr folder as a whole, and return why. Raises UnreadableError when nothing can."""
    troubles: list[str] = []
    readable_places = 0
    for found in look_into(folder).values():
        try:
            _look_at(found)
            readable_places += 1
        except SegAppError as error:
            troubles.append(str(error))
            for path in found.files or (found.path,):
                _delete(path)
    if not readable_places:
        raise UnreadableError(" ".join(troubles[:3]) or "There is no image among the files. Open an image.")
    return troubles


def _look_at(found: Place) -> None:
    """Read the header of an image, or of the first one of several, and one pixel. Raises SourceError."""
    if found.path.is_dir() and not found.files:
        check_claims(found.path)
    first = next(iter(parts_of(found).values()), found)
    with readable(found.title):
        levels, attributes = content_of(first)
        opened("", found.title, levels, attributes=attributes).levels[0][0, 0, 0].to_numpy()


def _renamed(draft: Path, folder: Path, stem: str) -> Path:
    """Give a folder the first name that is free: 'grain', 'grain (2)', ..."""
    for n in range(1, 10_000):
        target = folder / (stem if n == 1 else f"{stem} ({n})")
        if not target.exists() and not (folder / f"{DISCARDED}{target.name}").exists():
            try:
                return draft.rename(target)
            except OSError:
                if not target.exists():
                    raise
    raise StorageError(f"Found no free name for '{stem}' in '{folder}'. Tidy up that folder.")


@contextmanager
def _as_storage_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"Cannot keep files in '{folder}': {error.strerror or error}."
        raise StorageError(f"{reason} Free space, or set SEG_APP_HOME to another folder.") from error
