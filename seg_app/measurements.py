"""How large masks are and what shape they have: a table of a row for each mask, in pixels and in micrometres.

The measures are those of scikit-image (`skimage.measure.regionprops`), where they are defined.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from seg_app.geometry import bits_of
from seg_app.labels import by_object

if TYPE_CHECKING:
    from seg_app.records import Mask, MaskFile

LENGTHS = {
    "equivalent_diameter": "equivalent_diameter_area",
    "feret_max": "feret_diameter_max",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
}
"""Column without its unit -> name in scikit-image."""
SHAPES = ("solidity", "orientation", "centroid")
NM = 1000.0
"""Nanometres of a micrometre."""


def measurements(file: MaskFile, *, picture: Any = None, databar_rows: int = 0) -> pd.DataFrame:
    """Return a row for each mask that has a pixel.

    picture: the image, (planes, rows, columns[, colours]), an array or what is indexed like one; with it the mean and
    the standard deviation of the grey values are measured. databar_rows: so many of the lowest rows are no image; see
    `Volume.databar_rows`. Columns end in their unit: `_px`, `_px2`, and where the
    pixel size is known `_um`, `_um2`; `z` is the index of the plane in the array, from 0, and `plane` its number on the
    page, from 1; angles are degrees counter-clockwise from the x axis; places are centres of pixels. `circularity` is
    4π area / perimeter², in pixels; it and `perimeter_um` are empty where pixels are not square. Objects that touch the
    border of the image, or its databar, are smaller than they are: `touches_border` says which.

    Of an image of several planes each row also says of the whole object, which all rows with its `number` share: its
    `volume_px3`, the sum of its areas, also in µm³ where the distance of planes is known; and `n_planes`, on how many
    planes it was outlined, from `first_plane` to `last_plane`. Planes between them without an outline add nothing, and
    where `is_on_end_plane` in one of its rows, it may go on beyond the volume.
    """
    objects = _objects(file)
    rows = [
        {**_said(mask), **_sizes(mask, file), **objects.get(mask.id, {}), **_border(mask, file, databar_rows)}
        | {**_greys(mask, picture), **_origin(mask, file)}
        for mask in file.masks
        if mask.area
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame({name: [] for name in _columns_of_nothing(file)})


def _columns_of_nothing(file: MaskFile) -> Iterator[str]:
    yield from ("number", "id", "class", "z", "plane", "score", "area_px2", *_origin(None, file))


def _said(mask: Mask) -> dict[str, Any]:
    place = {"z": mask.z, "plane": mask.z + 1}
    return {"number": mask.number, "id": mask.id, "class": mask.class_name, **place, "score": mask.score}


def _sizes(mask: Mask, file: MaskFile) -> dict[str, Any]:
    sizes = _measured(mask, (1.0, 1.0))
    perimeter, area = sizes["perimeter"], float(mask.area)
    return {
        "area_px2": area,
        **{f"{name}_px": sizes[name] for name in (*LENGTHS, "perimeter")},
        **_sizes_um(mask, file, sizes),
        "circularity": 4 * math.pi * area / perimeter**2 if perimeter and _is_square(file) else None,
        "aspect_ratio": sizes["major_axis"] / sizes["minor_axis"] if sizes["minor_axis"] else None,
        "solidity": sizes["solidity"],
        "orientation_deg": (90 + math.degrees(sizes["orientation"])) % 180,
        "centroid_x_px": mask.x0 + sizes["centroid-1"],
        "centroid_y_px": mask.y0 + sizes["centroid-0"],
    }


def _objects(file: MaskFile) -> dict[str, dict[str, Any]]:
    """Return by the ids of masks what is said of their object; nothing for an image of one plane."""
    if file.image.shape[0] == 1:
        return {}
    objects = by_object([mask for mask in file.masks if mask.area])
    return {mask.id: said for masks in objects for said in [_volume(masks, file)] for mask in masks}


def _volume(masks: tuple[Mask, ...], file: MaskFile) -> dict[str, Any]:
    planes, volume_px3, voxel_um3 = [mask.z + 1 for mask in masks], sum(mask.area for mask in masks), _voxel_um3(file)
    return {
        "volume_px3": float(volume_px3),
        **({"volume_um3": volume_px3 * voxel_um3} if voxel_um3 else {}),
        "n_planes": len(masks),
        "first_plane": min(planes),
        "last_plane": max(planes),
    }


def _voxel_um3(file: MaskFile) -> float | None:
    """Return the volume of a voxel; None where an edge of it is not known, or nonsense."""
    z_nm, size_nm = (file.calibration.pixel_size_nm or (None,))[0], _pixel_nm(file)
    return z_nm * size_nm[0] * size_nm[1] / NM**3 if size_nm and z_nm and 0 < z_nm < math.inf else None


def _border(mask: Mask, file: MaskFile, databar_rows: int) -> dict[str, bool]:
    planes, rows, columns = file.image.shape
    touches = {"touches_border": mask.x0 == 0 or mask.y0 == 0 or mask.x1 == columns or mask.y1 >= rows - databar_rows}
    return touches | ({"is_on_end_plane": mask.z in (0, planes - 1)} if planes > 1 else {})


def _measured(mask: Mask, spacing: tuple[float, float]) -> dict[str, float]:
    """Return the measures of a mask whose pixels are `spacing` (y, x) large; no perimeter unless they are square."""
    from skimage.measure import regionprops_table  # weight: scipy, 0.3 s

    wanted = [*LENGTHS.values(), *SHAPES, *(["perimeter"] if spacing[0] == spacing[1] else [])]
    # A frame of background: scikit-image takes the outline of a diameter from it.
    table = regionprops_table(np.pad(bits_of(mask), 1).astype(np.uint8), properties=wanted, spacing=spacing)
    found = {name: float(column[0]) for name, column in table.items()}
    centroid = {f"centroid-{axis}": found[f"centroid-{axis}"] / spacing[axis] - 1 for axis in (0, 1)}
    return {**found, **centroid, **{ours: found[theirs] for ours, theirs in LENGTHS.items()}}


def _sizes_um(mask: Mask, file: MaskFile, in_px: dict[str, float]) -> dict[str, Any]:
    size_nm = _pixel_nm(file)
    if size_nm is None:
        return {}
    y_um, x_um = size_nm[0] / NM, size_nm[1] / NM
    if y_um == x_um:
        lengths: dict[str, Any] = {name: in_px[name] * x_um for name in (*LENGTHS, "perimeter")}
    else:
        lengths = {**_measured(mask, (y_um, x_um)), "perimeter": None}
    return {"area_um2": mask.area * y_um * x_um, **{f"{name}_um": lengths[name] for name in (*LENGTHS, "perimeter")}}


def _pixel_nm(file: MaskFile) -> tuple[float, float] | None:
    """Return the (y, x) size of a pixel; None where it is not known, or nonsense."""
    _, y, x = file.calibration.pixel_size_nm or (None, 0.0, 0.0)
    return (y, x) if 0 < y < math.inf and 0 < x < math.inf else None


def _is_square(file: MaskFile) -> bool:
    size_nm = _pixel_nm(file)
    return size_nm is None or size_nm[0] == size_nm[1]


def _greys(mask: Mask, picture: Any) -> dict[str, float]:
    if picture is None:
        return {}
    window = np.asarray(picture[mask.z, mask.y0 : mask.y1, mask.x0 : mask.x1], dtype=np.float64)
    greys = (window.mean(axis=2) if window.ndim == 3 else window)[bits_of(mask)]
    return {"grey_mean": float(greys.mean()), "grey_std": float(greys.std())}


def _origin(mask: Mask | None, file: MaskFile) -> dict[str, Any]:
    """Return where the numbers come from: in every row, so that rows of several files can be put together."""
    size_nm, made = _pixel_nm(file), mask.provenance if mask else None
    return {
        **({"plane_distance_nm": (file.calibration.pixel_size_nm or (None,))[0]} if file.image.shape[0] > 1 else {}),
        "pixel_size_y_nm": size_nm and size_nm[0],
        "pixel_size_x_nm": size_nm and size_nm[1],
        "pixel_size_source": file.calibration.source,
        "image": file.image.path,
        "engine": made and made.engine,
        "user": made and made.user,
        "created": made and made.created,
    }
