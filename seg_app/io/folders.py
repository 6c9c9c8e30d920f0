"""What is in a folder here: images, volumes of numbered files, files of several images, and folders."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from os import fsencode
from pathlib import Path

from seg_app.errors import MissingError, UnreachableError, UnreadableError
from seg_app.io.damage import may_pass
from seg_app.io.levels import Content
from seg_app.io.readers import FORMATS, read_content, read_parts
from seg_app.io.sequences import open_sequence, sequences
from seg_app.io.zarr_files import is_zarr

MOST_BYTES = 100
"""Of a name on a server; longer ones are cut."""


@dataclass(frozen=True)
class Place:
    """Where an image, or a folder of images, is."""

    path: Path
    part: str = ""
    """Which image of the file it is; the whole file where that is empty."""
    files: tuple[Path, ...] = ()
    """The planes, where it is a volume of numbered files in the folder `path`."""

    @property
    def title(self) -> str:
        """What a person reads in a list."""
        return self.part or self.path.name.removesuffix(".zarr")

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files, and no image."""
        return not self.files and self.path.is_dir() and not is_zarr(self.path)


def content_of(place: Place) -> Content:
    """Return the levels and attributes of the image at a place. Raises SourceError when it cannot be read."""
    return open_sequence(place.files) if place.files else read_content(place.path, place.part)


def look_into(folder: Path, only: Collection[str] | None = None) -> dict[str, Place]:
    """Return what is in a folder, as name on a server -> place, in the order in which a person would count.

    `only` are the names of the files and folders that count; hidden ones, and files of unknown formats, do not.
    Files that cannot be read are there: opening them says why. Raises MissingError when the folder cannot be listed,
    UnreachableError when it, or a file of numbered ones, cannot be read just now.
    """
    known = [path for path in _listed(folder, only) if path.is_dir() or path.suffix.lower() in FORMATS or only]
    volumes = sequences(path for path in known if path.is_file() and path.suffix.lower() in FORMATS)
    inside = {path for files in volumes.values() for path in files}
    places = [Place(folder, name, files) for name, files in volumes.items()]
    places += [Place(path) for path in known if path not in inside]
    return _named(sorted(places, key=lambda place: _natural(place.title)))


def parts_of(place: Place) -> dict[str, Place]:
    """Return the images of a file that has several; empty where it is one. Raises UnreadableError."""
    if place.files or place.part:
        return {}
    names = read_parts(place.path)
    return _named([Place(place.path, name) for name in names]) if len(names) > 1 else {}


def find(folder: Path, part: str | None = None) -> Place:
    """Return the image in a folder of files: the one that `part` names, or the only one there is.

    Raises MissingError when there is none of that name, UnreadableError when there are several or none.
    """
    places = {place.title: place for place in look_into(folder).values() if not place.is_folder}
    if part in places:
        return places[part]
    some = ", ".join(list(places)[:10]) + (", …" if len(places) > 10 else "") or "none"
    if part:
        raise MissingError(f"There is no image {part!r} in the folder {folder.name}. It has: {some}.")
    if len(places) != 1:
        raise UnreadableError(f"Cannot open the folder {folder.name} as one image. It has: {some}. Open one of them.")
    return next(iter(places.values()))


def name_on_server(name: str) -> str:
    """Return a name as a server can have it: what Tiled or a browser could not address becomes `_` and a hash."""
    clean = re.sub(r"[^\w.\- ()\[\]+,&=@]+", "_", name.removesuffix(".zarr"))[:MOST_BYTES].strip(" ")
    if clean == name.removesuffix(".zarr") and clean.strip("."):
        return clean
    digest = sha256(fsencode(name)).hexdigest()[:6]
    stem, dot, suffix = clean.rpartition(".")
    return f"{stem}-{digest}{dot}{suffix}" if stem else f"{clean.strip('.')}-{digest}"


def _listed(folder: Path, only: Collection[str] | None) -> list[Path]:
    if only is not None:
        return [folder / name for name in only]
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        if may_pass(error):
            raise UnreachableError(f"Cannot look into {folder}: {error.strerror}. Try again.") from error
        raise MissingError(f"Cannot look into {folder}: {error.strerror}. Check that you may read it.") from error


def _named(places: list[Place]) -> dict[str, Place]:
    named: dict[str, Place] = {}
    for place in places:
        name = place.part.replace("*", "").replace("/", ".") if place.part else place.path.name
        key = name_on_server(name)
        if key in named:
            digest = sha256(fsencode(place.part or place.path.name)).hexdigest()[:6]
            key = f"{key}-{digest}"
        named[key] = place
    return named


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]
