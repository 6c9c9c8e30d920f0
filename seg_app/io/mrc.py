"""MRC: the planes of a tomogram, mapped into memory, and its voxel size (https://www.ccpem.ac.uk/mrc_format)."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from seg_app.io.levels import Content, Stored

NANOMETRES_OF_ANGSTROM = 0.1

PLACEHOLDERS = (0.0, 1.0)
"""Voxel sizes in Å, the same along all axes, that programs write when they know none."""


def open_mrc(path: Path, part: str | None = None) -> Content:  # noqa: ARG001 - the same for every format
    """Open the planes of an MRC, without reading them. Rows stay in the order of the file: the first one is on top.

    Raises what mrcfile raises on damaged files.
    """
    import mrcfile  # weight: other files need none of it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of headers that are odd, where the pixels are not
        with mrcfile.mmap(path, mode="r", permissive=False) as mrc:
            pixels, size = np.asarray(mrc.data), mrc.voxel_size
            attributes = _attributes(float(size.z), float(size.y), float(size.x), is_volume=pixels.ndim > 2)
    return [Stored(pixels.shape, pixels.dtype, lambda key: np.array(pixels[key]))], attributes


def _attributes(z: float, y: float, x: float, *, is_volume: bool) -> dict[str, Any]:
    if not all(math.isfinite(n) and n > 0 for n in (y, x)) or (z == y == x and x in PLACEHOLDERS):
        return {}
    size = [n * NANOMETRES_OF_ANGSTROM if n > 0 else None for n in (z, y, x)]
    return {"pixel_size_nm": size if is_volume else [None, *size[1:]], "pixel_size_source": "MRC header"}
