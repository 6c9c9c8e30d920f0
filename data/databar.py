"""The strip below a micrograph, in which a microscope writes its settings and draws a scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIELDS = {"HV": "5.00 kV", "curr": "50 pA", "det": "ETD", "mode": "SE", "WD": "4.1 mm", "mag": "20 000 x"}


def databar(shape: tuple[int, int], pixel_size_nm: float) -> NDArray[np.uint8]:
    """Return a (rows, columns) strip, white on black, whose scale bar is right for the pixel size."""
    strip = Image.new("L", (shape[1], shape[0]), 0)
    pen = ImageDraw.Draw(strip)
    _write_fields(pen, shape)
    _draw_scale(pen, shape, pixel_size_nm)
    return np.asarray(strip)


def _write_fields(pen: ImageDraw.ImageDraw, shape: tuple[int, int]) -> None:
    rows, columns = shape
    for index, (name, value) in enumerate(FIELDS.items()):
        x = (0.02 + 0.11 * index) * columns
        pen.text((x, 0.12 * rows), name, fill=190, font=ImageFont.load_default(rows * 0.26))
        pen.text((x, 0.52 * rows), value, fill=255, font=ImageFont.load_default(rows * 0.3))


def _draw_scale(pen: ImageDraw.ImageDraw, shape: tuple[int, int], pixel_size_nm: float) -> None:
    rows, columns = shape
    length_nm = _round_length(0.26 * columns * pixel_size_nm)
    left, thick = 0.71 * columns, max(1, rows // 42)
    right = left + length_nm / pixel_size_nm
    pen.line([(left, 0.28 * rows), (right, 0.28 * rows)], fill=255, width=thick)
    for x in (left, right):
        pen.line([(x, 0.14 * rows), (x, 0.42 * rows)], fill=255, width=thick)
    _write_length(pen, (left + right) / 2, rows, length_nm)


def _write_length(pen: ImageDraw.ImageDraw, middle: float, rows: int, length_nm: int) -> None:
    font = ImageFont.load_default(rows * 0.3)
    micro = length_nm >= 1000
    number, unit = (f"{length_nm // 1000} ", "um") if micro else (f"{length_nm} ", "nm")
    x, y = middle - font.getlength(number + unit) / 2, 0.7 * rows
    pen.text((x, y), number + unit, fill=255, font=font, anchor="lm")
    if micro:  # the font that comes with Pillow has no µ: an i, as low as a p reaches, makes one of the u
        descent = font.getbbox("p", anchor="ls")[3]
        pen.text((x + font.getlength(number), y + descent), "i", fill=255, font=font, anchor="lm")


def _round_length(longest_nm: float) -> int:
    """Return the largest of 1, 2, 5, 10, 20, 50, ... that is not longer."""
    return max(n * 10**power for n in (1, 2, 5) for power in range(9) if n * 10**power <= longest_nm)
