"""TIFF as lazy planes: of a stack, whatever it is compressed with, only the pages and tiles that are asked for."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from seg_app.errors import MissingError
from seg_app.io.damage import FlawError
from seg_app.io.levels import Content, Key, Stored, check_claim, check_length, readable
from seg_app.io.lzw import refuse_damaged_strips
from seg_app.io.sem import tiff_attributes
from seg_app.io.tiff_axes import channel_names, tiff_axes
from seg_app.io.tiff_pages import check_pages

if TYPE_CHECKING:
    from numpy.typing import NDArray


MISSING = "it ends too early: it has {}, and told of more. Copy it again; if that is all there is, it can be worked on"


def open_tiff(path: Path, part: str | None = None) -> Content:
    """Open the largest image of a TIFF, or the one that `part` names; the attributes say which others it has.

    Pages of one size and type are the planes of one image, in their order, also when they were written one by one. Of
    a file that was cut off they are those that are there; `remarks` among the attributes tell of that, and of other
    damage that leaves an image. Raises MissingError when there is no such part, FlawError where too little is left, and
    what tifffile raises on damaged files.
    """
    is_whole = _check_pages(path)
    refuse_damaged_strips()
    with _remarks() as remarks, _opened(path, is_whole=is_whole) as tif:
        images = _images(tif)
        name = part if part is not None else max(images, key=lambda name: math.prod(_shape(images[name])))
        if name not in images:
            raise MissingError(f"There is no image {name!r} in {path.name}. It has: {', '.join(images)}.")
        series = images[name]
        check_claim(math.prod(_shape(series)) * series[0].dtype.itemsize, path.stat().st_size)
        attributes = tiff_attributes(tif, path) | channel_names(tif) | _others(images, name)
        levels = _levels(path, tif, series)
        pages = [page for one in series for page in one.pages if page is not None]
        if levels[0].shape != _shape(series):
            remarks[:] = [MISSING.format(f"{levels[0].shape[0]} whole planes")]
        elif not (is_whole and _is_whole(pages[-1])):
            if len(pages) == 1:
                raise FlawError("it ends too early: a part of it is missing")
            remarks[:] = [MISSING.format(f"{len(pages)} planes, the last of which may be cut off")]
    return levels, attributes | ({"remarks": remarks} if remarks else {})


def tiff_parts(path: Path) -> list[str]:
    """Return the names of the images of a TIFF: one for each size and type of its pages, as '640 × 480 uint8'."""
    with _opened(path, is_whole=_check_pages(path)) as tif:
        return list(_images(tif))


def _check_pages(path: Path) -> bool:
    """Return whether all pages are there; tifffile reads those that are. What is no TIFF, it says itself."""
    with path.open("rb") as file, suppress(KeyError):
        try:
            check_pages(file, path.stat().st_size)
        except EOFError:
            return False
    return True


def _opened(path: Path, *, is_whole: bool = True) -> tifffile.TiffFile:
    try:
        tif = tifffile.TiffFile(path)
        if is_whole or len(tif.pages) == 1:
            return tif
        tif.close()  # what it says of all its pages is not so any more: those that are there are taken as they are
        return tifffile.TiffFile(path, is_shaped=False, is_imagej=False, is_ome=False)
    except tifffile.TiffFileError as error:
        raise FlawError("it is no TIFF file, or its header is damaged") from error


@contextmanager
def _remarks() -> Iterator[list[str]]:
    """Collect what tifffile logs in this thread: where a file is damaged it goes on as well as it can."""
    remarks: list[str] = []
    collector, thread = logging.Handler(logging.WARNING), threading.get_ident()
    collector.emit = lambda record: remarks.append(record.getMessage()) if record.thread == thread else None
    logger = logging.getLogger("tifffile")
    logger.addHandler(collector)
    try:
        yield remarks
    finally:
        logger.removeHandler(collector)


def _images(tif: tifffile.TiffFile) -> dict[str, list[tifffile.TiffPageSeries]]:
    """Return name -> series; several where pages of one size and type were written one by one."""
    images: dict[str, list[tifffile.TiffPageSeries]] = {}
    for series in tif.series:
        alike = images.setdefault(f"{_size(series.shape, series.axes)} {series.dtype}", [])
        if not alike or len(series.pages) == 1 == len(alike[0].pages):
            alike.append(series)
        else:  # two stacks of one kind are two images
            images[f"{_size(series.shape, series.axes)} {series.dtype} ({len(images) + 1})"] = [series]
    return images


def _size(shape: Sequence[int], axes: str) -> str:
    sizes = dict(zip(axes, shape, strict=True))
    columns, rows = sizes.pop("X", shape[-1]), sizes.pop("Y", 1)
    return " × ".join(map(str, (columns, rows, *(n for axis, n in sizes.items() if n > 1 and axis != "S"))))


def _shape(series: Sequence[tifffile.TiffPageSeries]) -> tuple[int, ...]:
    return (len(series), *series[0].shape) if len(series) > 1 else series[0].shape


def _others(images: dict[str, Any], name: str) -> dict[str, Any]:
    others = [other for other in images if other != name]
    return {"other_images": others} if others else {}


def _levels(path: Path, tif: tifffile.TiffFile, series: Sequence[tifffile.TiffPageSeries]) -> list[Stored]:
    first = series[0]
    axes = tiff_axes(tif, first)
    if len(series) > 1:
        numbers = [page.index for one in series for page in one.pages if page is not None]
        return [_paged(path, first.dtype, (len(series), *first.shape), numbers, axes=("z", *axes))]
    full, index = _full(path, tif, first, axes), tif.series.index(first)
    return [full, *(_smaller(path, level, (index, n), axes) for n, level in enumerate(first.levels) if n)]


def _full(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, axes: tuple[str, ...]) -> Stored:
    if series.dataoffset is not None:
        pixels = _mapped(path, tif, series)
        return Stored(pixels.shape, series.dtype, lambda key: np.array(pixels[key]), axes)
    numbers = _page_numbers(tif, series)
    if numbers:
        return _paged(path, series.dtype, series.shape, numbers, axes=axes)
    return _smaller(path, series, (tif.series.index(series), 0), axes)


def _mapped(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> np.memmap[Any, Any]:
    """Return the pixels of a series in their file; of a stack that was cut off, its whole planes."""
    offset, dtype = series.dataoffset or 0, series.dtype.newbyteorder(tif.byteorder)
    shape, n_bytes = series.shape, path.stat().st_size - offset
    n_whole = n_bytes // (math.prod(shape[1:]) * dtype.itemsize)
    if series.ndim == 3 and "S" not in series.axes and 0 < n_whole < shape[0]:
        shape = (n_whole, *shape[1:])
    check_length(path, offset + math.prod(shape) * dtype.itemsize)
    return np.memmap(path, dtype, mode="r", offset=offset, shape=shape)


def _page_numbers(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> list[int]:
    """Return the pages that the planes of a series are; none where they are in other files, or hidden in others."""
    page, numbers = series.keyframe, [getattr(page, "index", None) for page in series.pages]
    planes = math.prod(series.shape[: series.ndim - page.ndim])
    here = all(getattr(page, "parent", tif) is tif for page in series.pages)
    plain = page.shape == series.shape[series.ndim - page.ndim :] and planes == len(numbers) and here
    return [n for n in numbers if isinstance(n, int)] if plain and all(isinstance(n, int) for n in numbers) else []


def _paged(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], numbers: Sequence[int], *, axes: tuple[str, ...]
) -> Stored:
    """Return an array whose outer axes count pages; reading a plane touches no other, and no list of them is made."""
    outer = _outer(shape, len(numbers))
    pages = np.array(numbers).reshape(shape[:outer])

    def read(key: Key) -> NDArray[Any]:
        # Opened for each part: no file stays open when the image is forgotten, and threads share nothing.
        with readable(path.name), tifffile.TiffFile(path) as tif:
            wanted = pages[key[:outer]]
            parts = [_part(_page(tif, int(number)).aszarr(), key[outer:]) for number in wanted.flat]
            return np.stack(parts).reshape(*wanted.shape, *parts[0].shape)

    return Stored(shape, dtype, read, axes)


def _outer(shape: tuple[int, ...], n_pages: int) -> int:
    """Return how many of the first axes count the pages."""
    return next((n for n in range(len(shape)) if math.prod(shape[:n]) == n_pages and len(shape) - n <= 3), 0)


def _page(tif: tifffile.TiffFile, number: int) -> tifffile.TiffPage:
    page = tif.pages[number]
    if not isinstance(page, tifffile.TiffPage):
        raise TypeError(f"page {number} has no header of its own")
    if not _is_whole(page):  # else some compressions would give what is there, and black or grey for the rest
        raise FlawError("it ends too early: this plane is cut off")
    check_claim(math.prod(page.chunks) * (page.dtype or np.dtype(np.uint8)).itemsize, tif.filehandle.size)
    return page


def _is_whole(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    """Say whether the strip or tile of a page that was written last is within its file."""
    ends = zip(page.dataoffsets[-1:], page.databytecounts[-1:], strict=True)
    return all(offset + n_bytes <= page.parent.filehandle.size for offset, n_bytes in ends)


def _smaller(path: Path, level: tifffile.TiffPageSeries, number: tuple[int, int], axes: tuple[str, ...]) -> Stored:
    return Stored(level.shape, level.dtype, partial(_read_level, path, *number), axes)


def _read_level(path: Path, series: int, level: int, key: Key) -> NDArray[Any]:
    with readable(path.name), tifffile.TiffFile(path) as tif:
        return _part(tif.series[series].aszarr(level=level), key)


def _part(store: Any, key: Key) -> NDArray[Any]:
    """Return a part of an image, reading and unpacking only the strips or tiles that it touches."""
    import zarr  # weight: 0.2 s, and other files need none of it

    return np.asarray(zarr.open_array(store, mode="r")[key])
