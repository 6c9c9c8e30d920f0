"""Text files that microscopes write beside an image: Tescan `.hdr`, Hitachi and JEOL `.txt`."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from seg_app.io.damage import DAMAGED
from seg_app.io.ome_zarr import NANOMETRES, VoxelSize

MOST_BYTES = 2**20
"""A longer text is no header."""


@dataclass(frozen=True)
class Header:
    """What one header says; None where it says nothing."""

    source: str
    pixel_size_nm: VoxelSize
    """(z, y, x)."""
    columns: int | None = None
    """Of the image when it was taken."""
    rows: int | None = None
    """Of the image when it was taken, without the databar."""
    databar_rows: int | None = None
    tilt_deg: float | None = None


def about(header: Header, rows: int, columns: int) -> dict[str, Any]:
    """Return what a header says of an image of so many rows and columns, as attributes; empty where that is nothing.

    An image that was resized since has another pixel size, and nobody knows which: only a note is returned then.
    """
    if not all(math.isfinite(size) and size > 0 for size in header.pixel_size_nm[1:]):
        return {}
    if not _is_as_taken(header, rows, columns):
        taken = " × ".join(str(n or "?") for n in (header.columns, header.rows))
        note = f"The {header.source} is of {taken} pixels, the image has {columns} × {rows}: its size is not known."
        return {"pixel_size_note": note}
    facts = {"databar_rows": _databar_rows(header, rows), "stage_tilt_deg": header.tilt_deg}
    known = {name: value for name, value in facts.items() if value is not None}
    return {"pixel_size_nm": list(header.pixel_size_nm), "pixel_size_source": header.source} | known


def side_car(path: Path) -> Header | None:
    """Return what the text file beside an image says; None where there is none, or it says nothing of a size."""
    for text_file in _beside(path):
        facts = _facts(text_file)
        for read in SIDE_CARS:
            try:
                return read(facts)
            except DAMAGED:
                continue  # it is of another maker, or says nothing of the size
    return None


def _is_as_taken(header: Header, rows: int, columns: int) -> bool:
    return header.columns in (None, columns) and (header.rows is None or header.rows <= rows)


def _databar_rows(header: Header, rows: int) -> int | None:
    """Return the rows of the databar; only where the header's numbers add up to the rows that are there."""
    below = None if header.rows is None else rows - header.rows
    told = header.databar_rows
    if below is not None and told not in (None, below):
        return None
    bar = told if below is None else below
    return bar if bar and 0 < bar < rows else None


def names_beside(name: str) -> list[str]:
    """Return what the text file of an image may be called, the likeliest first."""
    path = PurePath(name)
    kind = path.suffix.lstrip(".")
    names = [f"{path.stem}.hdr", f"{path.stem}-{kind}.hdr", f"{path.stem}.txt", f"{path.name}.txt"]
    return [spelled for name in names for spelled in (name, name[:-3] + name[-3:].upper())]


def _beside(path: Path) -> Iterator[Path]:
    for name in names_beside(path.name):
        text_file = path.with_name(name)
        if text_file.is_file() and text_file.stat().st_size <= MOST_BYTES:
            yield text_file


def _facts(path: Path) -> Mapping[str, str]:
    """Return `key=value` and JEOL's `$KEY value` lines."""
    try:
        text = _decoded(path.read_bytes())
    except OSError:
        return {}
    pairs = re.findall(r"^\s*(?:\$+(\S+)[ \t]+|([\w ]+?)[ \t]*=[ \t]*)([^\r\n]*)", text, re.MULTILINE)
    return {jeol or key: value.strip() for jeol, key, value in pairs}


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _tescan(facts: Mapping[str, str]) -> Header:
    """Tescan: sizes in metres (`ImageStripSize`: rows of the databar)."""
    return Header(
        "Tescan header",
        (None, float(facts["PixelSizeY"]) * 1e9, float(facts["PixelSizeX"]) * 1e9),
        databar_rows=int(facts["ImageStripSize"]) if "ImageStripSize" in facts else None,
        tilt_deg=float(facts["StageTilt"]) if "StageTilt" in facts else None,
    )


def _hitachi(facts: Mapping[str, str]) -> Header:
    """Hitachi: the size in nm (`DataSize`: columns x rows without the databar)."""
    nm = float(facts["PixelSize"])
    columns, rows = (int(n) for n in facts["DataSize"].lower().split("x"))
    return Header("Hitachi header", (None, nm, nm), columns=columns, rows=rows)


def _jeol(facts: Mapping[str, str]) -> Header:
    """JEOL: the scale bar, its length as text (`10um`) and in pixels; `CM_FULL_SIZE`: columns and rows of the image."""
    length, unit = re.fullmatch(r"([\d.]+)\s*(\S+)", facts["SM_MICRON_MARKER"]).groups()  # type: ignore[union-attr]
    nm = float(length) * NANOMETRES[unit] / float(facts["SM_MICRON_BAR"])
    size = facts.get("CM_FULL_SIZE", "").split()
    columns, rows = (int(size[0]), int(size[1])) if len(size) == 2 else (None, None)
    return Header("JEOL header", (None, nm, nm), columns=columns, rows=rows)


SIDE_CARS: tuple[Callable[[Mapping[str, str]], Header], ...] = (_tescan, _hitachi, _jeol)
