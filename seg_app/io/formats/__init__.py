"""The formats of mask files: one module for each, found by the suffix of the file's name."""

from __future__ import annotations

import importlib
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol, cast

from seg_app.errors import UnreadableError

if TYPE_CHECKING:
    from seg_app.records import MaskFile

FORMATS = {
    ".json": "seg_app.io.formats.coco",
    ".npz": "seg_app.io.formats.npz",
}
"""Suffix -> module with `encode` and `decode`, imported on first use, because some need heavy libraries."""


class MaskFormat(Protocol):
    """What a module of this folder offers."""

    def encode(self, file: MaskFile) -> bytes:
        """Return the bytes of a mask file. Raises StorageError when the format cannot hold it."""
        ...

    def decode(self, data: bytes) -> MaskFile:
        """Return what the bytes hold. Raises UnreadableError, and nothing else, when they are broken."""
        ...


def format_of(name: str) -> MaskFormat:
    """Return the format of a file by its name.

    Raises UnreadableError when no format has this suffix.
    """
    module = FORMATS.get(PurePath(name).suffix.lower())
    if module is None:
        raise UnreadableError(f"Cannot read '{name}'. Known formats: {', '.join(sorted(FORMATS))}.")
    return cast("MaskFormat", importlib.import_module(module))
