"""Numbers and lengths as people type them, and saying at a field what is wrong there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

import panel_material_ui as pmui

from seg_app.errors import SegAppError
from seg_app.io.ome_zarr import NANOMETRES
from seg_app.lengths import UNITS, unit_of

Typed = TypeVar("Typed")

WITH_UNIT = re.compile(r"(.*?)\s*([^\W\d_]*)")
"""What is to be a number, and the letters after it."""


def number(text: str) -> float:
    """Return what was typed as a number, with a decimal point or comma. Raises SegAppError."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SegAppError(f"'{text}' is no number. Type one such as 3.4.")
    return value


def length(text: str, unit: str) -> tuple[float, str]:
    """Return what was typed as a length in nm, and which of UNITS it was meant in: `unit` where none was typed.

    Raises SegAppError.
    """
    before, typed = WITH_UNIT.fullmatch(text.strip()).groups()  # type: ignore[union-attr] - it fits every line
    if typed and typed not in NANOMETRES:
        raise SegAppError(f"'{text}' is no length. Type one such as 3.4 or 5 µm.")
    nm = number(before) * (NANOMETRES[typed] if typed else UNITS[unit])
    if nm <= 0:
        raise SegAppError(f"Nothing is {text} long. Give a length above 0.")
    known = (name for name, one_nm in UNITS.items() if typed and NANOMETRES[typed] == one_nm)
    return nm, next(known, unit_of(nm) if typed else unit)


def read_field(field: pmui.TextInput, read: Callable[[str], Typed]) -> Typed | None:
    """Return what was typed in a field; where it is none say so there, until it is changed, and return None."""
    try:
        return read(field.value)
    except SegAppError as error:
        mark(field, str(error))
        return None


def mark(field: pmui.TextInput, trouble: str) -> None:
    """Say at a field what is wrong in it."""
    field.param.update(error_state=True, helper_text=trouble)


def unmark(field: pmui.TextInput) -> None:
    """Say nothing more of what is wrong in a field."""
    field.param.update(error_state=False, helper_text="")
