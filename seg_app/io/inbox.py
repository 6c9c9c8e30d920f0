"""Files that a user hands over: received in parts, kept below a folder here, never over another one.

What is handed over at once has a folder of its own, `<inbox>/<user>/<name of the first file>`: files that belong
together, such as the planes of a volume or the text file of a microscope, are found together, and files that only have
similar names do not become a volume.
"""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock

from seg_app.errors import MissingError, SegAppError, StorageError, UnreadableError, UnsafeNameError
from seg_app.io.copies import megabytes
from seg_app.io.folders import Place, content_of, look_into, parts_of
from seg_app.io.levels import opened, readable
from seg_app.io.maskstore import encoded
from seg_app.io.readers import FORMATS
from seg_app.io.sidecars import MOST_BYTES as MOST_TEXT_BYTES
from seg_app.io.tiled_folders import INBOX

MOST_BYTES = 4 * 10**9
"""Of one file: some more than a micrograph or a stack has that somebody has at hand."""

SPARE_BYTES = 10**9
"""So much stays free on the disk, for journals and masks above all."""

MOST_FILES = 5000
"""Of what is handed over at once."""

MOST_LETTERS = 120

DRAFT = ".receiving-"
DISCARDED = ".discarded-"
"""An empty folder that keeps the name of what was deleted: masks belong to a path, and must not show up on other files.
"""
ABANDONED_S = 24 * 3600.0
"""What was not received completely after this time never will be."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices (https://learn.microsoft.com/windows/win32/fileio/naming-a-file)."""

TEXTS = frozenset({".txt", ".hdr"})
"""What microscopes write beside their images."""


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

    def receive(self) -> Delivery:
        """Begin to receive files; what others left half received long ago is removed. Raises StorageError."""
        with _as_storage_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for draft in self.folder.glob(f"{DRAFT}*"):
                if draft.stat().st_mtime < time.time() - ABANDONED_S:
                    shutil.rmtree(draft, ignore_errors=True)
            for discarded in self.folder.glob(f"{DISCARDED}*"):  # of which not all could be deleted
                with suppress(OSError):
                    _empty(discarded)
            draft = self.folder / f"{DRAFT}{uuid.uuid4().hex}"
            draft.mkdir()
        return Delivery(self.folder, draft)

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

    def __init__(self, folder: Path, draft: Path) -> None:
        self._folder, self._draft = folder, draft
        self._sizes: dict[str, int] = {}
        self._received: dict[str, int] = {}
        self._lock = Lock()
        self._closed = False

    def expect(self, name: str, size: int) -> None:
        """Announce a file of so many bytes.

        Raises UnsafeNameError when nothing is left of its name, UnreadableError when it is of an unknown format, empty
        or too large, StorageError when there is no space for it.
        """
        safe = safe_name(name)
        _check_kind(safe, size)
        with self._lock:
            if safe in self._sizes or len(self._sizes) == MOST_FILES:
                raise UnsafeNameError(f"'{safe}' comes twice, or with {MOST_FILES} other files. Open fewer at once.")
            with _as_storage_error(self._folder):
                free = shutil.disk_usage(self._draft).free
            if sum(self._sizes.values()) + size + SPARE_BYTES > free + sum(self._received.values()):
                raise StorageError(f"There is no space for '{safe}' ({megabytes(size)}). Free some on the server.")
            self._sizes[safe], self._received[safe] = size, 0

    def write(self, name: str, offset: int, part: bytes) -> int:
        """Append the next part of a file that is expected, and return how many bytes of it are there.

        Raises StorageError when the part is not the next one, is more than was announced, or cannot be written: then
        nothing is kept of the delivery, for what fills the disk is in the way of journals and masks.
        """
        safe = safe_name(name)
        with self._lock:
            if self._closed or self._received.get(safe) != offset or offset + len(part) > self._sizes[safe]:
                raise StorageError(f"A part of '{safe}' came in the wrong order. Open the file again.")
            try:
                with _as_storage_error(self._folder), (self._draft / safe).open("ab") as file:
                    file.write(part)
            except StorageError:
                self._discard()
                raise
            self._received[safe] += len(part)
            return self._received[safe]

    def finish(self) -> tuple[Path, list[str]]:
        """Keep what can be read and return its folder, and in words what cannot be, which is not kept.

        Raises UnreadableError when nothing can be read, StorageError when not all is there or it cannot be kept;
        nothing is kept then.
        """
        with self._lock:
            complete = bool(self._sizes) and self._received == self._sizes and not self._closed
            self._closed = True
        try:
            if not complete:
                raise StorageError("Not all of the files have come. Open them again.")
            troubles = _remove_unreadable(self._draft)
            with _as_storage_error(self._folder):
                stem = PurePosixPath(next(iter(self._sizes))).stem
                return _renamed(self._draft, self._folder, stem.removesuffix(".zarr")), troubles
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
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def safe_name(name: str) -> str:
    """Return the last part of a name as every file system takes it. Raises UnsafeNameError when nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    clean = re.sub(r'[\x00-\x1f\x7f-\x9f<>:"|?*#%\u200e\u200f\u202a-\u202e\ud800-\udfff]+', "_", last).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    clean = f"{stem[:MOST_LETTERS].rstrip(' .')}{dot}{suffix[:16]}" if dot else clean[:MOST_LETTERS]
    if RESERVED.fullmatch(clean):
        clean = f"_{clean}"
    if not re.search(r"\w", clean):
        raise UnsafeNameError(f"'{last[:40]}' is no name that a file can have. Give the file another one.")
    return clean


def _check_kind(name: str, size: int) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in (FORMATS.keys() - {".zarr"}) | TEXTS:  # Zarr is a folder
        raise UnreadableError(f"Cannot open '{name}'. Known formats: {', '.join(sorted(FORMATS))}.")
    most = MOST_TEXT_BYTES if suffix in TEXTS else MOST_BYTES
    if size <= 0:
        raise UnreadableError(f"'{name}' is empty. Copy or make it again.")
    if size > most:
        raise UnreadableError(
            f"'{name}' has {megabytes(size)}, and at most {megabytes(most)} can be handed over. Put it into the folder "
            "of samples, or start the app with its folder: seg-app serve FOLDER."
        )


def _remove_unreadable(folder: Path) -> list[str]:
    """Remove files that cannot be read, and return why. Raises UnreadableError when no image is left."""
    troubles: list[str] = []
    readable_places = 0
    for found in look_into(folder).values():
        try:
            _look_at(found)
            readable_places += 1
        except SegAppError as error:
            troubles.append(str(error))
            for path in found.files or (found.path,):
                path.unlink(missing_ok=True)
    if not readable_places:
        raise UnreadableError(" ".join(troubles[:3]) or "There is no image among the files. Open an image.")
    return troubles


def _look_at(found: Place) -> None:
    """Read the header of an image, or of the first one of several, and one pixel. Raises SourceError."""
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
