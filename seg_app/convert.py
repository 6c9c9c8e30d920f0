"""`seg-app convert`: masks from one file format into another, and what that cannot keep."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg_app.errors import NameTakenError, SettingsError

if TYPE_CHECKING:
    from seg_app.models import Volume
    from seg_app.records import Calibration, MaskFile


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    parser = commands.add_parser("convert", help="convert a mask file into another format, or measure its masks")
    parser.set_defaults(command=lambda _, options: run(options))
    parser.epilog = (
        "Formats by suffix. Both ways: .npz (everything), .json (COCO), .geojson (QuPath), .zip (ImageJ ROIs), .tif "
        "(label image), .zarr (labels of an OME-Zarr image). Only written: .csv and .parquet (measurements), .png "
        "(picture). Only read: .pkl (sement_duo)."
    )
    add = parser.add_argument
    add("source", type=Path, metavar="IN", help="a mask file")
    add("target", type=Path, metavar="OUT", help="a new file, or an OME-Zarr image to add labels to")
    add("--image", metavar="IMAGE", help="the image of the masks: a file, or its address on a Tiled server")
    add("--plane", type=int, metavar="N", help="only the masks of this plane, from 1, as the page counts")
    add("--pixel-size", type=float, metavar="NM", help="the size of a pixel in nm, where no file knows it")


def run(options: argparse.Namespace) -> None:
    """Convert a mask file and tell what is lost. Raises SegAppError."""
    from seg_app.io.formats import writer_of  # weight: the command line needs none of it
    from seg_app.io.registry import load_masks, save_masks
    from seg_app.labels import counted

    if not writer_of(str(options.target)).is_folder and options.target.exists():
        raise NameTakenError(f"'{options.target}' exists, and nothing is overwritten. Choose another name.")
    volume = _volume(options.image)
    file = load_masks(options.source, image=volume and volume.image)
    file = _on_plane(_calibrated(file, volume, options.pixel_size), options.plane)
    picture, databar_rows = (volume.levels[0], volume.databar_rows) if volume else (None, 0)
    told = save_masks(options.target, file, picture=picture, databar_rows=databar_rows)
    sys.stdout.write("\n".join([f"Saved {counted(len(file.masks))}: {options.target}", *told]) + "\n")


def _volume(image: str | None) -> Volume | None:
    if image is None:
        return None
    from seg_app.models import open_volume  # weight: xarray, 0.5 s, and most conversions need no image

    return open_volume(image)


def _calibrated(file: MaskFile, volume: Volume | None, pixel_nm: float | None) -> MaskFile:
    """Return the masks with the first size of a pixel that is known: asked for, of their file, of their image."""
    if pixel_nm is not None:
        if not 0 < pixel_nm < float("inf"):
            raise SettingsError(f"--pixel-size is {pixel_nm}. Give the nanometres of a pixel, above 0.")
        return replace(file, calibration=_square(file, pixel_nm))
    if file.calibration.pixel_size_nm is None and volume is not None:
        return replace(file, calibration=volume.calibration)
    return file


def _square(file: MaskFile, pixel_nm: float) -> Calibration:
    z_nm = (file.calibration.pixel_size_nm or (None,))[0]
    return replace(file.calibration, pixel_size_nm=(z_nm, pixel_nm, pixel_nm), source="user")


def _on_plane(file: MaskFile, plane: int | None) -> MaskFile:
    if plane is None:
        return file
    if not 1 <= plane <= file.image.shape[0]:
        raise SettingsError(f"--plane is {plane}, and the image has {file.image.shape[0]}. Choose one of them.")
    return replace(file, masks=tuple(mask for mask in file.masks if mask.z == plane - 1))
