"""What a place for files promises, and which names it takes: Drops and a folder here are used alike."""

from __future__ import annotations

import unicodedata
from typing import Protocol

from seg_app.errors import UnsafeNameError
from seg_app.records import FileInfo

Listing = list[FileInfo]
"""What a folder holds. Has a name because `list` is a verb of every file server."""

UNSTORABLE = ("Cc", "Cs")
"""Unicode categories of control characters and of halves of characters, which not every server can store."""


class FileServer(Protocol):
    """A place for files that never loses one: there is no verb that overwrites or deletes.

    Paths are relative to its root, with `/` between their parts; see `checked_path`.
    Every verb raises SourceError when the place cannot be reached.
    """

    @property
    def where(self) -> str:
        """What the page shows, e.g. 'Drops at https://drops.example.org'; holds no password."""
        ...

    def list(self, folder: str) -> Listing:
        """Return what a folder holds, without hidden entries; [] when there is no such folder."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises MissingError when there is no such file."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Store a new file, and the folders that it needs; returns when it is safely there.

        Raises NameTakenError when the path exists, StorageError when the file could not be stored.
        """
        ...


def checked_path(path: str) -> str:
    """Return the path, if it stays below the root of every file server and can be listed there.

    Raises UnsafeNameError when it is empty or absolute, has an empty part, one that begins with a dot
    (which includes `..`), a backslash (which some systems read as `/`) or a control character.
    """
    parts = path.split("/")
    if not all(parts):
        raise UnsafeNameError(f"Cannot use {path!r}: name a file below the root, as in 'folder/name.npz'.")
    if any(part.startswith(".") for part in parts):
        raise UnsafeNameError(f"Cannot use {path!r}: no part of a path may begin with a dot.")
    if "\\" in path or any(unicodedata.category(character) in UNSTORABLE for character in path):
        raise UnsafeNameError(f"Cannot use {path!r}: backslashes and control characters cannot be stored everywhere.")
    return path
