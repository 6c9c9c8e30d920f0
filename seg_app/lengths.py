"""Lengths as people write them: round ones, and in the unit that fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seg_app.records import Calibration

UNITS = {"mm": 1e6, "µm": 1e3, "nm": 1.0}
"""Unit -> nanometres, from the largest on."""


def unit_of(length_nm: float) -> str:
    """Return the largest unit that a length has at least one of; below a nanometre that."""
    return next((unit for unit, nm in UNITS.items() if abs(length_nm) >= nm), "nm")


def spoken_length(length_nm: float, *, digits: int = 4) -> str:
    """Return a length with its unit: 2500 -> '2.5 µm'."""
    unit = unit_of(length_nm)
    return f"{length_nm / UNITS[unit]:.{digits}g} {unit}"


def spoken_pixel(calibration: Calibration) -> str:
    """Return the size of a pixel, its width first where it is not square; says so where it is not known."""
    if calibration.pixel_size_nm is None:
        return "no pixel size known"
    _, y_nm, x_nm = calibration.pixel_size_nm
    if y_nm == x_nm:
        return f"{spoken_length(x_nm)} per pixel"
    unit = unit_of(x_nm)
    return f"{x_nm / UNITS[unit]:.4g} × {y_nm / UNITS[unit]:.4g} {unit} per pixel"


def round_length(limit: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... that is no larger than the limit."""
    power = 10.0 ** math.floor(math.log10(limit))
    return power * max(digit for digit in (1, 2, 5) if digit * power <= limit * (1 + 1e-9))
