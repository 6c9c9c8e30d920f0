"""Images in HDF5 and NeXus files as lazy planes: of a dataset, only the chunks that are asked for are read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.apart import read_apart
from seg_app.io.axes import MOST
from seg_app.io.hdf5_dataset import dataset_of, opened_hdf5, read_here
from seg_app.io.levels import Content, Stored
from seg_app.io.nexus import USUAL, default_group, element_size, joined, size_of_steps, step_nm, text, texts

if TYPE_CHECKING:
    import h5py

OWN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""gzip, shuffle, checksum, szip, n-bit, scale-offset and h5py's lzf (https://github.com/HDFGroup/hdf5_plugins).

HDF5 itself unpacks their chunks, and refuses damaged ones.
"""

MOST_LISTED = 1000
"""Datasets of a file that are listed."""


def open_hdf5(path: Path, part: str | None = None) -> Content:
    """Open a dataset: the one `part` names, else the default of a NeXus file, else the only image there is.

    Raises MissingError when there is no such dataset, UnreadableError when there are several and none is the default.
    """
    with opened_hdf5(path) as file:
        name = _default(file, path) if part is None else part
        dataset = dataset_of(file, name)
        if dataset is None or not _is_image(dataset):
            raise MissingError(f"There is no image {name!r} in {path.name}. It has: {_listed(_images(file))}.")
        filters = _filters(dataset)
        _check_filters(filters, path)
        read = read_here if OWN_FILTERS.issuperset(filters) else read_apart
        stored = Stored(dataset.shape, dataset.dtype, partial(read, path, name))
        return [stored], _attributes(dataset)


def hdf5_parts(path: Path) -> list[str]:
    """Return the paths of the datasets that are images: of two to six dimensions, and of numbers."""
    with opened_hdf5(path) as file:
        return _images(file)


def _images(file: h5py.File) -> list[str]:
    import h5py  # weight: see opened_hdf5

    found: list[str] = []

    def visit(name: str, item: object) -> bool | None:
        if isinstance(item, h5py.Dataset) and _is_image(item):
            found.append(name)
        return True if len(found) == MOST_LISTED else None

    file.visititems(visit)
    return found


def _filters(dataset: h5py.Dataset) -> dict[int, str]:
    """Return the filters that pack the chunks: number -> name, which may be empty."""
    steps = dataset.id.get_create_plist()
    found = (steps.get_filter(n) for n in range(steps.get_nfilters()))
    return {number: name.decode("utf-8", "replace").partition(";")[0] for number, _, _, name in found}


def _check_filters(filters: Mapping[int, str], path: Path) -> None:
    """Raise UnreadableError where a filter is not installed: HDF5 would say so of each chunk, as if it were damaged."""
    import h5py  # weight: see opened_hdf5

    missing = [number for number in filters if not h5py.h5z.filter_avail(number)]
    if missing:
        told = ", ".join(" ".join(filter(None, (filters[number], f"id {number}"))) for number in missing)
        raise UnreadableError(
            f"Cannot read {path.name}: it is packed with a filter of HDF5 that is not installed here ({told}). Save it "
            "with gzip, or ask who runs this page to install the filter and set HDF5_PLUGIN_PATH."
        )


def _is_image(dataset: h5py.Dataset) -> bool:
    return dataset.dtype.kind in "biuf" and 2 <= dataset.ndim <= MOST and 0 not in dataset.shape


def _default(file: h5py.File, path: Path) -> str:
    group, attributes = default_group(lambda path: _group_attributes(file, path))
    signal = text(attributes.get("signal"))
    likely = (*([joined(group, signal)] if signal else []), *USUAL)
    named = [name for name in likely if dataset_of(file, name) is not None]
    images = named[:1] or _images(file)
    if len(images) != 1:
        what = f"several images: {_listed(images)}. Choose one by part='…'" if images else "no image in it"
        raise UnreadableError(f"Cannot open {path.name}: it has {what}.")
    return images[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "") if names else "none"


def _group_attributes(file: h5py.File, path: str) -> Mapping[str, Any] | None:
    item: Any = file.get(path) if path else file
    return getattr(item, "attrs", None)


def _attributes(dataset: h5py.Dataset) -> dict[str, Any]:
    """Return the voxel size that the dataset or the axes of its NXdata tell, and its plain attributes."""
    attributes = {name: _plain(value) for name, value in dataset.attrs.items()}
    plain = {name: value for name, value in attributes.items() if value is not None}
    if "pixel_size_nm" in plain:
        return {"pixel_size_source": "HDF5 attribute"} | plain
    return plain | (element_size(plain) or _nexus_size(dataset))


def _plain(value: Any) -> Any:
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU" and value.size <= 16:
        return value.tolist()
    return value if isinstance(value, (str, int, float)) else None


def _nexus_size(dataset: h5py.Dataset) -> dict[str, Any]:
    """Return the distances of the centres that the axes of an NXdata list, where these have a unit of length."""
    group: Any = dataset.parent
    names = texts(group.attrs.get("axes"))
    if len(names) != dataset.ndim or dataset.ndim not in (2, 3):
        return {}
    return size_of_steps([_step_nm(group.get(name)) for name in names], "NeXus axes")


def _step_nm(axis: Any) -> float | None:
    has_unit = hasattr(axis, "shape") and len(axis.shape) == 1 and "units" in axis.attrs
    return step_nm(axis[()], axis.attrs["units"]) if has_unit else None
