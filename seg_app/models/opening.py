"""Opening an image by what a person has of it: an array, a path, an address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from seg_app.models.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray


def open_volume(
    image: Path | str | NDArray[Any] | xr.DataArray, *, part: str | None = None, api_key: str | None = None
) -> Volume:
    """Open an array, a file or folder that is here, or an image on a Tiled server by its address.

    Files: TIFF, PNG, JPEG, HDF5, NeXus, MRC, NPY. Folders: Zarr, OME-Zarr, numbered TIFF, PNG or JPEG files. `part`
    names one of several images: a dataset 'entry/data/data', an array of a Zarr group, numbered files 'slice_*.tif'.
    The address is `http://host:8000/api/v1/metadata/` and the path of the image. Raises SourceError.
    """
    if isinstance(image, (np.ndarray, xr.DataArray)):
        return Volume.from_array(image)
    if not str(image).startswith(("http://", "https://")):
        return Volume.from_file(image, part=part)
    from seg_app.io.tiled import TiledSource  # weight: the Tiled client, which files do not need

    return Volume.from_tiled(TiledSource.connect(str(image), api_key=api_key), "")
