"""What the axes of a TIFF mean, and what its channels are called, as OME and ImageJ write it."""

from __future__ import annotations

from typing import Any

import tifffile

from seg_app.io.axes import LABELS
from seg_app.io.damage import DAMAGED


def tiff_axes(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    """Return the names of the axes of a series: 't', 'c', 'z', 'y', 'x', or another letter of tifffile's.

    Programs that write an ImageJ file without saying what its planes are write channels: grey ones without names,
    beside no other axis, are planes.
    """
    axes = tuple({"s": "c"}.get(letter, letter) for letter in series.axes.lower())
    metadata = tif.imagej_metadata or {}
    grey = tif.is_imagej and metadata.get("mode", "grayscale") == "grayscale" and "Labels" not in metadata
    return ("z", *axes[1:]) if grey and axes == ("c", "y", "x") else axes


def channel_names(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return the names of the channels as an attribute of the image; empty where nobody gave them names."""
    for read in (_ome, _imagej):
        try:
            names = read(tif)
        except DAMAGED:
            continue
        if names and all(names):
            return {LABELS: {"c": names}}
    return {}


def _ome(tif: tifffile.TiffFile) -> list[str]:
    images = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]
    channels = (images[0] if isinstance(images, list) else images)["Pixels"]["Channel"]
    return [str(channel.get("Name") or "") for channel in (channels if isinstance(channels, list) else [channels])]


def _imagej(tif: tifffile.TiffFile) -> list[str]:
    metadata = tif.imagej_metadata or {}
    labels = metadata.get("Labels") or []
    return [str(label) for label in labels] if len(labels) == metadata.get("channels") else []
