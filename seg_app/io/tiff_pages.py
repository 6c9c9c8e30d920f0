"""The chain of pages in a TIFF, looked over before it is read.

tifffile follows it wherever it leads: a damaged file of a kilobyte keeps it busy for minutes, or for ever. Of a file
that was not copied to its end it reads the pages before, as if there had been no others.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from seg_app.io.damage import FlawError, check_end

LAYOUTS = {42: ("H", "I", 4), 43: ("Q", "Q", 8)}
"""TIFF and BigTIFF: the types of a count of entries, and of a count or place in an entry; where the first place is."""

NUMBERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""The types of entries that are sizes and places: of two, four and eight bytes, and 'IFD' of four and eight."""

COMPRESSION, SMALLER = 259, 330
"""Tags: how the pixels are packed, and where the directories of smaller levels are."""

PLACES, SIZES = (273, 324), (279, 325)
"""Tags: where the strips, or the tiles, are, and of how many bytes."""

Entry = tuple[int, int, bytes]
"""Its type, how many numbers it has, and these, or the place where they are."""


def check_pages(file: BinaryIO, n_bytes: int) -> None:
    """Look at the directories of all pages, and whether the last strip or tile of each is there.

    file: of `n_bytes` bytes. Raises FlawError where directories overlap, go in a circle, or tell of something behind
    the end, KeyError when it is no TIFF.
    """
    _Pages(file, n_bytes).check()


class _Pages:
    """The directories of a file."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file, self._n_bytes, self._left = file, n_bytes, n_bytes
        header = self._bytes(0, 4)
        self._order = {b"II": "<", b"MM": ">"}[header[:2]]
        self._count, self._place, start = LAYOUTS[self._number("H", header[2:])]
        self._entry = struct.Struct(f"{self._order}HH{self._place}{struct.calcsize(self._place)}s")
        self._first = self._number_at(self._place, start)

    def check(self) -> None:
        place = self._first
        while place:
            place = self._check_page(place)

    def _check_page(self, place: int) -> int:
        """Check a page and its smaller levels, and return where the next one is; 0 at the end."""
        entries, following = self._directory(place)
        self._check_pixels(entries)
        _, count, _ = smaller = entries.get(SMALLER, (0, 0, b""))
        self._spend(count)
        for place_of_one in filter(None, (self._nth(smaller, n) for n in range(count))):
            self._check_pixels(self._directory(place_of_one)[0])
        return following

    def _directory(self, place: int) -> tuple[dict[int, Entry], int]:
        """Return the entries of a directory by their tags, and where the next one is."""
        start = place + struct.calcsize(self._order + self._count)
        n_bytes = self._number_at(self._count, place) * self._entry.size
        data = self._bytes(start, n_bytes)
        self._spend(start + n_bytes - place)
        entries = {entry[0]: entry[1:] for entry in self._entry.iter_unpack(data)}
        return entries, self._number_at(self._place, start + n_bytes)

    def _spend(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise FlawError("its pages need more room than it has")

    def _check_pixels(self, entries: dict[int, Entry]) -> None:
        """Raise FlawError where the last strip or tile is not there as a whole: it is written last."""
        # What is not packed has a place only: some programs tell of a whole strip where there are fewer rows left.
        is_packed = self._last(entries, (COMPRESSION,)) > 1
        size = self._last(entries, SIZES) if is_packed else 0
        check_end(self._n_bytes, self._last(entries, PLACES) + size)

    def _last(self, entries: dict[int, Entry], tags: tuple[int, ...]) -> int:
        """Return the last number of the first entry that is there; 0 where none is."""
        entry = next((entries[tag] for tag in tags if tag in entries), None)
        return self._nth(entry, entry[1] - 1) if entry and entry[1] else 0

    def _nth(self, entry: Entry, n: int) -> int:
        kind, count, value = entry
        number = NUMBERS.get(kind)
        if number is None:  # damage that tifffile tells of
            return 0
        size = struct.calcsize(number)
        if count * size <= len(value):
            return self._number(number, value[n * size : (n + 1) * size])
        return self._number_at(number, self._number(self._place, value) + n * size)

    def _number_at(self, kind: str, place: int) -> int:
        return self._number(kind, self._bytes(place, struct.calcsize(self._order + kind)))

    def _number(self, kind: str, data: bytes) -> int:
        return int(struct.unpack(self._order + kind, data)[0])

    def _bytes(self, place: int, n_bytes: int) -> bytes:
        check_end(self._n_bytes, place + n_bytes)
        self._file.seek(place)
        return self._file.read(n_bytes)
