"""Zarr folders of both versions as lazy planes: OME-Zarr images with their levels, and bare arrays."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.damage import FlawError
from seg_app.io.levels import Content, Key, Stored, check_claim, multiscale, readable

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""The files that make a folder a Zarr one, and tell what it is."""

MOST_LISTED = 1000

MOST_ALONG = 2**24
"""Pixels along one axis of what comes from elsewhere: when it is opened, each of them gets a position."""

MOST_CHUNKS = 2**18
"""Chunks of a plane of what comes from elsewhere, there or not: 0.1 ms and 2 kB for each when it is read as a whole."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return path.suffix.lower() == ".zarr" or any((path / mark).is_file() for mark in MARKS)


def open_zarr(path: Path, part: str | None = None) -> Content:
    """Open an array or OME-Zarr image: the folder itself, what `part` names in it, or the only one that it has.

    Raises MissingError when there is no such part, UnreadableError when there are several, or none.
    """
    node = _node(path)
    name = part if part is not None else _default(node, path)
    if name:
        node = _member(node, name, path)
    return _content(node, f"{path.name}/{name}" if name else path.name)


def zarr_parts(path: Path) -> list[str]:
    """Return the names of the images in a folder; one empty name where the folder itself is the image."""
    node = _node(path)
    return [""] if _is_image(node) else _images(node)


def check_claims(path: Path) -> None:
    """Check that no array in a folder from elsewhere says that it is so large that a look at it would fill the memory.

    Raises UnreadableError.
    """
    held = sum(file.stat().st_size for file in path.rglob("*"))
    with readable(path.name):
        node = _node(path)
        members = [("", node)] if hasattr(node, "dtype") else node.members(max_depth=None)
        for _, array in members:
            if hasattr(array, "dtype"):
                check_claim(math.prod(array.shape) * array.dtype.itemsize, held)
                _check_grid(array.shape, array.chunks)


def _check_grid(shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    counts = sorted(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    if max(shape, default=0) > MOST_ALONG or math.prod(counts[-2:]) > MOST_CHUNKS:
        raise FlawError(f"its header tells of {shape} pixels in chunks of {chunks}, which are too many")


def _node(path: Path) -> Any:
    import zarr  # weight: 0.2 s, and other files need none of it

    from seg_app.io.blosc import refuse_damaged_chunks  # weight: zarr

    refuse_damaged_chunks()
    return zarr.open(path, mode="r")


def _is_image(node: Any) -> bool:
    return hasattr(node, "dtype") or multiscale(dict(node.attrs)) is not None


def _images(group: zarr.Group, prefix: str = "") -> list[str]:
    """Return the images in a group: an OME-Zarr image is one, and its levels are none."""
    found: list[str] = []
    members: list[tuple[str, Any]] = sorted(group.members())
    for key, node in members:
        name = prefix + key
        if not _is_image(node):
            found += _images(node, f"{name}/")
        elif not hasattr(node, "dtype") or (node.ndim >= 2 and node.dtype.kind in "biuf"):
            found.append(name)
    return found[:MOST_LISTED]


def _default(node: Any, path: Path) -> str:
    images = [""] if _is_image(node) else _images(node)
    if len(images) != 1:
        some = f"several images: {', '.join(images[:10])}. Choose one by part='…'"
        raise UnreadableError(
            f"{path.name} is a Zarr group, but no OME-Zarr image: it has {some if images else 'none'}."
        )
    return images[0]


def _member(node: Any, name: str, path: Path) -> Any:
    try:
        return node[name]
    except KeyError as error:
        raise MissingError(f"There is no {name!r} in {path.name}. Look what it has by opening the folder.") from error


def _content(node: Any, name: str) -> Content:
    attributes = dict(node.attrs)
    if hasattr(node, "dtype"):
        return [_level(node, name, _axes(node, attributes))], attributes
    found = multiscale(attributes)
    if found is None:
        raise UnreadableError(f"{name} is a Zarr group, but no OME-Zarr image. Open one of the arrays in it.")
    paths, axes = found
    return [_level(_array(node, level), f"{name}/{level}", axes) for level in paths], attributes


def _array(group: zarr.Group, level: str) -> Any:
    try:
        return group[level]
    except KeyError as error:
        raise FlawError(f"its level '{level}' is missing") from error


def _axes(array: zarr.Array, attributes: dict[str, Any]) -> tuple[str, ...] | None:
    names = getattr(array.metadata, "dimension_names", None) or attributes.get("_ARRAY_DIMENSIONS")
    return tuple(map(str, names)) if isinstance(names, (list, tuple)) else None


def _level(array: Any, name: str, axes: tuple[str, ...] | None) -> Stored:
    def read(key: Key) -> NDArray[Any]:
        with readable(name):
            return np.asarray(array[key])

    return Stored(array.shape, array.dtype, read, axes)
