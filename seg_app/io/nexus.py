"""Which array of a NeXus or HDF5 tree is its image, and the size of its pixels, wherever the tree is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.io.ome_zarr import NANOMETRES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

USUAL = ("entry/data/data", "entry1/data/data", "exchange/data")
"""Where NXtomoproc and Data Exchange keep the volume of a file that names no default."""

DEEPEST = 8
"""Groups that are followed: a circle of names would go on for ever."""


def default_group(attributes_at: Callable[[str], Mapping[str, Any] | None]) -> tuple[str, Mapping[str, Any]]:
    """Follow `@default` from group to group as far as it leads; see https://manual.nexusformat.org.

    attributes_at: return the attributes of what is at a path below the place to begin at, '' itself; None where
    nothing is. Returns the path of the last group and its attributes, of which `@signal` names the array.
    """
    path, attributes = "", attributes_at("") or {}
    for _ in range(DEEPEST):
        name = text(attributes.get("default"))
        following = attributes_at(joined(path, name)) if name else None
        if following is None:
            break
        path, attributes = joined(path, name), following
    return path, attributes


def joined(path: str, name: str) -> str:
    """Return the path of what a group calls `name`, which may begin at the root."""
    return name.strip("/") if name.startswith("/") else f"{path}/{name}".strip("/")


def text(value: object) -> str:
    """Return an attribute as text; '' where there is none."""
    return value.decode() if isinstance(value, bytes) else str(value or "")


def texts(value: Any) -> list[str]:
    """Return an attribute that is a list of names, or a single one."""
    return [text(name) for name in np.atleast_1d(value if value is not None else [])]


def element_size(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Read `element_size_um` (z, y, x), which ilastik, Fiji and BigDataViewer write; {} where there is none."""
    sizes = attributes.get("element_size_um")
    if not isinstance(sizes, list) or len(sizes) != 3:
        return {}
    return {"pixel_size_nm": [float(size) * 1e3 for size in sizes], "pixel_size_source": "element_size_um"}


def size_of_steps(steps_nm: Sequence[float | None], source: str) -> dict[str, Any]:
    """Return the voxel size where the last two axes, rows and columns, have a step in nm; else {}."""
    if None in steps_nm[-2:]:
        return {}
    return {"pixel_size_nm": [None, *steps_nm][-3:], "pixel_size_source": source}


def step_nm(values: ArrayLike, unit: object) -> float | None:
    """Return the distance of coordinates in nm; None where it is not even, or the unit is none of length."""
    factor, places = NANOMETRES.get(text(unit)), np.asarray(values)
    if not factor or places.ndim != 1 or places.size < 2 or places.dtype.kind not in "iuf":
        return None
    steps = np.diff(places.astype(np.float64))
    even = np.allclose(steps, steps[0], rtol=1e-3) and math.isfinite(steps[0]) and steps[0] != 0
    return abs(float(steps[0])) * factor if even else None
