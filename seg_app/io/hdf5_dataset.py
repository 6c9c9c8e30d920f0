"""One dataset of an HDF5 file, read in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.io.levels import Key, readable

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray


def opened_hdf5(path: Path) -> h5py.File:
    """Return the file, open to be read, with the filters of detectors."""
    import h5py  # weight: 0.2 s, and other files need none of it
    import hdf5plugin  # type: ignore[import-untyped] # noqa: F401

    return h5py.File(path, "r")


def dataset_of(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return a dataset; None where there is none of that name."""
    import h5py  # weight: see opened_hdf5

    item = file.get(name)
    return item if isinstance(item, h5py.Dataset) else None


def read_here(path: Path, name: str, key: Key) -> NDArray[Any]:
    """Return a part of the dataset `name`, unpacked in this process. Raises UnreadableError when it is damaged."""
    # Opened for each part: no file stays open when the image is forgotten, and threads share nothing.
    with readable(f"{name} of {path.name}"), opened_hdf5(path) as file:
        dataset = dataset_of(file, name)
        if dataset is None:
            raise KeyError(name)
        return np.asarray(dataset[key])
