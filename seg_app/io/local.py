"""Files and folders here, written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from typing import TYPE_CHECKING

from seg_app.errors import (
    ForbiddenError,
    MissingError,
    NameTakenError,
    StorageError,
    UnreadableError,
    UnsafeNameError,
)
from seg_app.io.fileserver import Listing, checked_path
from seg_app.records import FileInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without hard links (exFAT, some network shares) say when asked for one."""
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says of a folder that this user may not write to."""


class LocalFolder:
    """The files below one folder, as a FileServer. Neither `..` nor a symbolic link leads out of it."""

    def __init__(self, root: Path):
        """Serve what is below `root`, which is made when the first file is."""
        self.root = root.expanduser().resolve()

    def __repr__(self) -> str:
        return f"LocalFolder({str(self.root)!r})"

    @property
    def where(self) -> str:
        """The path of the folder."""
        return str(self.root)

    def list(self, folder: str) -> Listing:
        """Return what a folder holds, without hidden entries; [] when there is no such folder. '' is the root.

        Raises UnsafeNameError for an unusable name, UnreadableError when the folder may not be read.
        """
        target = self._inside(folder) if folder else self.root
        try:
            names = sorted(entry.name for entry in target.iterdir() if not entry.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreadableError(f"Cannot list '{target}': {error.strerror}.") from error
        infos = (self._file_info(f"{folder}/{name}" if folder else name) for name in names)
        return [info for info in infos if info]

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises MissingError when there is no such file, UnreadableError when it may not be read,
        UnsafeNameError for an unusable name.
        """
        return read_file(self._inside(path))

    def create(self, path: str, data: bytes) -> None:
        """Write a new file, and the folders that it needs; a reader sees all of it or nothing.

        Raises NameTakenError when the path exists, StorageError when it cannot be written (disk full, read-only),
        UnsafeNameError for an unusable name.
        """
        target = self._inside(path)
        with _complete_beside(target, data) as part:
            try:
                _link_new(part, target)
            except FileExistsError as error:
                raise NameTakenError(f"'{target}' exists, and nothing is overwritten. Take another name.") from error

    def _inside(self, path: str) -> Path:
        """Return where a path leads. Raises UnsafeNameError when that is not below the root."""
        target = self.root / checked_path(path)
        try:
            inside = target.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):  # a symbolic link that leads to itself; RuntimeError until Python 3.12
            inside = False
        if not inside:
            raise UnsafeNameError(f"'{path}' leads out of '{self.root}' by a symbolic link. Choose another folder.")
        return target

    def _file_info(self, path: str) -> FileInfo | None:
        """Return what is known of an entry; None where it cannot be used: an odd name, or a link that leads out."""
        try:
            target = self._inside(path)
            stat, is_folder = target.stat(), target.is_dir()
        except (UnsafeNameError, OSError):
            return None
        return FileInfo(path, 0 if is_folder else stat.st_size, stat.st_mtime, is_folder)


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises MissingError when there is no such file, UnreadableError when it may not be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise MissingError(f"There is no file '{path}'. Check its name.") from error
    except OSError as error:
        raise UnreadableError(f"Cannot read '{path}': {error.strerror}. Check who may read it.") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file, and the folders that it needs, completely or not at all; replaces one that is there.

    Raises StorageError when it cannot be written; what was there is untouched then.
    """
    with _complete_beside(path, data) as part:
        part.replace(path)


@contextlib.contextmanager
def _complete_beside(path: Path, data: bytes) -> Iterator[Path]:
    """Give a hidden file next to `path` that holds all of `data` on the disk, and is gone afterwards."""
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_through(part, data)
        yield part
        _sync_folder(path.parent)
    except OSError as error:
        kind = ForbiddenError if error.errno in FORBIDDEN else StorageError
        raise kind(f"Cannot write '{path}': {error.strerror}. Free space, or choose another folder.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _write_through(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Make sure that the new name outlives a power cut."""
    if os.name == "nt":  # Windows cannot open a folder, and writes names through by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link_new(part: Path, path: Path) -> None:
    """Give a complete file its name, of two writers to one only. Raises FileExistsError."""
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        path.touch(exist_ok=False)  # claims the name; for a moment the file is empty
        part.replace(path)
