"""Images in files and folders here, and arrays that a program has already, opened as lazy planes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from seg_app.io.axes import ALIASES, LABELS, SPACE
from seg_app.io.folders import Place, content_of, find
from seg_app.io.levels import Opened, Stored, opened, readable
from seg_app.io.zarr_files import is_zarr

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOCAL = "local"
"""The source of images that come from here."""


def open_file(path: Path | str, *, part: str | None = None) -> Opened:
    """Open a TIFF, PNG, JPEG, HDF5, NeXus, MRC or NPY file, a Zarr folder, or a folder of numbered files.

    `part` names one of several images: a dataset of an HDF5 file, an array of a Zarr group, a sequence of a folder as
    'slice_*.tif'. No pixel is read yet. Raises MissingError when there is nothing of that name, UnreadableError when
    it is damaged, of another format, or has several images.
    """
    path = Path(path).expanduser().resolve()
    place = find(path, part) if path.is_dir() and not is_zarr(path) else Place(path, part or "")
    with readable(path.name):
        levels, attributes = content_of(place)
        name = f"{path.as_posix()}/{part}" if part else path.as_posix()
        return opened(LOCAL, name, levels, attributes=attributes)


def open_array(array: NDArray[Any] | xr.DataArray, *, name: str = "array") -> Opened:
    """Open an array of planes: (y, x), (z, y, x) or, with 8-bit colour, (y, x, c) or (z, y, x, c).

    Axes before these are further ones: 'index' of an array of four dimensions. The dimensions of a DataArray are taken
    by their names where these include y and x, as (t, c, z, y, x); its coordinates along c and t name their places.
    Raises UnreadableError when it is of another kind.
    """
    if not isinstance(array, xr.DataArray):
        return opened(
            LOCAL, name, [Stored(array.shape, array.dtype, lambda key: np.asarray(array[key]))], attributes={}
        )
    axes = tuple(str(dim) for dim in array.dims)
    stored = Stored(array.shape, array.dtype, lambda key: np.asarray(array[key]), axes)
    return opened(LOCAL, name, [stored], attributes={LABELS: _labels(array)} | array.attrs)


def _labels(array: xr.DataArray) -> dict[str, list[str]]:
    """Return what the coordinates call the places of other axes than those of space, by the short names of these."""
    named = {ALIASES.get(str(dim).lower(), str(dim).lower()): dim for dim in array.dims if dim in array.coords}
    return {axis: [str(v) for v in array.coords[dim].to_numpy()] for axis, dim in named.items() if axis not in SPACE}
