"""Where the mask sets of images live: on Drops or in a folder, one folder for each image.

The sets of the image 'samples/fib' of a source are `<root>/<source>/samples/fib/fib.npz`, then `fib_1.npz`,
`fib_2.npz`, ... A folder for each image, because set 1 of 'fib' and the only set of 'fib_1' have one name.
A set may have a title: `fib-pores.npz`, `fib-pores_1.npz`, ...

The older tool, sement_duo, kept the sets of all images called 'fib' as `<root>/fib.pkl`, `fib_1.pkl`, ...
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seg_app.errors import MissingError, NameTakenError, StorageError, UnreadableError, UnsafeNameError
from seg_app.io.fileserver import checked_path
from seg_app.io.formats import FORMATS, format_of

if TYPE_CHECKING:
    from seg_app.io.fileserver import FileServer
    from seg_app.records import ImageId, MaskFile

SUFFIX = ".npz"
"""The format that sets are saved in: the one that holds everything."""
OLDER_SUFFIX = ".pkl"
"""The format of the older tool."""
TRIES = 1000
"""How many names one save tries: more writers at once mean that the server says 'taken' to everything."""
UNSAFE = re.compile(r'^\.|[\x00-\x1f\x7f-\x9f\ud800-\udfff"%*/:<=>?\\|]|[. ]$|\.(?=npz$)', re.IGNORECASE)
"""What no name of ours holds: `/`, what some file system refuses or drops, what the uploads of Drops unescape, the
escape `=` itself, and the suffix of sets in the name of a folder, where a set may be called the same."""

LONGEST_TITLE = 60
"""Characters; file systems take 255 bytes for a whole name."""
NO_TITLE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\.+$")
"""What no title holds: what separates folders, what cannot be seen, and dots alone, which name folders."""


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
    title: str = ""
    """What its user called it besides its image; '' for nothing."""
    where: str = ""
    """The server and the folder, as the page shows them."""
    is_older: bool = False
    """Whether it is of the older tool, and may be of another image of this name."""

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

    def save(self, file: MaskFile, *, title: str = "", trying: Callable[[str], None] = lambda _: None) -> str:
        """Store masks as a new set of their image and return its path.

        `trying` hears of each path before it is written to. Raises UnsafeNameError when the title is unusable,
        StorageError when the set cannot be stored, SourceError when the server cannot be reached.
        """
        title = checked_title(title)
        data = format_of(self._path(file.image, title, 0)).encode(file)
        taken = (saved.number for saved in self._own(file.image) if saved.title == title)
        first_free = max(taken, default=-1) + 1
        for number in range(first_free, first_free + TRIES):
            path = self._path(file.image, title, number)
            trying(path)
            try:
                self._server.create(path, data)
            except NameTakenError:  # somebody was faster
                continue
            return path
        raise StorageError(f"Found no free name for a set of '{file.image.path}' in {self.where}. Tidy up that folder.")

    def holds(self, path: str, file: MaskFile) -> bool:
        """Say whether a set is there and holds exactly these masks. Raises SourceError."""
        try:
            return self._server.read(path) == format_of(path).encode(file)
        except MissingError:
            return False

    def list(self, image: ImageId) -> SavedSets:
        """Return the sets of an image, the newest first, then those of the older tool that may be of it.

        Raises UnsafeNameError when its path is unusable, SourceError when the server cannot be reached.
        """
        return [*self._own(image), *self._older(image)]

    def _own(self, image: ImageId) -> SavedSets:
        folder, stem = self._folder(image), encoded(image.stem)
        where = f"{self._server.where}/{folder}"
        files = [(_called(file.name, stem), file) for file in self._server.list(folder) if not file.is_folder]
        sets = [SavedSet(f.path, called[1], f.size, f.modified_s, called[0], where) for called, f in files if called]
        return _newest_first(sets)

    def _older(self, image: ImageId) -> SavedSets:
        try:
            files = [(_older_number(file.name, image.stem), file) for file in self._server.list(self._root)]
        except UnsafeNameError:  # the root of a server itself, where nobody keeps files
            return []
        sets = [
            SavedSet(file.path, number, file.size, file.modified_s, where=self.where, is_older=True)
            for number, file in files
            if number is not None and not file.is_folder
        ]
        return _newest_first(sets)

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

    def _path(self, image: ImageId, title: str, number: int) -> str:
        called = (encoded(image.stem), f"-{encoded(title)}" if title else "", f"_{number}" if number else "", SUFFIX)
        return f"{self._folder(image)}/{''.join(called)}"


def _newest_first(sets: SavedSets) -> SavedSets:
    return sorted(sets, key=lambda saved: (saved.modified_s, saved.number), reverse=True)


def checked_title(title: str) -> str:
    """Return what a set shall be called besides its image, without spaces around it; '' for nothing.

    Raises UnsafeNameError when no file can be called so.
    """
    title = " ".join(title.split())
    if NO_TITLE.search(title) or len(title) > LONGEST_TITLE:
        raise UnsafeNameError(
            f"Cannot call a set of masks {title[:99]!r}: use at most {LONGEST_TITLE} characters, "
            "without slashes and control characters, and not dots alone."
        )
    return title


def encoded(part: str) -> str:
    """Return one part of a path as a file name that every file server takes; different parts stay different.

    Unsafe characters become their UTF-8 bytes, each as `=` and two hexadecimal digits; an empty part becomes `=`.
    """
    return UNSAFE.sub(_escaped, part) or "="


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in found.group().encode(errors="surrogatepass"))


def decoded(part: str) -> str:
    """Return what `encoded` has made a file name of; what it cannot have made stays as it is."""
    return re.sub("(?:=[0-9A-F]{2})+", _unescaped, part)


def _unescaped(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found.group().replace("=", "")).decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return found.group()


def _called(name: str, stem: str) -> tuple[str, int] | None:
    """Return title and number of a set by its file name; None when it is no set of this stem."""
    suffixes = "|".join(re.escape(suffix) for suffix, entry in FORMATS.items() if entry.reads)
    pattern = rf"{re.escape(stem)}(?:-(.+?))?(?:_([1-9][0-9]{{0,8}}))?(?:{suffixes})"
    found = re.fullmatch(pattern, name, re.IGNORECASE)
    return (decoded(found[1] or ""), int(found[2] or 0)) if found else None


def _older_number(name: str, stem: str) -> int | None:
    """Return the number of a set of the older tool by its file name; None when it is no set of this stem."""
    found = re.fullmatch(rf"{re.escape(stem)}(?:_([1-9][0-9]{{0,8}}))?{re.escape(OLDER_SUFFIX)}", name)
    return int(found[1] or 0) if found else None
