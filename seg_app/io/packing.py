"""What a user is about to hand over: under which names it is kept, and whether it is taken, before anything comes.

Names come from a browser, and anybody can send others. One without a slash is that of a file; one with slashes, as
`cells.zarr/0/c/0/0`, is that of a member of a Zarr folder, and nothing else has folders. The names of files and of
Zarr folders are made safe; the others of a Zarr folder name what is in them, so that they are taken as they are or not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from pathlib import PurePosixPath

from seg_app.errors import UnreadableError, UnsafeNameError
from seg_app.io.copies import megabytes
from seg_app.io.readers import FORMATS
from seg_app.io.sidecars import MOST_BYTES as MOST_TEXT_BYTES
from seg_app.io.zarr_files import MARKS

MOST_BYTES = 4 * 10**9
"""Of one file, or of one Zarr folder: some more than a micrograph or a stack has that somebody has at hand."""

MOST_FILES = 5000
"""Of what is handed over at once, beside the members of Zarr folders."""

MOST_MEMBERS = 50_000
"""Of the Zarr folders that are handed over at once: 4 GB in chunks of 80 kB. More would take minutes to be found, sent
and deleted, and a block of the disk each."""

MOST_METADATA_BYTES = 2**24
"""Of one file of JSON, which is read as a whole: some thousand arrays, where a group tells of all of them."""

MOST_LETTERS = 120

MOST_DEPTH = 20
"""Parts of the path of a member: labels on an image of a plate have 13."""

MOST_PATH_BYTES = 240
"""Of the path of a member: Windows takes 260 with what is before it, no disk more than 255 for one part."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices (https://learn.microsoft.com/windows/win32/fileio/naming-a-file)."""

TEXTS = frozenset({".txt", ".hdr"})
"""What microscopes write beside their images."""

FILES = FORMATS.keys() - {".zarr"} | TEXTS
"""The kinds of files that are handed over, also for the page: Zarr is a folder."""

METADATA = (*MARKS, ".zmetadata")
"""The files of JSON in a Zarr folder: of Zarr 3 the first, of Zarr 2 the others. Attributes are in them, too."""

CHUNK = r"c|(c\.)?[0-9]+(\.[0-9]+)*"
"""The last part of the key of a chunk: 0 of c/1/0 and of 1/0, c.1.0, 1.0, and c where an array has no axes
(https://zarr-specs.readthedocs.io/en/latest/v3/chunk-key-encodings/default)."""

MEMBER = "|".join((*map(re.escape, METADATA), CHUNK))
"""The names of files in a Zarr folder, also for the page, which leaves out all others: what a viewer, a microscope or
a file manager puts beside them is no part of an image, and is not read."""

ELSEWHERE = "Put it into the folder of samples, or start the app with its folder: seg-app serve FOLDER."

TOO_MANY = (
    f"Zarr folders of more than {MOST_MEMBERS:,} files cannot be handed over. Write larger chunks, or shards, "
    "put it into the folder of samples, or start the app with its folder: seg-app serve FOLDER."
)


def packed(files: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return path in the delivery -> bytes, in the same order, of files that come as name and bytes.

    Raises UnsafeNameError when a name cannot be kept, or is there twice, UnreadableError when a file is of an unknown
    format, empty or too large, or a folder is no Zarr folder.
    """
    packing = _Packing()
    for name, size in files:
        packing.add(name, size)
    packing.check_folders()
    return packing.sizes


class _Packing:
    """The list while it is made."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._folders: set[str] = set()
        self._names: dict[str, str] = {}
        """Zarr folder -> its name before it was made safe."""
        self._members, self._bytes = 0, Counter[str]()

    def add(self, name: str, size: int) -> None:
        first, *inside = name.split("/")
        top = safe_name(first)
        if inside:
            self._add_member(top, first, inside, size)
            return
        _check_kind(top, size)
        if len(self.sizes) - self._members == MOST_FILES:
            raise UnsafeNameError(f"These are more than {MOST_FILES:,} files. Open fewer at once.")
        self._keep(top, size)

    def _add_member(self, top: str, first: str, inside: list[str], size: int) -> None:
        *folders, name = inside
        folder = "/".join((top, *folders))
        path = f"{folder}/{name}"
        _check_member(path, name, size)
        self._members += 1
        self._bytes[top] += size
        if self._members > MOST_MEMBERS:
            raise UnsafeNameError(TOO_MANY)
        _check_bytes(top, self._bytes[top], MOST_BYTES)
        if self._names.setdefault(top, first) != first:
            raise _twice(top)
        if folder not in self._folders:  # else it has been looked at
            self._add_folder(top, folders)
        self._keep(path, size)

    def _add_folder(self, top: str, folders: list[str]) -> None:
        within = [*accumulate((top, *folders), "{}/{}".format)]
        if len(within) >= MOST_DEPTH:
            raise _unsafe(within[-1], "lies too deep")
        if any(safe_name(folder) != folder for folder in folders):
            raise _unsafe(within[-1], "has a name that not every disk takes")
        if any(folder in self.sizes for folder in within):
            raise _twice(within[-1])
        self._folders.update(within)

    def _keep(self, path: str, size: int) -> None:
        if path in self.sizes or path in self._folders:
            raise _twice(path)
        self.sizes[path] = size

    def check_folders(self) -> None:
        for top in self._names:
            if not any(f"{top}/{mark}" in self.sizes for mark in MARKS):
                raise UnreadableError(
                    f"'{top}' is no Zarr folder: it has none of {', '.join(MARKS)}. Drop another one."
                )


def safe_name(name: str) -> str:
    """Return the last part of a name as every file system takes it. Raises UnsafeNameError when nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    clean = _cleaned(last)
    stem, dot, suffix = clean.rpartition(".")
    clean = f"{stem[:MOST_LETTERS].rstrip(' .')}{dot}{suffix[:16]}" if dot else clean[:MOST_LETTERS]
    if not re.search(r"\w", clean):
        raise UnsafeNameError(f"'{last[:40]}' is no name that a file can have. Give the file another one.")
    return _unreserved(clean)


def safe_folder(name: str) -> str:
    """Return the last part of the name of a folder likewise, which is not taken for a Zarr folder; '' of nothing."""
    clean = re.sub(r"(\.zarr)+$", "", _cleaned(re.split(r"[/\\]", name)[-1]), flags=re.IGNORECASE)
    clean = clean[:MOST_LETTERS].strip(" .")
    return _unreserved(clean) if re.search(r"\w", clean) else ""


def _cleaned(name: str) -> str:
    return re.sub(r'[\x00-\x1f\x7f-\x9f<>:"|?*#%\u200e\u200f\u202a-\u202e\ud800-\udfff]+', "_", name).strip(" .")


def _unreserved(name: str) -> str:
    return f"_{name}" if RESERVED.fullmatch(name) else name


def _check_kind(name: str, size: int) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in FILES:
        known = ", ".join(sorted(FILES - TEXTS))
        raise UnreadableError(f"Cannot open '{name}'. Known formats: {known}, and Zarr folders.")
    _check_bytes(name, size, MOST_TEXT_BYTES if suffix in TEXTS else MOST_BYTES)


def _check_member(path: str, name: str, size: int) -> None:
    if len(path.encode(errors="surrogatepass")) > MOST_PATH_BYTES:
        raise _unsafe(f"{path[:80]}…", "is too long")
    if not re.fullmatch(MEMBER, name):
        raise _unsafe(path, "is no file of a Zarr folder")
    _check_bytes(path, size, MOST_METADATA_BYTES if name in METADATA else MOST_BYTES)


def _check_bytes(name: str, size: int, most: int) -> None:
    if size <= 0:
        raise UnreadableError(f"'{name}' is empty. Copy or make it again.")
    if size > most:
        raise UnreadableError(
            f"'{name}' has {megabytes(size)}, and at most {megabytes(most)} can be handed over. {ELSEWHERE}"
        )


def _unsafe(path: str, why: str) -> UnsafeNameError:
    return UnsafeNameError(f"'{path}' {why}. {ELSEWHERE}")


def _twice(path: str) -> UnsafeNameError:
    return UnsafeNameError(f"'{path}' comes twice. Give one of them another name.")
