"""OME-Zarr images: writing one with its levels, and reading the voxel size from one's metadata.

The format is OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5/); the voxel size is also read from 0.4.
"""

from __future__ import annotations

import logging
import math
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import NameTakenError, StorageError

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

VoxelSize = tuple[float | None, float, float]
"""Nanometres along (z, y, x); z is None where the distance of the planes is not known."""

SMALLEST_LEVEL = 512
"""Levels are halved until their longer side has at most this many pixels."""

CHUNK = 1024
"""Rows and columns of a chunk: a viewport touches few of them, and none is larger than it."""

NANOMETRES = {
    "picometer": 1e-3,
    "pm": 1e-3,
    "angstrom": 0.1,
    "nanometer": 1.0,
    "nm": 1.0,
    "micrometer": 1e3,
    "micron": 1e3,
    "um": 1e3,
    "µm": 1e3,  # micro sign
    "μm": 1e3,  # Greek mu
    "millimeter": 1e6,
    "mm": 1e6,
    "centimeter": 1e7,
    "cm": 1e7,
    "meter": 1e9,
    "m": 1e9,
}
"""The units of length that files use: the names that the format recommends, and the signs that people write."""


def write(
    path: Path,
    planes: NDArray[Any],
    *,
    pixel_size_nm: VoxelSize | None = None,
    labels: bool = False,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write an image with its levels to the new folder `path`, completely or not at all.

    planes: (z, y, x) or, in colour, (z, y, x, c), of any integer or float dtype. Colour is stored as (c, z, y, x),
    the only order that the format allows. Level n has ceil(size / 2**n) rows and columns: means of 2 × 2 pixels,
    or for `labels` one pixel of each four. `attributes` (plain JSON) are kept beside the format's own.
    Raises NameTakenError when `path` exists, StorageError when it cannot be written, ValueError for other dimensions.
    """
    if planes.ndim not in (3, 4):
        raise ValueError(f"An image of {planes.ndim} dimensions: only (z, y, x) and (z, y, x, c) can be written.")
    with _new_folder(Path(path)) as folder:
        _write_group(folder, planes, pixel_size_nm, labels=labels, attributes=attributes or {})


def half(planes: NDArray[Any]) -> NDArray[Any]:
    """Return (z, y, x) or (z, y, x, c) at half the size in y and x, of the same dtype: the means of 2 × 2 pixels.

    Odd sizes are rounded up; the last row or column then counts twice. Integers round to nearest, halves upwards,
    and are below 2**61.
    """
    return np.stack([_half_plane(plane) for plane in planes])


def half_nearest(planes: NDArray[Any]) -> NDArray[Any]:
    """Return (z, y, x) labels at half the size in y and x: one of each 2 × 2 pixels, the top left one."""
    return planes[:, ::2, ::2]


def read_scale_nm(attributes: Mapping[str, Any]) -> VoxelSize | None:
    """Return the voxel size at full resolution in nanometres, from the attributes of an OME-Zarr 0.4 or 0.5 group.

    Returns None where y or x has no size with a unit of length, or the metadata is not as the format says:
    an image without a scale can still be outlined. z alone is None where only its size is missing.
    """
    try:
        sizes = _sizes_nm(attributes.get("ome", attributes)["multiscales"][0])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        log.info("No voxel size in the OME-Zarr metadata: %r", error)
        return None
    if "y" not in sizes or "x" not in sizes:
        return None
    return sizes.get("z"), sizes["y"], sizes["x"]


def _sizes_nm(multiscale: Mapping[str, Any]) -> dict[str, float]:
    """Return axis name -> nanometres of a pixel, for the axes whose size and unit are known."""
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in multiscale["axes"]]
    inner = _scale(multiscale["datasets"][0], len(axes))
    outer = _scale(multiscale, len(axes))
    sizes = (_nanometres(a * b, axis.get("unit")) for axis, a, b in zip(axes, inner, outer, strict=True))
    return {axis["name"]: size for axis, size in zip(axes, sizes, strict=True) if size is not None}


def _scale(item: Mapping[str, Any], ndim: int) -> list[float]:
    for transformation in item.get("coordinateTransformations", ()):
        if transformation["type"] == "scale":
            return [float(value) for value in transformation["scale"]]
    return [1.0] * ndim


def _nanometres(size: float, unit: str | None) -> float | None:
    factor = NANOMETRES.get(unit.strip().replace("metre", "meter") if unit else "")
    return size * factor if factor and size > 0 and math.isfinite(size) else None


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it gets that name when everything went well, and else disappears."""
    if path.exists():
        raise NameTakenError(f"{path} exists, and nothing is overwritten. Choose another name or remove it first.")
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        draft.mkdir(parents=True)
        yield draft
        draft.rename(path)
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error}. Nothing was changed; free space or choose another folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_group(
    folder: Path, planes: NDArray[Any], size_nm: VoxelSize | None, *, labels: bool, attributes: Mapping[str, Any]
) -> None:
    import zarr  # weight: 0.2 s, and reading a scale needs none of it

    group = zarr.open_group(folder, mode="w", zarr_format=3, attributes=dict(attributes))
    names = "czyx" if planes.ndim == 4 else "zyx"
    count = _level_count(planes.shape[1:3])
    _write_metadata(group, count, names, size_nm)
    smaller = half_nearest if labels else half
    for level in range(count):
        planes = smaller(planes) if level else planes
        _write_level(group, str(level), np.moveaxis(planes, 3, 0) if planes.ndim == 4 else planes, names)


def _level_count(size: tuple[int, ...]) -> int:
    return 1 + max(0, math.ceil(math.log2(max(size) / SMALLEST_LEVEL)))


def _write_level(group: zarr.Group, name: str, array: NDArray[Any], axes: str) -> None:
    from zarr.codecs import BloscCodec  # weight: 0.2 s, and reading a scale needs none of it

    chunks = (*array.shape[:-3], 1, min(CHUNK, array.shape[-2]), min(CHUNK, array.shape[-1]))
    level = group.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunks,
        compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
        dimension_names=list(axes),
    )
    level[...] = array


def _write_metadata(group: zarr.Group, count: int, names: str, size_nm: VoxelSize | None) -> None:
    # Not `write_multiscale`: it takes the scale of a level from the ratio of the shapes, which is not 2 for odd
    # sizes, and leaves out that the first pixel of a level has its centre between pixels of full resolution.
    known = dict(zip("zyx", size_nm or (None, None, None), strict=True))
    units = {name: "nanometer" for name, size in known.items() if size is not None}
    datasets = [{"path": str(n), "coordinateTransformations": _transformations(n, names, known)} for n in range(count)]
    title = str(group.attrs.get("title", "image"))
    _metadata_writer()(group, datasets, axes=list(names), axes_units=units or None, name=title)


def _metadata_writer() -> Callable[..., None]:
    try:
        from ome_zarr.writer import write_multiscales_metadata  # weight: 1.4 s, and an optional dependency
    except ModuleNotFoundError as error:
        raise StorageError("Writing OME-Zarr needs the package ome-zarr: pip install 'seg-app[samples]'.") from error
    return write_multiscales_metadata


def _transformations(level: int, names: str, size_nm: Mapping[str, float | None]) -> list[dict[str, Any]]:
    factors = [2**level if name in "yx" else 1 for name in names]
    sizes = [float(size_nm.get(name) or 1) for name in names]
    scale = [size * factor for size, factor in zip(sizes, factors, strict=True)]
    shift = [size * (factor - 1) / 2 for size, factor in zip(sizes, factors, strict=True)]
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]


def _half_plane(plane: NDArray[Any]) -> NDArray[Any]:
    odd = [(0, n % 2) for n in plane.shape[:2]] + [(0, 0)] * (plane.ndim - 2)
    even = np.pad(plane, odd, mode="edge") if any(n for _, n in odd) else plane
    if not np.issubdtype(plane.dtype, np.integer):
        return (_sum_of_four(even, np.float64) / 4).astype(plane.dtype)
    return ((_sum_of_four(even, _wide(plane.dtype)) + 2) >> 2).astype(plane.dtype)


def _wide(dtype: np.dtype[Any]) -> type[np.integer[Any]]:
    """Return an integer type that holds the sum of four values."""
    if dtype.itemsize <= 2:
        return np.int32
    return np.uint64 if dtype.kind == "u" else np.int64


def _sum_of_four(plane: NDArray[Any], dtype: type[np.number[Any]]) -> NDArray[Any]:
    rows = np.add(plane[0::2], plane[1::2], dtype=dtype)
    return rows[:, 0::2] + rows[:, 1::2]
