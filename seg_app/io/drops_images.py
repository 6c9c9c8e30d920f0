"""The images on a Drops server: looked for folder by folder, fetched when they are opened.

Numbered files are images of their own, and the planes of a volume, which has their common name: 'slice_*.tif'.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.copies import Copies, Tell, megabytes, unheard
from seg_app.io.fileserver import Listing, checked_path
from seg_app.io.levels import Opened, opened, readable
from seg_app.io.readers import FORMATS, read_content, read_parts, reader_of
from seg_app.io.sequences import FEWEST, MOST_NAMED, by_pattern, differences, open_sequence, sequences
from seg_app.io.sidecars import MOST_BYTES as MOST_TEXT_BYTES
from seg_app.io.sidecars import names_beside

if TYPE_CHECKING:
    from pathlib import Path

    from seg_app.io.drops import Drops
    from seg_app.records import FileInfo

MOST_BYTES = 4 * 10**9
"""Of the files of a volume together."""

DROPS = "drops"
"""The source of images that come from there, and the folder that the folders of its users are in."""


class DropsImages:
    """Images by their path on Drops. Every verb raises SourceError when the server cannot be reached."""

    def __init__(self, server: Drops, copies: Copies, *, user: str):
        """Read images of `server` by way of `copies`; begin in the folder of `user`."""
        self._server, self._copies = server, copies
        self.home = f"{DROPS}/{user}"

    @property
    def where(self) -> str:
        """The address for the user, without user and password."""
        return self._server.where

    def look(self, path: str) -> Listing:
        """Return what a folder holds; of a file, the file itself.

        Raises MissingError when there is nothing of that name, UnsafeNameError for an unusable one.
        """
        if files := self._server.list(path):
            return files
        found = self._found(path, self._siblings(path))
        return [] if found.is_folder else [found]

    def parts(self, path: str, *, tell: Tell = unheard) -> list[str]:
        """Return the names of the images in a file, which is fetched; one, which may be empty, where it has no others.

        Raises SegAppError.
        """
        siblings = self._siblings(path)
        return [""] if planes_of(path, siblings) else read_parts(self._fetched(path, siblings, tell))

    def open(self, path: str, part: str = "", *, tell: Tell = unheard) -> Opened:
        """Open an image, or the volume of numbered files, by its path; `part` names one of several images in a file.

        No pixel is read yet.

        Raises MissingError when it is not there, UnreadableError when it is too large, damaged or of an unknown
        format, StorageError when there is no space for a copy.
        """
        siblings = self._siblings(path)
        if planes := planes_of(path, siblings):
            return self._opened_volume(path, planes, tell)
        return self._opened(self._fetched(path, siblings, tell), path, part)

    def is_here(self, file: FileInfo) -> bool:
        """Say whether a file can be opened without fetching it."""
        return self._copies.has(file)

    def fetch(self, file: FileInfo) -> None:
        """Fetch a file unless it is here, and do not open it. Raises SegAppError."""
        self._copies.fetch(file)

    def glimpse(self, file: FileInfo, part: str = "") -> Opened:
        """Open an image as `open` does, without asking what there is now, and what lies beside it. Raises as `open`."""
        return self._opened(self._copies.fetch(file), file.path, part)

    def _opened(self, copy: Path, path: str, part: str) -> Opened:
        with readable(copy.name):
            levels, attributes = read_content(copy, part or None)
            name = f"{path}/{part}" if part else path
            image = opened(DROPS, name, levels, attributes=attributes)
        self._copies.keep_while(copy, image.whole)
        return image

    def _opened_volume(self, path: str, files: Listing, tell: Tell) -> Opened:
        total, opening = sum(file.size for file in files), _Opening()
        if total > MOST_BYTES:
            raise UnreadableError(
                f"The {len(files)} files of '{path}' have {megabytes(total)}, and at most {megabytes(MOST_BYTES)} are "
                "fetched from Drops. Copy them to the folder of images here, or open them by Tiled."
            )
        copies = self._copies.fetch_all(files, opening, tell=tell)
        volume = next(iter(sequences(copies).values()), ())  # of one size and type: the most
        if not volume:
            raise UnreadableError(f"'{path}' is no volume: {differences(copies)}. Open one of its files.")
        levels, attributes = open_sequence(volume)
        if others := [copy.name for copy in copies if copy not in volume]:
            told = ", ".join(others[:MOST_NAMED])
            attributes = {**attributes, "remarks": [f"files of another size or type are left out: {told}"]}
        image = opened(DROPS, path, levels, attributes=attributes)
        for copy in volume:
            self._copies.keep_while(copy, image.whole)
        return image

    def _fetched(self, path: str, siblings: Listing, tell: Tell) -> Path:
        """Return a copy of a file, with the text file of its microscope beside it."""
        file = self._found(path, siblings)
        reader_of(self._copies.path_of(file))  # what nothing can read is not fetched
        copy = self._copies.fetch(file, tell=tell)
        wanted = names_beside(file.name)
        for text in siblings:
            if text.name in wanted and not text.is_folder and text.size <= MOST_TEXT_BYTES:
                self._copies.fetch(text, beside=file, tell=tell)
        return copy

    def _found(self, path: str, siblings: Listing) -> FileInfo:
        for file in siblings:
            if file.path == path:
                return file
        raise MissingError(f"There is no '{path}' on {self.where}, or it is empty. Check the name; reload the list.")

    def _siblings(self, path: str) -> Listing:
        folder = checked_path(path).rpartition("/")[0]
        return self._server.list(folder) if folder else []  # the root cannot be listed


class _Opening:
    """Lives until a volume is opened: what was fetched for it is not removed before it has all."""


def volumes_in(files: Listing) -> dict[str, Listing]:
    """Return the volumes that numbered files of a folder may be the planes of: name -> files in the order of numbers.

    Nothing but their names is looked at.
    """
    images = {PurePosixPath(file.path): file for file in files if is_image(file)}
    return {
        name: [images[path] for path in paths] for name, paths in by_pattern(images).items() if len(paths) >= FEWEST
    }


def planes_of(path: str, siblings: Listing) -> Listing:
    """Return the files of a volume by its path, in the order of their numbers; [] where it is none."""
    is_file = any(file.path == path for file in siblings)
    return [] if is_file else volumes_in(siblings).get(path.rpartition("/")[2], [])


def is_image(file: FileInfo) -> bool:
    """Say whether a file can be opened, by the suffix of its name."""
    return not file.is_folder and PurePosixPath(file.path).suffix.lower() in FORMATS


def paths_of(typed: str, folder: str) -> list[str]:
    """Return which paths a user may mean, the likeliest first, who looks at `folder`.

    '/labdaq' is 'drops/labdaq', as the lab writes it, else the folder of that name in the root; without the first
    slash it is below `folder`.
    """
    parts = [part for part in typed.strip().split("/") if part]
    path = "/".join(parts)
    if not typed.strip().startswith("/"):
        return [f"{folder}/{path}" if parts else folder]
    return [path] if parts[:1] == [DROPS] else [f"{DROPS}/{path}", path] if parts else [DROPS]
