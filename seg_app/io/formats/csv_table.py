"""Measurements of masks as CSV: UTF-8, a comma between values, a point in numbers; only written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seg_app.io.formats.fields import storing
from seg_app.measurements import measurements

if TYPE_CHECKING:
    from seg_app.records import MaskFile


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what a table cannot keep."""
    scale = [] if file.calibration.pixel_size_nm else ["Sizes are in pixels only: the size of a pixel is not known."]
    return ["Outlines and clicks are in no table: keep the masks in another format, too.", *scale]


def encode(file: MaskFile, *, picture: Any = None, databar_rows: int = 0) -> bytes:
    """Return a table of a row for each mask; with the image also of its grey values. Raises StorageError."""
    with storing(file):
        return measurements(file, picture=picture, databar_rows=databar_rows).to_csv(index=False).encode()
