"""Mask sets as label TIFF: one page for each plane, 0 is background, every object has a number of its own.

uint16 up to 65,535, else uint32; zlib. Fiji shows the scale by the tags and the description that ImageJ writes
(https://github.com/imagej/ImageJ, ij/io/FileInfo.java): XResolution and YResolution in pixels per `unit`, and the
distance of the planes as `spacing`. What is said of the masks besides their pixels is a line of that description,
which other programs ignore. Where masks overlap a pixel belongs to the smallest of them; `losses` counts what that
takes.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from seg_app.io.damage import reading
from seg_app.io.formats.fields import (
    as_json,
    calibration_of,
    checked_shape,
    from_json,
    image_of,
    in_order,
    nameless,
    notes,
    storing,
    values_of_labels,
)
from seg_app.io.lzw import refuse_damaged_strips
from seg_app.io.ome_zarr import NANOMETRES
from seg_app.io.tiff_pages import check_pages
from seg_app.labels import label_values, masks_of_labels, painted_planes
from seg_app.labels import losses as label_losses
from seg_app.records import Calibration, Mask, MaskFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTES = "seg_app="
"""What the line of the description begins with that holds all but the pixels."""
MICROMETRE_NM = 1000.0
CALIBRATED_NM = (1e-3, 1e9)
"""Pixel sizes that the fractions of TIFF can express with enough digits: a thousandth of a nanometre to a metre."""
MAX_BYTES = 2**35
ALWAYS_BYTES = 2**28
MAX_RATIO = 4096
"""An image that unpacks to more than ALWAYS_BYTES and so many times its file is a broken number, or a bomb."""


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what a label image cannot keep: what lies under smaller masks."""
    return label_losses(file.masks)


def encode(file: MaskFile) -> bytes:
    """Return the bytes of a TIFF of (planes, rows, columns) labels. Raises StorageError for impossible values."""
    with storing(file):
        shape, labels = file.image.shape, label_values(file.masks)
        description = _description(file, labels)
    dtype = np.uint16 if max(labels, default=0) < 2**16 else np.uint32
    packed = io.BytesIO()
    with tifffile.TiffWriter(packed, bigtiff=math.prod(shape) * np.dtype(dtype).itemsize > 2**31) as writer:
        for number, plane in enumerate(painted_planes(file.masks, shape)):
            writer.write(
                plane.astype(dtype),
                compression="zlib",
                photometric="minisblack",
                metadata=None,
                description=description if number == 0 else None,
                **_scale(file.calibration),
            )
    return packed.getvalue()


def _description(file: MaskFile, labels: list[int]) -> str:
    planes, z_nm = file.image.shape[0], (file.calibration.pixel_size_nm or (None,))[0]
    is_scaled = bool(_scale(file.calibration))
    lines = [
        "ImageJ=1.54f",
        f"images={planes}",
        f"slices={planes}",
        *(["unit=micron"] if is_scaled else []),
        *([f"spacing={z_nm / MICROMETRE_NM!r}"] if is_scaled and z_nm else []),
        "loop=false",
        "min=0",
        f"max={max(labels, default=1)}",
        # An equals sign would end the name of a value for programs that read line by line.
        NOTES + as_json(notes(file, labels)).replace("=", "\\u003d"),
    ]
    return "\n".join(lines) + "\n"


def _scale(calibration: Calibration) -> dict[str, Any]:
    """Return the scale as tags; nothing where there is none, or none that the tags can express."""
    _, y_nm, x_nm = calibration.pixel_size_nm or (None, 0.0, 0.0)
    if not all(CALIBRATED_NM[0] <= size <= CALIBRATED_NM[1] for size in (y_nm, x_nm)):
        return {}
    return {"resolution": (MICROMETRE_NM / x_nm, MICROMETRE_NM / y_nm), "resolutionunit": "NONE"}


def decode(data: bytes) -> MaskFile:
    """Return the masks of a label TIFF of one plane or many; of other programs, too: a mask for each label and plane.

    Raises UnreadableError, and nothing else, when it is none, or broken.
    """
    with reading("label TIFF"):
        check_pages(io.BytesIO(data), len(data))
    with reading("label TIFF"), tifffile.TiffFile(io.BytesIO(data)) as tif:
        planes = _planes(tif, limit=min(MAX_BYTES, max(ALWAYS_BYTES, MAX_RATIO * len(data))))
        about = _notes(tif)
        values = values_of_labels(about) if about else {}
        masks = [mask for z, plane in enumerate(planes) for mask in masks_of_labels(plane, z=z, values=values)]
        if not about:
            return MaskFile(nameless(planes.shape), tuple(masks), _calibration(tif))
        return _noted(about, masks, values, planes.shape)


def _noted(about: dict[str, Any], masks: list[Mask], values: dict[tuple[int, int], Any], shape: Any) -> MaskFile:
    image = image_of(about["image"])
    if image.shape != shape:
        raise ValueError(f"its {shape} pixels are not those of its image, {image.shape}")
    return MaskFile(image, in_order(masks, values), calibration_of(about["calibration"]))


def _planes(tif: tifffile.TiffFile, *, limit: int) -> NDArray[np.integer[Any]]:
    series = tif.series[0]
    if len(tif.series) > 1 and all(other.shape == series.shape for other in tif.series):  # written page by page
        return np.concatenate([_labels(page, limit=limit // len(tif.series)) for page in tif.series])
    return _labels(series, limit=limit)


def _labels(series: tifffile.TiffPageSeries, *, limit: int) -> NDArray[np.integer[Any]]:
    """Return (z, y, x) labels. Raises ValueError for colours, fractions, and more bytes than allowed."""
    shape = tuple(size for size in series.shape if size > 1) if series.ndim > 3 else series.shape
    if len(shape) not in (2, 3) or "S" in series.axes:
        raise ValueError(f"its pixels are {series.axes} {series.shape}, which is no stack of labels")
    if series.size * series.dtype.itemsize > limit:
        raise ValueError(f"it unpacks to {series.size} pixels, more than its bytes can hold")
    checked_shape(*(1, *shape)[-3:])
    refuse_damaged_strips()
    pixels = series.asarray()
    labels = pixels.astype(np.int64) if pixels.dtype.kind in "fb" else pixels
    if pixels.dtype.kind not in "uifb" or (pixels.dtype.kind == "f" and not np.array_equal(labels, pixels)):
        raise ValueError(f"its values of type {pixels.dtype} are no labels")
    return labels.reshape((1, *shape)[-3:])


def _notes(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return what a file of ours says besides the pixels, or nothing."""
    lines = str(tif.pages.first.description).splitlines()
    return next((from_json(line.removeprefix(NOTES)) for line in lines if line.startswith(NOTES)), {})


def _calibration(tif: tifffile.TiffFile) -> Calibration:
    """Return the size of a voxel that ImageJ's values tell. A resolution alone may be that of a screen."""
    metadata, tags = tif.imagej_metadata or {}, tif.pages.first.tags
    unit_nm = NANOMETRES.get(str(metadata.get("unit", "")).replace("\\u00B5", "µ"))
    if unit_nm is None or "XResolution" not in tags or "YResolution" not in tags:
        return Calibration()
    (x_pixels, x_units), (y_pixels, y_units) = tags["XResolution"].value, tags["YResolution"].value
    z = float(metadata["spacing"]) * unit_nm if "spacing" in metadata else None
    return Calibration((z, y_units / y_pixels * unit_nm, x_units / x_pixels * unit_nm), "ImageJ")
