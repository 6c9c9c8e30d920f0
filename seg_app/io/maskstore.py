"""Where the mask sets of images live: on Drops or in a folder, one folder for each image.

The sets of the image 'samples/fib' of a source are `<root>/<source>/samples/fib/fib.npz`, then `fib_1.npz`,
`fib_2.npz`, ... A folder for each image, because set 1 of 'fib' and the only set of 'fib_1' have one name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seg_app.errors import NameTakenError, StorageError, UnreadableError, UnsafeNameError
from seg_app.io.fileserver import checked_path
from seg_app.io.formats import FORMATS, format_of

if TYPE_CHECKING:
    from seg_app.io.fileserver import FileServer
    from seg_app.records import ImageId, MaskFile

SUFFIX = ".npz"
"""The format that sets are saved in: the one that holds everything."""
TRIES = 1000
"""How many names one save tries: more writers at once mean that the server says 'taken' to everything."""
UNSAFE = re.compile(r'^\.|[\x00-\x1f\x7f-\x9f\ud800-\udfff"%*/:<=>?\\|]|[. ]$|\.(?=npz$)', re.IGNORECASE)
"""What no name of ours holds: `/`, what some file system refuses or drops, what the uploads of Drops unescape, the
escape `=` itself, and the suffix of sets in the name of a folder, where a set may be called the same."""


@dataclass(frozen=True, slots=True)
class SavedSet:
    """A mask set of an image, as a list shows it."""

    path: str
    """Relative to the root of the server; what `MaskStore.load` takes."""
    number: int
    """0 for the first set of an image, then 1, 2, ..."""
    size: int
    """Bytes."""
    modified_s: float
    """Seconds since 1970-01-01 UTC."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


SavedSets = list[SavedSet]
"""Has a name because `list` is a verb of the store."""


class MaskStore:
    """The mask sets of images; saving adds a set and never touches one that is there."""

    def __init__(self, server: FileServer, root: str = ""):
        """Keep sets below the folder `root` of a file server; slashes around it do not matter.

        Raises UnsafeNameError when `root` is unusable.
        """
        self._server = server
        self._root = root.strip("/") and checked_path(root.strip("/"))

    @property
    def where(self) -> str:
        """What the page shows: the server, without user and password, and the folder."""
        return "/".join(filter(None, (self._server.where, self._root)))

    def save(self, file: MaskFile) -> str:
        """Store masks as a new set of their image and return its path.

        Raises StorageError when it cannot be stored, SourceError when the server cannot be reached.
        """
        data = format_of(self._path(file.image, 0)).encode(file)
        first_free = max((saved.number for saved in self.list(file.image)), default=-1) + 1
        for number in range(first_free, first_free + TRIES):
            path = self._path(file.image, number)
            try:
                self._server.create(path, data)
            except NameTakenError:  # somebody was faster
                continue
            return path
        raise StorageError(f"Found no free name for a set of '{file.image.path}' in {self.where}. Tidy up that folder.")

    def list(self, image: ImageId) -> SavedSets:
        """Return the sets of an image, the newest first.

        Raises UnsafeNameError when its path is unusable, SourceError when the server cannot be reached.
        """
        files = self._server.list(self._folder(image))
        numbered = [(_number(file.name, encoded(image.stem)), file) for file in files if not file.is_folder]
        sets = [SavedSet(file.path, n, file.size, file.modified_s) for n, file in numbered if n is not None]
        return sorted(sets, key=lambda saved: (saved.modified_s, saved.number), reverse=True)

    def load(self, path: str) -> MaskFile:
        """Return the masks of a set.

        Raises MissingError when there is none of that path, UnreadableError when it is broken,
        SourceError when the server cannot be reached.
        """
        decode = format_of(path).decode
        data = self._server.read(path)
        try:
            return decode(data)
        except UnreadableError as error:
            raise UnreadableError(f"Cannot read '{path}' of {self.where}: {error}") from error

    def _folder(self, image: ImageId) -> str:
        parts = image.path.split("/")
        if ".." in parts:
            raise UnsafeNameError(f"Cannot store masks of '{image.path}': its path has a '..'. Open its full path.")
        return "/".join(filter(None, (self._root, encoded(image.source), *map(encoded, parts))))

    def _path(self, image: ImageId, number: int) -> str:
        return f"{self._folder(image)}/{encoded(image.stem)}{f'_{number}' if number else ''}{SUFFIX}"


def encoded(part: str) -> str:
    """Return one part of a path as a file name that every file server takes; different parts stay different.

    Unsafe characters become their UTF-8 bytes, each as `=` and two hexadecimal digits; an empty part becomes `=`.
    """
    return UNSAFE.sub(_escaped, part) or "="


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in found.group().encode(errors="surrogatepass"))


def _number(name: str, stem: str) -> int | None:
    """Return the number of a set by its file name; None when it is no set of this stem."""
    suffixes = "|".join(re.escape(suffix) for suffix, entry in FORMATS.items() if entry.reads)
    found = re.fullmatch(rf"{re.escape(stem)}(?:_([1-9][0-9]{{0,8}}))?(?:{suffixes})", name, re.IGNORECASE)
    return int(found[1] or 0) if found else None
