"""Which images are never trained on."""

from __future__ import annotations

import zlib
from pathlib import PurePath

HELD_OUT_PERCENT = 15


def held_out(name: str) -> bool:
    """Say whether the image of a file name is kept for validation: about 15 of 100, the same on every machine.

    The folder and the suffix do not count, so that an image and its labels are always on the same side.
    """
    return zlib.crc32(PurePath(name).stem.encode()) % 100 < HELD_OUT_PERCENT
