"""Grey values and colours in 8 bits, as a screen and a model want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_uint8(pixels: NDArray[Any], limits: tuple[float, float], *, rgb: bool = False) -> NDArray[np.uint8]:
    """Return grey values or colours stretched so that `limits` become 0 and 255; what is not a number becomes 0.

    pixels: (rows, columns) or (rows, columns, 3 or 4), any integer or float dtype; opacity is left out.
    With `rgb` grey values are returned as (rows, columns, 3) too. The result is a new array.
    Raises ValueError unless the first limit is below the second.
    """
    low, high = limits
    if not low < high:
        raise ValueError(f"Cannot stretch from {low} to {high}: the first limit must be below the second.")
    codes = _codes(pixels[..., :3] if pixels.ndim == 3 else pixels, low, high)
    return np.repeat(codes[..., np.newaxis], 3, axis=2) if rgb and codes.ndim == 2 else codes


def _codes(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values.copy()
    exact = np.result_type(values.dtype, np.float32)  # doubles for 32-bit integers, which floats cannot tell apart
    scaled = (values.astype(exact) - exact.type(low)) * exact.type(255 / (high - low))
    return np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).clip(0, 255).round().astype(np.uint8)


def apart(low: float, high: float) -> tuple[float, float]:
    """Return two numbers of which the first is below the second, also for a constant image."""
    return (low, high) if low < high else (low, low + max(1.0, abs(low) * 1e-6))
