"""What the headers of microscopes and programs say of an image: the size of a pixel, who says so, databar, tilt.

A size is only taken from where a program says what it is. The resolution of a TIFF in dpi is for printing, and no size.
The sources, in the order of trust: the header of the instrument, the text file that it wrote beside, OME, ImageJ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import tifffile

from seg_app.io.damage import DAMAGED
from seg_app.io.ome_zarr import NANOMETRES
from seg_app.io.sidecars import Header, about, side_car

FEI_TITAN = 34683
TESCAN = 50431


def tiff_attributes(tif: tifffile.TiffFile, path: Path) -> dict[str, Any]:
    """Return what a TIFF, or the text file beside it, says of its pixels, as attributes of the image.

    `pixel_size_nm`: (z, y, x), z None where unknown; `pixel_size_source`; `databar_rows` at the bottom;
    `stage_tilt_deg`; `pixel_size_note` where a header tells a size that is not of this image. All may be missing.
    """
    page = tif.pages.first
    rows, columns = int(page.imagelength), int(page.imagewidth)
    for header in (*(partial_header(read, tif) for read in READERS), side_car(path), *_by_programs(tif)):
        if header is not None and (attributes := about(header, rows, columns)):
            return attributes
    return {}


def partial_header(read: Callable[[tifffile.TiffFile], Header | None], tif: tifffile.TiffFile) -> Header | None:
    """Return what one kind of header says; None where it is not there, or says nothing of a size."""
    try:
        return read(tif)
    except DAMAGED:
        return None


def _by_programs(tif: tifffile.TiffFile) -> list[Header | None]:
    return [partial_header(read, tif) for read in (_ome, _imagej)]


def _fei(tif: tifffile.TiffFile) -> Header:
    """FEI and Thermo Fisher, tags 34680 and 34682: sizes in metres, the tilt in radians."""
    sections = {name: facts for name, facts in (tif.fei_metadata or {}).items() if isinstance(facts, dict)}
    scans = [sections[name] for name in ("Scan", "EScan", "IScan") if "PixelWidth" in sections.get(name, {})]
    scan = scans[0]
    image, tilt = sections.get("Image", {}), sections.get("Stage", {}).get("StageT")
    return Header(
        "FEI header",
        (None, float(scan["PixelHeight"]) * 1e9, float(scan["PixelWidth"]) * 1e9),
        columns=_whole(image.get("ResolutionX")),
        rows=_whole(image.get("ResolutionY")),
        databar_rows=_whole(sections.get("PrivateFei", {}).get("DatabarHeight")),
        tilt_deg=math.degrees(float(tilt)) if isinstance(tilt, (int, float)) else None,
    )


def _zeiss(tif: tifffile.TiffFile) -> Header:
    """Zeiss SmartSEM, tag 34118. `ap_pixel_size` is the size on the monitor, and not this one."""
    facts: Mapping[str, Any] = tif.sem_metadata or {}
    _, size, unit = facts["ap_image_pixel_size"]
    nm = float(size) * NANOMETRES[unit]
    tilt = facts.get("ap_stage_at_t", (None, None))[1]
    return Header("Zeiss header", (None, nm, nm), tilt_deg=float(tilt) if isinstance(tilt, (int, float)) else None)


def _phenom(tif: tifffile.TiffFile) -> Header:
    """Phenom and newer FEI, tag 34683: XML with units."""
    text = tif.pages.first.tags[FEI_TITAN].value
    root = ET.fromstring(text.decode().strip("\0 ") if isinstance(text, bytes) else text.strip("\0 "))  # noqa: S314
    found = {element.tag.rpartition("}")[2]: element for element in root.iter()}

    def nm(name: str) -> float:
        return float(found[name].text or "") * NANOMETRES[found[name].attrib["unit"]]

    bar = found["databarHeight"].text if "databarHeight" in found else None
    return Header("Phenom header", (None, nm("pixelHeight"), nm("pixelWidth")), databar_rows=_whole(bar))


def _tescan(tif: tifffile.TiffFile) -> Header:
    """Tescan, tag 50431: the text of its .hdr files, after bytes of other meaning."""
    value = tif.pages.first.tags[TESCAN].value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    facts = dict(re.findall(r"(\w+)=([^\r\n\0]*)", text))
    return Header(
        "Tescan header",
        (None, float(facts["PixelSizeY"]) * 1e9, float(facts["PixelSizeX"]) * 1e9),
        databar_rows=_whole(facts.get("ImageStripSize")),
        tilt_deg=float(facts["StageTilt"]) if "StageTilt" in facts else None,
    )


def _ome(tif: tifffile.TiffFile) -> Header:
    images = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]
    pixels = (images[0] if isinstance(images, list) else images)["Pixels"]

    def nm(axis: str) -> float:
        return float(pixels[f"PhysicalSize{axis}"]) * NANOMETRES[pixels.get(f"PhysicalSize{axis}Unit", "µm")]

    return Header("OME-TIFF", (nm("Z") if "PhysicalSizeZ" in pixels else None, nm("Y"), nm("X")))


def _imagej(tif: tifffile.TiffFile) -> Header:
    metadata, tags = tif.imagej_metadata or {}, tif.pages.first.tags
    unit_nm = NANOMETRES[metadata["unit"].replace("\\u00B5", "µ")]
    (x_pixels, x_units), (y_pixels, y_units) = tags["XResolution"].value, tags["YResolution"].value
    z = float(metadata["spacing"]) * unit_nm if "spacing" in metadata else None
    return Header("ImageJ", (z, y_units / y_pixels * unit_nm, x_units / x_pixels * unit_nm))


def _whole(value: object) -> int | None:
    return int(float(value)) if isinstance(value, (int, float, str)) and str(value).strip() else None


READERS = (_fei, _zeiss, _phenom, _tescan)
