"""The axes of an array: which are planes, rows, columns and colours, and along which others there is a choice.

An image is (z, y, x) at one place of all its further axes, and has masks of its own there: another time, or another
index, shows other objects. Channels are no such place: they show the same objects, so what is outlined in one is seen
in all. Where there is no z, or a single one, the planes are those along the last other axis, so that a film is stepped
through, and objects are followed through it, like a stack.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seg_app.records import Axis

MOST = 6
"""Axes of an image that can be opened: time, channel, z, y, x and colour."""

CHANNEL = "c"
"""The axis whose places share their masks."""

LABELS = "axis_labels"
"""The attribute of an image that names places of its axes, as {'c': ['BSE', 'SE']}."""

SPACE = frozenset({"z", "y", "x"})

ALIASES = {"time": "t", "channel": "c", "channels": "c", "plane": "z", "depth": "z", "i": "index", "q": "index"}
"""Other names of axes; tifffile calls i and q what a file has no name for."""

COLOURS = ({"r", "g", "b"}, {"r", "g", "b", "a"}, {"red", "green", "blue"}, {"red", "green", "blue", "alpha"})
"""Names of channels that are colours."""


def names_of(names: Sequence[str] | None, shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Return a name for each axis: the file's, where it names rows 'y' and columns 'x', else as the shape suggests.

    Without names the last axes are (z, y, x), or (z, y, x, c) in 8-bit colour, and one before them is 'index'.
    """
    own = tuple(ALIASES.get(name.strip().lower(), name.strip().lower()) for name in names or ())
    if len(own) == len(shape) == len(set(own)) and {"y", "x"} <= set(own):
        return own
    inner = ("y", "x", "c") if len(shape) > 2 and is_colour(shape[-1], dtype) else ("y", "x")
    outer = len(shape) - len(inner)
    first = tuple(f"index {n + 1}" if n else "index" for n in range(outer - 1))
    return (*first, *(("z",) if outer else ()), *inner)


def is_colour(size: int, dtype: np.dtype[Any], labels: Collection[str] = ()) -> bool:
    """Whether channels are the colours of a pixel: 3 or 4 of 8 bits, without names of their own."""
    own = {label.casefold() for label in labels}
    return size in (3, 4) and dtype == np.uint8 and (len(own) != size or own in COLOURS)


def planes_along(sizes: Mapping[str, int]) -> str:
    """Return the axis that planes are counted along: z, where there is one plane of it the last other long axis."""
    others = [name for name, size in sizes.items() if size > 1 and name not in SPACE | {CHANNEL}]
    return others[-1] if others and sizes.get("z", 1) == 1 else "z"


def labels_of(attributes: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what the places of axes are called, where an image says it: in `axis_labels`, or as OME-Zarr does.

    See https://ngff.openmicroscopy.org/0.5/#omero-md.
    """
    found = {"c": _omero(attributes)} | _own(attributes.get(LABELS))
    return {axis: labels for axis, labels in found.items() if labels}


def _own(told: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(told, Mapping):
        return {}
    return {str(axis): tuple(map(str, labels)) for axis, labels in told.items() if isinstance(labels, (list, tuple))}


def _omero(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        channels = attributes.get("ome", attributes)["omero"]["channels"]
        return tuple(str(channel["label"]) for channel in channels)
    except (AttributeError, LookupError, TypeError):
        return ()


def further(
    names: Sequence[str], shape: Sequence[int], used: Collection[str], labels: Mapping[str, tuple[str, ...]]
) -> tuple[Axis, ...]:
    """Return the axes beside those that are `used`, and beside those of one element, with their labels."""
    found = [Axis(name, size) for name, size in zip(names, shape, strict=True) if name not in used and size > 1]
    return tuple(replace(axis, labels=_fitting(labels.get(axis.name, ()), axis.size)) for axis in found)


def _fitting(labels: tuple[str, ...], size: int) -> tuple[str, ...]:
    return labels if len(labels) == size == len(set(labels)) and all(label.strip() for label in labels) else ()


def place(axes: Sequence[Axis], wanted: Mapping[str, int]) -> dict[str, int]:
    """Return an index for every axis: what is `wanted`, as near as there is, else 0."""
    return {axis.name: min(max(int(wanted.get(axis.name, 0)), 0), axis.size - 1) for axis in axes}


def path_at(path: str, stem: str, index: Mapping[str, int]) -> str:
    """Return which image it is at a place: below the path of the whole, as 'film.tif/film_t3'; one for all channels."""
    own = "".join(f"_{name.replace(' ', '')}{i}" for name, i in index.items() if name != CHANNEL)
    return f"{path}/{stem.replace('.', '_')}{own}" if own else path  # what follows a dot would be its suffix
