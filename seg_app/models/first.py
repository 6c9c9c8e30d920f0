"""Which image is shown first, of all that a data server has: of damaged ones the next."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from seg_app.errors import UnreadableError
from seg_app.io.beside import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from seg_app.io.tiled import Entry

    Browse = Callable[[str], list[Entry]]

log = logging.getLogger(__name__)
MOST_TRIED = 50
"""Where so many cannot be read it is the server, or the disk, and nobody wants to wait for the others."""
Opened = TypeVar("Opened")


def open_first(images: Iterable[Entry], open_: Callable[[str], Opened]) -> Opened | None:
    """Open the first image that can be read, by its path; None where there is none at all.

    The others are not looked at. Raises UnreadableError, of the first, where none can be read, and what else `open_`
    and the images raise.
    """
    first: UnreadableError | None = None
    for entry in islice(images, MOST_TRIED):
        try:
            return open_(entry.path)
        except UnreadableError as error:
            log.info("'%s' is not shown first: %s", entry.path, error)
            first = first or error
    if first:
        raise first
    return None


def in_order(browse: Browse) -> Iterator[Entry]:
    """Return the images at the top and in the folders there, folder by folder, in each the volumes before the others.

    Those of this computer come first. Raises SourceError.
    """
    for images in _by_folder(browse):
        yield from sorted(images, key=lambda entry: not _is_volume(entry))


def _by_folder(browse: Browse) -> Iterator[list[Entry]]:
    entries = browse("")
    folders = [entry.path for entry in entries if entry.kind == "folder" and not entry.problem]
    if entries and entries[0].path == HERE:  # above all, for somebody has named files there
        yield list(images_in(browse, folders.pop(0)))
    yield [entry for entry in entries if entry.kind == "image" and not entry.problem]
    for folder in folders:
        yield list(images_in(browse, folder))


def images_in(browse: Browse, folder: str, *, depth: int = 1) -> Iterator[Entry]:
    """Return the images in a folder, then those in its folders, so many levels down. Raises SourceError."""
    entries = browse(folder)
    yield from (entry for entry in entries if entry.kind == "image" and not entry.problem)
    if depth:
        for entry in (entry for entry in entries if entry.kind == "folder"):
            yield from images_in(browse, entry.path, depth=depth - 1)


def _is_volume(entry: Entry) -> bool:
    shape = entry.shape or ()
    if entry.dtype == "uint8" and shape[-1:] in ((3,), (4,)):  # its colours
        shape = shape[:-1]
    return len(shape) > 2 and shape[0] > 1
