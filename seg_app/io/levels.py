"""The levels of an image as lazy xarray planes, whatever they are stored in: nothing is read before it is indexed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from seg_app.errors import UnreachableError, UnreadableError
from seg_app.io.axes import LABELS, further, is_colour, labels_of, names_of, path_at, place, planes_along
from seg_app.io.damage import DAMAGED, FlawError, check_end, in_words, may_pass
from seg_app.io.ome_zarr import read_scale_nm
from seg_app.records import Axis, Calibration, ImageId

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

Key = tuple[slice, ...]
"""One slice for each axis, with start, stop and step given, all positive, and not empty."""

FORMAT_KEYS = frozenset(
    {"ome", "multiscales", "omero", "_ARRAY_DIMENSIONS", "pixel_size_nm", "pixel_size_source", LABELS}
)
"""Attributes that describe how an image is stored, or that are its calibration, not what is on it."""

MOST_COMPRESSED = 5000
"""Bytes of pixels that a byte of a file may stand for: more is a damaged header, and would fill the memory."""

SMALL_BYTES = 2**24
"""What is no larger is read whatever its header says."""


@dataclass(frozen=True)
class Stored:
    """An array somewhere: what is known of it without reading it, and how to read a part of it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[Key], NDArray[Any]]
    axes: tuple[str, ...] | None = None
    """The names of the axes, as far as the file tells them."""


Content = tuple[Sequence[Stored], Mapping[str, Any]]
"""The levels of an image, full resolution first, and its attributes."""


@dataclass(frozen=True)
class Opened:
    """An image that was opened: who it is, its levels, the size of its voxels and what else is written beside it."""

    image: ImageId
    levels: list[xr.DataArray]
    """Dimensions (z, y, x) or (z, y, x, c) with 3 or 4 colours of 8 bits. Full resolution first; each is smaller than
    the one before by a power of two in y and x. Coordinates are centres of pixels, in nm (attribute `units`) where
    the size is known, else in full-resolution pixels. Indexing reads; reading raises SourceError."""
    calibration: Calibration
    metadata: dict[str, Any]
    index: dict[str, int]
    """Where it is along the further axes of the whole, as {'t': 3, 'c': 0}."""
    whole: Whole


@dataclass(frozen=True)
class Whole:
    """All that is stored under one name: images along the further axes, which times and channels are."""

    source: str
    path: str
    levels: list[xr.DataArray]
    """Lazy like those of `Opened`, with the further axes before the planes, which keep the name of their own axis."""
    axes: tuple[Axis, ...]
    planes: str
    """The axis that planes are counted along: z, or t of a film."""
    calibration: Calibration
    metadata: dict[str, Any]

    def at(self, index: Mapping[str, int]) -> Opened:
        """Return the image at a place; an axis without an index, or one beyond its end, is where it can be."""
        index = place(self.axes, index)
        levels = [level.isel(index).rename({self.planes: "z"} if self.planes != "z" else {}) for level in self.levels]
        stem = ImageId("", self.path, (0, 0, 0), "").stem
        planes, rows, columns = levels[0].shape[:3]
        dtype = levels[0].dtype.name
        image = ImageId(self.source, path_at(self.path, stem, index), (planes, rows, columns), dtype)
        return Opened(image, levels, self.calibration, self.metadata, index, self)


def opened(source: str, path: str, levels: Sequence[Stored], *, attributes: Mapping[str, Any]) -> Opened:
    """Return the first image of what is stored as `levels`, full resolution first; `whole` has the others.

    The voxel size comes from OME-Zarr attributes, or from an attribute `pixel_size_nm` of (z, y, x) or (y, x).
    Raises UnreadableError where the arrays are not planes of grey or colour.
    """
    labels = labels_of(attributes)
    full, *smaller = [_ordered(stored, path, labels) for stored in levels]
    by_level = {_level_among(full, one): one for one in reversed([full, *smaller])}
    calibration = calibration_of(attributes)
    if full.planes != "z" and calibration.pixel_size_nm:  # times have no distance
        calibration = replace(calibration, pixel_size_nm=(None, *calibration.pixel_size_nm[1:]))
    numbers = sorted(n for n in by_level if n is not None)
    name = ImageId("", path, (0, 0, 0), "").stem
    arrays = [_data_array(by_level[n], n, calibration, name) for n in numbers]
    metadata = {key: value for key, value in attributes.items() if key not in FORMAT_KEYS}
    axes = further(full.stored.axes or (), full.stored.shape, full.inner, labels)
    return Whole(source, path, arrays, axes, full.planes, calibration, metadata).at({})


def level_of(full: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """Return n where (z, y, x) `shape` is `full` divided by 2**n in y and x, rounded either way; else None."""
    if shape[0] != full[0]:
        return None
    n = round(math.log2(max(full[1:3]) / max(shape[1:3])))
    fits = (size // 2**n <= own <= -(-size // 2**n) for size, own in zip(full[1:3], shape[1:3], strict=True))
    return n if all(fits) else None


def multiscale(attributes: Mapping[str, Any]) -> tuple[list[str], tuple[str, ...] | None] | None:
    """Return the paths of the levels, full resolution first, and the names of the axes, of an OME-Zarr group.

    Returns None when the attributes are of no OME-Zarr image (https://ngff.openmicroscopy.org/0.5/#multiscale-md).
    """
    try:
        first = attributes.get("ome", attributes)["multiscales"][0]
        paths = [dataset["path"] for dataset in first["datasets"]]
        axes = tuple(axis["name"] if isinstance(axis, Mapping) else axis for axis in first.get("axes", ()))
    except (AttributeError, LookupError, TypeError):
        return None
    return (paths, axes or None) if paths else None


def check_claim(n_bytes: int, file_bytes: int) -> None:
    """Raise FlawError when a header tells of more pixels than the file can hold, however it is compressed."""
    if n_bytes > SMALL_BYTES + MOST_COMPRESSED * file_bytes:
        raise FlawError(f"its header tells of {n_bytes} bytes of pixels, which {file_bytes} bytes cannot hold")


def check_length(path: Path, n_bytes: int) -> None:
    """Raise FlawError when a file is shorter than its header tells, as one that was not copied to its end."""
    check_end(path.stat().st_size, n_bytes)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what libraries raise on damaged bytes into an UnreadableError about `name`; the log has their words.

    What may pass, such as too many open files, becomes an UnreachableError, which nobody remembers.
    """
    try:
        yield
    except DAMAGED as error:
        log.info("Cannot read %s: %r", name, error)
        kind = UnreachableError if may_pass(error) else UnreadableError
        raise kind(f"Cannot read {name}: {in_words(error)}") from error


def calibration_of(attributes: Mapping[str, Any]) -> Calibration:
    """Return the voxel size and who says so; a size that makes no sense is no size."""
    if scale := read_scale_nm(attributes):
        return Calibration(scale, source=str(attributes.get("pixel_size_source", "OME-Zarr")))
    sizes = attributes.get("pixel_size_nm")
    if not isinstance(sizes, (list, tuple)) or len(sizes) not in (2, 3) or not all(_is_size(s) for s in sizes[-2:]):
        return Calibration()
    z = float(sizes[0]) if len(sizes) == 3 and _is_size(sizes[0]) else None
    return Calibration((z, float(sizes[-2]), float(sizes[-1])), str(attributes.get("pixel_size_source", "metadata")))


def _is_size(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def as_planes(stored: Stored, path: str) -> Stored:
    """Return the array with its axes in the order (z, y, x[, c]), adding z and leaving out axes of one element.

    Numbers come in the byte order of this machine, False and True as 0 and 1.
    Raises UnreadableError, which names `path`, where the array is no planes of grey or colour, or has further axes.
    """
    ordered = _ordered(stored, path, {})
    if axes := further(ordered.stored.axes or (), ordered.stored.shape, ordered.inner, {}):
        raise UnreadableError(f"{path} has, beside planes, {', '.join(f'{axis.name} ({axis.size})' for axis in axes)}.")
    return replace(ordered.stored, axes=("z", *ordered.inner[1:]))


@dataclass(frozen=True)
class _Ordered:
    """An array with its axes in order: the further ones, planes, rows, columns, colours."""

    stored: Stored
    inner: tuple[str, ...]
    """The names of the last three or four."""

    @property
    def planes(self) -> str:
        return self.inner[0]


def _ordered(stored: Stored, path: str, labels: Mapping[str, tuple[str, ...]]) -> _Ordered:
    """Return the array with all its axes but those of one element, which planes, rows and columns may be."""
    _check_pixels(stored, path)
    axes = names_of(stored.axes, stored.shape, stored.dtype)
    sizes = dict(zip(axes, stored.shape, strict=True))
    colour = is_colour(sizes.get("c", 0), stored.dtype, labels.get("c", ()))
    inner = (planes_along(sizes), "y", "x", *(("c",) if colour else ()))
    wanted = (*(name for name, size in sizes.items() if name not in inner and size > 1), *inner)
    order = [axes.index(name) for name in wanted if name in axes] + [axes.index(n) for n in axes if n not in wanted]
    shape, dtype = tuple(sizes.get(name, 1) for name in wanted), _pixel_dtype(stored)

    def read(key: Key) -> NDArray[Any]:
        by_name: dict[str, slice] = dict(zip(wanted, key, strict=True))
        parts = tuple(len(range(k.start, k.stop, k.step)) for k in key)
        with readable(path):  # pages of a damaged file may have other sizes than the first
            part = stored.read(tuple(by_name.get(name, slice(0, 1, 1)) for name in axes))
            return part.transpose(order).reshape(parts).astype(dtype, copy=False)

    return _Ordered(Stored(shape, dtype, read, wanted), inner)


def _level_among(full: _Ordered, other: _Ordered) -> int | None:
    """Return which level of `full` another array is; None where it is none, or lacks something of another axis."""
    outer = len(full.stored.shape) - len(full.inner)
    if full.inner != other.inner or full.stored.shape[:outer] != other.stored.shape[:outer]:
        return None
    return level_of(full.stored.shape[outer:], other.stored.shape[outer:])


def _pixel_dtype(stored: Stored) -> np.dtype[Any]:
    # Truth values have no difference and no mean, which grey values and smaller levels are made of.
    return np.dtype(np.uint8) if stored.dtype.kind == "b" else stored.dtype.newbyteorder("=")


def _check_pixels(stored: Stored, path: str) -> None:
    if stored.dtype.kind not in "biuf" or 0 in stored.shape or len(stored.shape) < 2:
        raise UnreadableError(
            f"Cannot open {path}: {stored.dtype} of shape {stored.shape} is no image. "
            "Planes of integers or floats, (y, x) or (z, y, x), also of several times or channels, can be opened."
        )


def _data_array(ordered: _Ordered, level: int, calibration: Calibration, name: str) -> xr.DataArray:
    stored, dims = ordered.stored, ordered.stored.axes or ()
    variable = xr.Variable(dims, indexing.LazilyIndexedArray(_LazyArray(stored)))
    sizes = calibration.pixel_size_nm or (None, None, None)
    coords = {
        dim: _centres(dim, stored.shape[dims.index(dim)], factor, size)
        for dim, factor, size in zip(ordered.inner[:3], (1, 2**level, 2**level), sizes, strict=True)
    }
    return xr.DataArray(variable, coords=coords, name=name)


def _centres(dim: str, count: int, factor: int, size_nm: float | None) -> xr.Variable:
    # The frame of `records`: full-resolution centres are at integers, so a pixel of level n has its own between two.
    centres = (np.arange(count) + 0.5) * factor - 0.5
    return xr.Variable(dim, centres * (size_nm or 1), {"units": "nm"} if size_nm else {"units": "px"})


class _LazyArray(BackendArray):
    """What xarray indexes: each indexing is one call of `Stored.read`, for exactly the part that was asked for."""

    def __init__(self, stored: Stored) -> None:
        self.shape, self.dtype, self._stored = stored.shape, stored.dtype, stored

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        ranges = [
            range(n)[k] if isinstance(k, slice) else range(int(k), int(k) + 1)
            for k, n in zip(key, self.shape, strict=True)
        ]
        after = tuple(
            0 if not isinstance(k, slice) else slice(None, None, -1 if r.step < 0 else 1)
            for k, r in zip(key, ranges, strict=True)
        )
        if not all(ranges):
            return np.empty([len(r) for r in ranges], self.dtype)[after]
        return self._stored.read(tuple(_ascending(r) for r in ranges))[after]


def _ascending(part: range) -> slice:
    """Return the same indices, lowest first: servers take neither numpy integers nor negative steps."""
    low, high = min(part[0], part[-1]), max(part[0], part[-1])
    return slice(low, high + 1, abs(part.step))
