"""A TIFF of an array, and the pixels of a file."""

from pathlib import Path
from typing import Any

import tifffile

from seg_app.io.files import open_file


def pixels(path):
    return open_file(path).levels[0].values


def tiff(path: Path, array, **options: Any) -> Path:
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, array, **options)
    return path
