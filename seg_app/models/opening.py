"""Opening an image by what a person has of it: an array, a path, an address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from seg_app.errors import MissingError
from seg_app.io.beside import HERE
from seg_app.models.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.io.beside import Beside
    from seg_app.io.tiled import TiledSource


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


def open_listed(source: TiledSource | Beside, path: str) -> Volume:
    """Open an image by its path in the list of a data server, as a link has it. Raises SourceError.

    That there is none is said without the address of the server: of the embedded one nobody knows it.
    """
    try:
        return Volume.from_tiled(source, path)
    except MissingError as error:
        raise MissingError(
            f"There is no image '{path.removeprefix(f'{HERE}/')}'. It has been renamed, moved or deleted, or the data "
            "server does not show it to this app: choose another one in the list."
        ) from error
