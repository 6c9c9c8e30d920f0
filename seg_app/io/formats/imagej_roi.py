"""Mask sets as a zip of ImageJ ROIs, which Fiji's ROI Manager opens and saves.

ImageJ counts pixels from the outer corner of the top left one: a polygon with whole coordinates runs along the edges of
pixels, as its wand traces them. A mask in one piece without holes is such a polygon, any other a composite path, whose
even-odd inside is the mask. `position` is the plane, from 1; 0 stands for all planes of a stack. What ImageJ has no
word for is kept as a property of each ROI, and as the comment of the zip. The format is that of ij/io/RoiDecoder.java
(https://github.com/imagej/ImageJ), which `roifile` reads and writes.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from seg_app.colours import rgb_of
from seg_app.geometry import mask_from_bits
from seg_app.io.damage import reading
from seg_app.io.formats.fields import (
    ANY_SHAPE,
    about,
    as_json,
    calibration_of,
    checked_mask,
    fields_of,
    from_json,
    image_of,
    mask_values,
    storing,
    unknown,
)
from seg_app.labels import without_pixels
from seg_app.polygons import MAX_BOX, MAX_BOX_UNKNOWN, Ring, filled, polygons_of
from seg_app.records import Calibration, ImageId, Mask, MaskFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

MAX_COORDINATE = 60_535
"""ImageJ keeps whole coordinates in 16 bits, of which the first 5,000 below zero are negative."""
MAX_BYTES = 2**28
"""One ROI that unpacks to more is refused, and so are all together: it is a zip bomb before it is anybody's work."""
NOTES = "seg_app"
"""The property that holds what is said of a mask besides its pixels."""
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""The steps of a path, as in java.awt.geom.PathIterator."""
OUTLINES = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
ENTRY_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of all entries, so that equal sets give equal bytes; zip knows none before."""


# Writing


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what ROIs cannot keep: masks without a pixel."""
    return without_pixels(file.masks)


def encode(file: MaskFile) -> bytes:
    """Return the bytes of a zip of ROIs; equal files give equal bytes.

    Raises StorageError for impossible values, and for masks beyond pixel 60,535.
    """
    packed = io.BytesIO()
    with storing(file), zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = _comment(file)
        for i, mask in enumerate((mask for mask in file.masks if mask.area), start=1):
            _write(archive, f"{i:05}-{_name(mask)}.roi", _roi(mask, file.image).tobytes())
    return packed.getvalue()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, ENTRY_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def _comment(file: MaskFile) -> bytes:
    comment = as_json(about(file)).encode()
    if len(comment) > zipfile.ZIP_MAX_COMMENT:
        raise ValueError(f"the path of its image has {len(file.image.path)} characters, too many for a zip")
    return comment


def _name(mask: Mask) -> str:
    """Return what the ROI Manager lists: class and number, in characters that every file system takes."""
    return f"{re.sub(r'[^A-Za-z0-9 _-]+', '_', mask.class_name)[:40] or 'object'} {mask.number}"


def _roi(mask: Mask, image: ImageId) -> ImagejRoi:
    if max(mask.x1, mask.y1) > MAX_COORDINATE:
        raise ValueError(f"mask {mask.id!r} lies beyond pixel {MAX_COORDINATE}, where ImageJ's ROIs end")
    rings = [ring for polygon in polygons_of(mask) for ring in polygon]
    roi = ImagejRoi.frompoints(np.array(rings[0])) if len(rings) == 1 else _composite(mask, rings)
    if len(rings) == 1:
        roi.roitype = ROI_TYPE.TRACED
        roi.right, roi.bottom = mask.x1, mask.y1  # `frompoints` adds a pixel, as for points
    roi.name = _name(mask)
    roi.position = mask.z + 1 if image.shape[0] > 1 else 0
    roi.stroke_color = bytes((255, *rgb_of(mask.number)))
    roi.props = f"{NOTES}: {as_json(fields_of(mask))}\n"
    return roi


def _composite(mask: Mask, rings: list[Ring]) -> ImagejRoi:
    steps = [step for ring in rings for step in (MOVE, *ring[0], *_lines(ring[1:]), CLOSE)]
    roi = ImagejRoi()
    roi.roitype = ROI_TYPE.RECT
    roi.top, roi.left, roi.bottom, roi.right = mask.y0, mask.x0, mask.y1, mask.x1
    roi.shape_roi_size, roi.multi_coordinates = len(steps), np.array(steps, np.float32)
    return roi


def _lines(corners: Ring) -> Iterator[float]:
    for corner in corners:
        yield from (LINE, *corner)


# Reading


def decode(data: bytes) -> MaskFile:
    """Return the masks of a zip of ROIs; of ImageJ, too, which does not say which image it is about, nor its size.

    Polygons, freehand outlines, rectangles, ovals and composites are masks; points and lines are left out with a
    warning. Raises UnreadableError, and nothing else, when it is none, or broken.
    """
    with reading("zip of ImageJ ROIs"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        ours = from_json(archive.comment) if archive.comment.startswith(b"{") else None
        image = image_of(ours["image"]) if ours else None
        masks = _masks(list(_entries(archive)), image)
        calibration = calibration_of(ours["calibration"]) if ours else Calibration()
        return MaskFile(image or unknown(masks), masks, calibration)


def _entries(archive: zipfile.ZipFile) -> Iterator[bytes]:
    left = MAX_BYTES
    for entry in (entry for entry in archive.infolist() if entry.filename.lower().endswith(".roi")):
        if entry.file_size > left:
            raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
        left -= entry.file_size
        with archive.open(entry) as stream:
            # Asked for no more than the entry announces, zlib unpacks no more, whatever the entry holds.
            yield stream.read(entry.file_size)


def _masks(rois: list[bytes], image: ImageId | None) -> tuple[Mask, ...]:
    shape = image.shape if image else ANY_SHAPE
    found = [(ImagejRoi.frombytes(roi), i) for i, roi in enumerate(rois, start=1)]
    outlines = [(roi, rings, i) for roi, i in found if (rings := _rings(roi)) is not None]
    if len(outlines) < len(found):
        log.warning("%d of %d ROIs have no inside and are left out.", len(found) - len(outlines), len(found))
    masks = (_mask(roi, rings, number=i, shape=shape) for roi, rings, i in outlines)
    return tuple(checked_mask(mask, shape) for mask in masks if mask)


def _mask(roi: ImagejRoi, rings: list[NDArray[np.float64]], *, number: int, shape: tuple[int, int, int]) -> Mask | None:
    limit = MAX_BOX_UNKNOWN if shape == ANY_SHAPE else MAX_BOX
    bits, y0, x0 = filled(rings, rows=shape[1], columns=shape[2], limit=limit)
    ours = next((line for line in roi.props.splitlines() if line.startswith(NOTES + ": ")), None)
    said = mask_values(from_json(ours.removeprefix(NOTES + ": "))) if ours else {"number": number}
    mask = mask_from_bits(bits, y0=y0, x0=x0, **said)
    return mask and replace(mask, z=max(roi.position or roi.z_position, 1) - 1)


def _rings(roi: ImagejRoi) -> list[NDArray[np.float64]] | None:
    """Return the closed lines of a ROI, (n, 2) corners (x, y); None where it has no inside."""
    if roi.roitype == ROI_TYPE.OVAL:
        return [_oval(roi)]
    is_plain = roi.subtype in (ROI_SUBTYPE.UNDEFINED, ROI_SUBTYPE.UNKNOWN)
    if not is_plain or roi.roitype not in (*OUTLINES, ROI_TYPE.RECT):
        return None
    return [np.asarray(ring, np.float64).reshape(-1, 2) for ring in roi.coordinates(multi=True)]


def _oval(roi: ImagejRoi) -> NDArray[np.float64]:
    """Return an ellipse in the bounds, as corners so close that no pixel of its edge is decided by them."""
    count = 8 * max(abs(roi.right - roi.left), abs(roi.bottom - roi.top), 1)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    centre = np.array([roi.left + roi.right, roi.top + roi.bottom]) / 2
    return centre + np.stack([np.cos(angle), np.sin(angle)], axis=1) * (centre - (roi.left, roi.top))
