"""LZW strips of a TIFF that are damaged are errors here: their decoder follows a wild pointer, and the program dies.

imagecodecs (2026.3.6) takes whatever code comes first in a new table, and the table knows nothing but bytes then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from seg_app.io.damage import FlawError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LZW = 5
"""The compression of a TIFF, whose codes are told on pages 57 to 64 of the specification (TIFF 6.0)."""

CLEAR, END, FIRST = 256, 257, 258
"""Codes that begin a new table and end the strip; those below are bytes, those from the third on are in the table."""

LARGEST = 4096
"""Codes of a full table."""


@functools.cache
def refuse_damaged_strips() -> None:
    """Let tifffile check strips before they are unpacked; once in a process is enough."""
    tifffile.TIFF.DECOMPRESSORS = CheckedDecoders(tifffile.TIFF.DECOMPRESSORS)


class CheckedDecoders(Mapping[int, Callable[..., Any]]):
    """The decoders of tifffile, by the number of their compression."""

    def __init__(self, decoders: Mapping[int, Callable[..., Any]]) -> None:
        self._decoders = decoders

    def __getitem__(self, key: int) -> Callable[..., Any]:
        """Return the decoder of a compression. Raises KeyError."""
        decode = self._decoders[key]
        return functools.partial(_checked, decode) if key == LZW else decode

    def __iter__(self) -> Iterator[int]:
        return iter(self._decoders)

    def __len__(self) -> int:
        return len(self._decoders)


def _checked(decode: Callable[..., Any], strip: bytes, **options: Any) -> Any:
    check_strip(strip)
    return decode(strip, **options)


def check_strip(strip: bytes) -> None:
    """Raise ValueError when a new table begins with a code that is not in it."""
    data = np.frombuffer(strip + b"\0\0", np.uint8)
    # Bits of old files are in the other order, and codes get longer one later.
    is_old = bool(len(strip) > 1 and strip[0] == 0 and strip[1] & 1)
    at: int | None = 9  # behind the first code, which begins a table
    while at is not None:
        at = _behind_table(data, at, len(strip) * 8, is_old=is_old)


def _behind_table(data: NDArray[np.uint8], at: int, n_bits: int, *, is_old: bool) -> int | None:
    """Return the bit where the next table begins; None where the strip ends before. Raises ValueError."""
    codes = _Codes.of(is_old=is_old, at=at % 8)
    count = int(np.searchsorted(codes.ends, n_bits - at, side="right"))
    if not count:
        return None
    found = codes.read(data[at // 8 :], count)
    if found[0] >= FIRST:
        raise FlawError("a strip of its LZW is damaged")
    last = int((found >> 1 == CLEAR >> 1).argmax())  # either of the two
    return at + int(codes.ends[last]) if found[last] == CLEAR else None


@dataclass(frozen=True)
class _Codes:
    """Where the codes of a table are, if it becomes a full one: a code lies within three bytes."""

    is_old: bool
    ends: NDArray[np.int64]
    """In bits, from the beginning of the first code."""
    starts: NDArray[np.int64]
    """In bytes, from the one in which the first code begins."""
    shifts: NDArray[np.uint32]
    masks: NDArray[np.uint32]

    @classmethod
    @functools.cache
    def of(cls, *, is_old: bool, at: int) -> _Codes:
        """Return the codes of a table that begins at a bit of its first byte."""
        known = np.maximum(np.arange(FIRST - 1, LARGEST), FIRST)  # the first code is not put into the table
        widths = np.digitize(known, np.array([512, 1024, 2048]) - (0 if is_old else 1)) + 9
        ends = np.cumsum(widths)
        bits = at + ends - widths
        shifts = bits % 8 if is_old else 24 - bits % 8 - widths
        return cls(is_old, ends, bits // 8, shifts.astype(np.uint32), ((1 << widths) - 1).astype(np.uint32))

    def read(self, data: NDArray[np.uint8], count: int) -> NDArray[np.uint32]:
        """Return the first codes."""
        near = data[: int(self.starts[count - 1]) + 3].astype(np.uint32)
        first, second, third = near[:-2], near[1:-1], near[2:]
        words = first | second << 8 | third << 16 if self.is_old else first << 16 | second << 8 | third
        codes = words[self.starts[:count]] >> self.shifts[:count] & self.masks[:count]
        return codes.astype(np.uint32, copy=False)
