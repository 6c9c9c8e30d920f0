"""Images in files and folders here, and arrays that a program has already, opened as lazy planes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import xarray as xr
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.levels import DAMAGED, Key, Opened, Stored, multiscale, opened, readable
from seg_app.io.ome_zarr import NANOMETRES

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOCAL = "local"
"""The source of images that come from here."""

Size = tuple[float | None, float, float]
"""Nanometres along (z, y, x)."""

Content = tuple[list[Stored], Mapping[str, Any]]
"""The levels of an image, full resolution first, and its attributes."""


def open_file(path: Path | str) -> Opened:
    """Open a TIFF, PNG, JPEG, NPY file or an OME-Zarr folder; of all but PNG and JPEG no pixel is read yet.

    Raises MissingError when there is nothing of that name, UnreadableError when it is damaged or of another format.
    """
    path = Path(path).expanduser().resolve()
    if path.suffix.lower() not in FORMATS:
        raise UnreadableError(f"Cannot open {path.name!r}. Known formats: {', '.join(sorted(FORMATS))}.")
    if not path.exists():
        raise MissingError(f"There is no {path}. Check the path, or the name of the folder above it.")
    with readable(path.name):
        levels, attributes = FORMATS[path.suffix.lower()](path)
        return opened(LOCAL, path.as_posix(), levels, attributes=attributes)


def open_array(array: NDArray[Any] | xr.DataArray, *, name: str = "array") -> Opened:
    """Open an array of planes: (y, x), (z, y, x) or, with 8-bit colour, (y, x, c) or (z, y, x, c).

    The dimensions of a DataArray are taken by their names z, y, x, c where it has these.
    Raises UnreadableError when it is of another kind.
    """
    axes = tuple(str(dim) for dim in array.dims) if isinstance(array, xr.DataArray) else None
    stored = Stored(array.shape, array.dtype, lambda key: np.asarray(array[key]), axes)
    return opened(LOCAL, name, [stored], attributes=array.attrs if isinstance(array, xr.DataArray) else {})


def _open_npy(path: Path) -> Content:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return [Stored(array.shape, array.dtype, lambda key: np.array(array[key]))], {}


def _open_picture(path: Path) -> Content:
    try:
        picture = Image.open(path, formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"Cannot open {path.name}: {error}. Save it as TIFF, which is read in parts.") from error
    with picture:
        wanted = {"1": "L", "P": "RGB", "PA": "RGBA", "LA": "L", "CMYK": "RGB", "YCbCr": "RGB"}.get(picture.mode)
        pixels = np.asarray(picture.convert(wanted) if wanted else picture)
    return [Stored(pixels.shape, pixels.dtype, pixels.__getitem__)], {}


def _open_zarr(path: Path) -> Content:
    import zarr  # weight: 0.2 s, and other files need none of it

    from seg_app.io.blosc import refuse_damaged_chunks  # weight: zarr

    refuse_damaged_chunks()
    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return [_zarr_level(node, path.name, getattr(node.metadata, "dimension_names", None))], dict(node.attrs)
    attributes = dict(node.attrs)
    found = multiscale(attributes)
    if found is None:
        raise UnreadableError(f"{path.name} is a Zarr group, but no OME-Zarr image. Open one of the arrays in it.")
    paths, axes = found
    return [_zarr_level(node[level], f"{path.name}/{level}", axes) for level in paths], attributes


def _zarr_level(array: Any, name: str, axes: tuple[str, ...] | None) -> Stored:
    def read(key: Key) -> NDArray[Any]:
        with readable(name):
            return np.asarray(array[key])

    return Stored(array.shape, array.dtype, read, axes)


def _open_tiff(path: Path) -> Content:
    with tifffile.TiffFile(path) as tif:
        first = tif.series[0]
        same = all((s.shape, s.dtype) == (first.shape, first.dtype) for s in tif.series)
        if same and len(tif.series) > 1 and first.ndim == 2:  # written page by page
            return [_pages(path, len(tif.series), first)], _tiff_attributes(tif)
        return [_tiff_level(path, first, n) for n in range(len(first.levels))], _tiff_attributes(tif)


def _pages(path: Path, count: int, first: tifffile.TiffPageSeries) -> Stored:
    def read(key: Key) -> NDArray[Any]:
        pages = range(count)[key[0]]
        with readable(path.name), tifffile.TiffFile(path) as tif:
            return np.stack([_part(tif.series[page], 0, key[1:]) for page in pages])

    return Stored((count, *first.shape), first.dtype, read, ("z", "y", "x"))


def _tiff_level(path: Path, series: tifffile.TiffPageSeries, number: int) -> Stored:
    level = series.levels[number]
    axes = tuple({"s": "c"}.get(letter, letter) for letter in level.axes.lower())
    if level.dataoffset is not None:
        return Stored(level.shape, level.dtype, _mapped(path, number), axes)

    def read(key: Key) -> NDArray[Any]:
        # Opened for each part: no file stays open when the image is forgotten, and threads share nothing.
        with readable(path.name), tifffile.TiffFile(path) as tif:
            return _part(tif.series[0], number, key)

    return Stored(level.shape, level.dtype, read, axes)


def _mapped(path: Path, level: int) -> Callable[[Key], NDArray[Any]]:
    pixels = tifffile.memmap(path, series=0, level=level, mode="r")
    return lambda key: np.array(pixels[key])


def _part(series: tifffile.TiffPageSeries, level: int, key: Key) -> NDArray[Any]:
    """Return a part of a series, reading and unpacking only the strips or tiles that it touches."""
    import zarr  # weight: 0.2 s, and other files need none of it

    return np.asarray(zarr.open_array(series.aszarr(level=level), mode="r")[key])


def _tiff_attributes(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return the voxel size, where a header plainly gives one, and who says so."""
    for source, sizes_nm in SIZES_NM.items():
        try:
            z, y, x = sizes_nm(tif)
        except DAMAGED:
            continue  # this header is not there, or says nothing of the size
        if all(math.isfinite(size) and size > 0 for size in (y, x)):
            return {"pixel_size_nm": [z, y, x], "pixel_size_source": source}
    return {}


def _fei_nm(tif: tifffile.TiffFile) -> Size:
    scan = (tif.fei_metadata or {})["Scan"]
    return None, float(scan["PixelHeight"]) * 1e9, float(scan["PixelWidth"]) * 1e9


def _ome_nm(tif: tifffile.TiffFile) -> Size:
    images = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]
    pixels = (images[0] if isinstance(images, list) else images)["Pixels"]

    def size_nm(axis: str) -> float:
        return float(pixels[f"PhysicalSize{axis}"]) * NANOMETRES[pixels.get(f"PhysicalSize{axis}Unit", "µm")]

    return size_nm("Z") if "PhysicalSizeZ" in pixels else None, size_nm("Y"), size_nm("X")


def _imagej_nm(tif: tifffile.TiffFile) -> Size:
    metadata, tags = tif.imagej_metadata or {}, tif.pages.first.tags
    unit_nm = NANOMETRES[metadata["unit"].replace("\\u00B5", "µ")]
    (x_pixels, x_units), (y_pixels, y_units) = tags["XResolution"].value, tags["YResolution"].value
    z = float(metadata["spacing"]) * unit_nm if "spacing" in metadata else None
    return z, y_units / y_pixels * unit_nm, x_units / x_pixels * unit_nm


SIZES_NM = {"FEI header": _fei_nm, "OME-TIFF": _ome_nm, "ImageJ": _imagej_nm}

FORMATS: Mapping[str, Callable[[Path], Content]] = {
    ".jpeg": _open_picture,
    ".jpg": _open_picture,
    ".npy": _open_npy,
    ".png": _open_picture,
    ".tif": _open_tiff,
    ".tiff": _open_tiff,
    ".zarr": _open_zarr,
}
