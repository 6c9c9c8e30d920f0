"""A picture of masks for a paper: outlines and fillings in the colours of the page, with a scale bar; only written.

The plane with the most masks is drawn, pixel for pixel, on the image or, without one, on a transparent ground.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seg_app.colours import rgb_of
from seg_app.geometry import label_grid
from seg_app.io.formats.fields import storing
from seg_app.labels import counted
from seg_app.lengths import round_length, spoken_length

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import Calibration, Mask, MaskFile

FILL, EDGE = 0.34, 0.95
"""How much of the colour covers the image, as on the page."""
BLACKEST, WHITEST = 0.5, 99.5
"""The percentiles of the grey values that are shown black and white."""
STEM = 0.09
"""How thick a line of the font is, in its sizes."""
BAR_SHARE = 0.2
"""A scale bar is the largest round length that is no longer than this share of the picture."""


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what a picture cannot keep."""
    z = _plane(file.masks)
    elsewhere = sum(mask.z != z for mask in file.masks)
    return [
        "A picture cannot be read as masks again: keep them in another format, too.",
        *([f"Plane {z + 1} is drawn, without {counted(elsewhere)} on other planes."] if elsewhere else []),
        *([] if _bar(file) else ["There is no scale bar: the size of a pixel is not known."]),
    ]


def encode(file: MaskFile, *, picture: Any = None) -> bytes:
    """Return the bytes of a PNG of (rows, columns) pixels.

    picture: the image, (planes, rows, columns[, colours]), an array or what is indexed like one. Raises StorageError.
    """
    with storing(file):
        z = _plane(file.masks)
        ground = _ground(file, None if picture is None else np.asarray(picture[z]))
        drawn = Image.fromarray(_drawn([mask for mask in file.masks if mask.z == z], ground))
    if bar := _bar(file):
        _draw_bar(drawn, *bar)
    packed = io.BytesIO()
    drawn.save(packed, "PNG")
    return packed.getvalue()


def _plane(masks: tuple[Mask, ...]) -> int:
    """Return the plane with the most masks, of several the first."""
    count = Counter(sorted(mask.z for mask in masks))
    return count.most_common(1)[0][0] if count else 0


def _ground(file: MaskFile, plane: NDArray[Any] | None) -> NDArray[np.float64]:
    """Return what the masks are drawn on, (rows, columns, 4), 0 to 255. Raises ValueError for another size."""
    _, rows, columns = file.image.shape
    ground = np.zeros((rows, columns, 4))
    if plane is not None:
        if plane.shape[:2] != (rows, columns):
            raise ValueError(f"the picture has {plane.shape[:2]} pixels, the image of the masks {(rows, columns)}")
        ground[..., :3] = plane[..., :3] if plane.ndim == 3 else _stretched(plane)[..., np.newaxis]
        ground[..., 3] = 255
    return ground


def _stretched(plane: NDArray[Any]) -> NDArray[np.float64]:
    greys = np.nan_to_num(plane.astype(np.float64))
    low, high = np.percentile(greys, (BLACKEST, WHITEST))
    return np.clip((greys - low) / max(high - low, 1e-300), 0, 1) * 255


def _drawn(masks: list[Mask], ground: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the ground with the masks on it, (rows, columns, 4)."""
    from scipy.ndimage import maximum_filter, minimum_filter  # weight: 0.2 s, and other formats need none of it

    rows, columns = ground.shape[:2]
    labels = label_grid(masks, np.arange(rows), np.arange(columns))
    width = 1 + 2 * max(1, min(rows, columns) // 1500)
    is_edge = minimum_filter(labels, width) != maximum_filter(labels, width)
    colours = np.array([(0, 0, 0), *(rgb_of(mask.number) for mask in masks)], np.float64)[labels]
    share = np.where(labels > 0, np.where(is_edge, EDGE, FILL), 0)[..., np.newaxis]
    return np.rint(_over(ground, colours, share)).astype(np.uint8)


def _over(ground: NDArray[np.float64], colours: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours that cover a share of the ground (T. Porter, T. Duff, SIGGRAPH 1984: 'over')."""
    below = ground[..., 3:] / 255 * (1 - share)
    opacity = share + below
    mixed = (colours * share + ground[..., :3] * below) / np.maximum(opacity, 1e-9)
    return np.concatenate([mixed, opacity * 255], axis=2)


# The scale bar


def _bar(file: MaskFile) -> tuple[int, str] | None:
    """Return the length of the bar in pixels and what it says; None where the size of a pixel is not known."""
    x_nm, columns = _pixel_nm(file.calibration), file.image.shape[2]
    if not x_nm:
        return None
    length_nm = round_length(BAR_SHARE * columns * x_nm)
    pixels = round(length_nm / x_nm)
    return (pixels, spoken_length(length_nm)) if pixels > 0 else None


def _pixel_nm(calibration: Calibration) -> float:
    x_nm = (calibration.pixel_size_nm or (None, 0.0, 0.0))[2]
    return x_nm if 1e-6 < x_nm < 1e12 else 0.0


def _draw_bar(drawn: Image.Image, pixels: int, text: str) -> None:
    """Draw a white bar with its length on black, in the lower right corner."""
    columns, rows = drawn.size
    gap, thick, size = max(2, rows // 60), max(2, rows // 120), max(10, rows // 28)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(size)
    wide = max(pixels, math.ceil(draw.textlength(_plain(text), font)))
    right, bottom = columns - 2 * gap, rows - 2 * gap
    draw.rectangle((right - wide - gap, bottom - thick - size - 2 * gap, right + gap - 1, bottom + gap - 1), "black")
    left = right - (wide + pixels) // 2
    draw.rectangle((left, bottom - thick, left + pixels - 1, bottom - 1), "white")
    _write(draw, (right - wide / 2, bottom - thick - gap), text, font)


def _plain(text: str) -> str:
    return text.replace("µ", "u")


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, font: Any) -> None:
    """Write white text around the middle of a line; the font of Pillow has no µ, which is a u with a stroke down."""
    left, line = place[0] - draw.textlength(_plain(text), font) / 2, place[1]
    draw.text((left, line), _plain(text), "white", font, anchor="ls")
    before, micro, _ = text.partition("µ")
    if micro:
        x = left + draw.textlength(before, font) + font.getmask("u").getbbox()[0]
        draw.rectangle((x, line - font.size / 4, x + STEM * font.size - 1, line + font.size / 5), "white")
