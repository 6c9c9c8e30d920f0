"""Which file is about an image: looked for whenever somebody asks, made with the first thing that is written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from seg_app.errors import StorageError

if TYPE_CHECKING:
    from seg_app.records import ImageId

LOCK_TIMEOUT_S = 5

MOST_MORE_PLANES = 100_000
"""An image that has got more since somebody opened it is another one."""


class ImageFile:
    """One file for each image in a folder, and one for an image that gets more planes, as while it is recorded.

    Its name begins with the image's own, for people; a hash of source, path and shape keeps two images of one name
    apart, also an image made anew in another size, and keeps any character of theirs out of the file system. Who has
    opened a growing image earlier, with fewer planes, and who opens it later find the same file, whoever of them is the
    first to write. Once found it stays.
    """

    def __init__(self, folder: Path, image: ImageId, suffix: str):
        """Look for the file in a folder, which is made where it is missing. Raises StorageError."""
        self._folder, self._image, self._suffix = folder, image, suffix
        self._found: Path | None = None
        with as_storage_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._foreign = self._listed()
        """What was there before: a file of more planes among it is of an earlier image."""
        self._others: set[str] = set()
        """What was looked at and is about other images: telling it takes a hash for each number of planes."""

    @property
    def path(self) -> Path:
        """The file, whether it is there yet or not. Raises StorageError."""
        self._found = self._found or self._look()
        return self._found or self._folder / self._name_of(self._image.shape[0])

    def make(self) -> Path:
        """Return the file, which is there from now on. Raises StorageError."""
        if self._found is None:
            with self._only_one(), as_storage_error(self._folder):
                path = self.path
                path.touch()
                self._found = path
        return self._found

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Keep others from making a file for the same image, which they may know with another number of planes."""
        lock = FileLock(self._folder / "new.lock", timeout=LOCK_TIMEOUT_S)
        try:
            with as_storage_error(self._folder):
                lock.acquire()
        except Timeout as error:
            raise StorageError(f"'{self._folder}' is held by another program. Close it, then try again.") from error
        try:
            yield
        finally:
            lock.release()

    def _look(self) -> Path | None:
        there = self._listed() - self._others
        fewer = range(self._image.shape[0] if there else 0, 0, -1)
        found = [self._folder / name for n in fewer if (name := self._name_of(n)) in there]
        with as_storage_error(self._folder):
            written = [path for path in found if path.stat().st_size]  # an empty one may be of an earlier image
        path = next(iter([*written, *reversed(found)]), None) or self._grown(there - self._foreign)
        self._others |= there if path is None else set()
        return path

    def _grown(self, new: set[str]) -> Path | None:
        """Return the file that somebody has made who knew more planes of the image already."""
        more = range(self._image.shape[0] + 1, self._image.shape[0] + MOST_MORE_PLANES if new else 0)
        return next((self._folder / name for n in more if (name := self._name_of(n)) in new), None)

    def _listed(self) -> set[str]:
        with as_storage_error(self._folder):
            return {path.name for path in self._folder.glob(f"{self._readable}-*{self._suffix}")}

    @property
    def _readable(self) -> str:
        return re.sub(r"[^\w.-]+", "_", self._image.stem)[:60]

    def _name_of(self, planes: int) -> str:
        image = self._image
        identity = f"{image.source}\n{image.path}\n{(planes, *image.shape[1:])}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
        return f"{self._readable}-{digest}{self._suffix}"


@dataclass(frozen=True)
class NamedFile:
    """A file whose name is known; made by who writes to it."""

    path: Path

    def make(self) -> Path:
        """Return the file."""
        return self.path


@contextmanager
def as_storage_error(path: Path) -> Iterator[None]:
    """Turn what the system says of a path into an error that says what to do."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"Cannot use '{path}': {reason}. Free some space or check the folder's rights.") from error
