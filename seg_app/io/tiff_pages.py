"""The chain of pages in a TIFF, looked over before it is read.

tifffile follows it wherever it leads: a damaged file of a kilobyte keeps it busy for minutes, or for ever.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from seg_app.io.damage import FlawError

LAYOUTS = {42: ("H", "I", 12, 4), 43: ("Q", "Q", 20, 8)}
"""TIFF and BigTIFF: the types of a count of entries and of a place, bytes of an entry, where the first place is."""


def check_pages(file: BinaryIO, n_bytes: int) -> None:
    """Look at the directories of all pages.

    file: of `n_bytes` bytes. Raises FlawError where they overlap or go in a circle, EOFError where one leads out of
    the file, KeyError when it is no TIFF.
    """
    header = file.read(4)
    order = {b"II": "<", b"MM": ">"}[header[:2]]
    count_of, next_of, entry, start = LAYOUTS[_number(header[2:], f"{order}H")]
    place, left = _at(file, start, order + next_of), n_bytes
    while place:
        if place > n_bytes:
            raise EOFError("its pages lead out of it")
        end = place + struct.calcsize(order + count_of) + _at(file, place, order + count_of) * entry
        if end > n_bytes:
            raise EOFError("a page of it is cut off")
        left -= end - place
        if left < 0:
            raise FlawError("its pages need more room than it has")
        place = _at(file, end, order + next_of)


def _at(file: BinaryIO, place: int, kind: str) -> int:
    file.seek(place)
    return _number(file.read(struct.calcsize(kind)), kind)


def _number(data: bytes, kind: str) -> int:
    if len(data) < struct.calcsize(kind):
        raise EOFError("its pages lead out of it")
    return int(struct.unpack(kind, data)[0])
