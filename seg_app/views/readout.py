"""What is under the pointer, in words."""

from __future__ import annotations

import math

from seg_app.lengths import UNITS, unit_of
from seg_app.models import Volume


def spoken_place(x: float, y: float, value: float | tuple[int, ...], volume: Volume, bound: str = "") -> str:
    """Return a place in pixels, the value there, and the place in the unit that suits the plane, where it is known.

    `bound` says that the value there may lie beyond the one that is shown. Lengths are counted from the middle of the
    upper left pixel, with as many digits as tell pixels apart.
    """
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:.5g}"
    words = [f"x {round(x)}  y {round(y)}  value {bound}{shown}"]
    if size_nm := volume.pixel_size_nm:
        words.append(_lengths(round(x) * size_nm[2], round(y) * size_nm[1], size_nm[2], volume.width * size_nm[2]))
    if volume.is_databar(y):
        words.append("databar")
    return "  ·  ".join(words)


def _lengths(x_nm: float, y_nm: float, pixel_nm: float, width_nm: float) -> str:
    unit = unit_of(width_nm)
    digits = max(0, min(6, -math.floor(math.log10(pixel_nm / UNITS[unit]))))
    return f"{x_nm / UNITS[unit]:.{digits}f}, {y_nm / UNITS[unit]:.{digits}f} {unit}"
