"""Measurements of masks as Parquet, the same columns as in CSV; only written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from seg_app.io.formats.csv_table import losses
from seg_app.io.formats.fields import storing
from seg_app.measurements import measurements

if TYPE_CHECKING:
    from seg_app.records import MaskFile

__all__ = ["encode", "losses"]


def encode(file: MaskFile, *, picture: Any = None, databar_rows: int = 0) -> bytes:
    """Return a table of a row for each mask; with the image also of its grey values. Raises StorageError."""
    packed = io.BytesIO()
    with storing(file):
        measurements(file, picture=picture, databar_rows=databar_rows).to_parquet(packed, index=False)
    return packed.getvalue()
