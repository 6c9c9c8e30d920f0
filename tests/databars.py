"""Databars as five makers draw them, below images of any kind; drawn here, from what their micrographs look like."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from skimage.io import imread


def powder(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Return a noisy micrograph of bright particles on a grey ground, uint8."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(rows, columns)), max(2, columns / 90))
    image = 90 + 70 * np.tanh(3 * field / field.std()) + rng.normal(scale=12, size=(rows, columns))
    return image.clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Strip:
    """A pen over a strip; places are shares of the width and of the height, sizes shares of the height."""

    pen: ImageDraw.ImageDraw
    rows: int
    columns: int
    ink: int

    def write(self, x: float, y: float, text: str, size: float) -> None:
        font = ImageFont.load_default(max(8.0, size * self.rows))
        self.pen.text((x * self.columns, y * self.rows), text, fill=self.ink, font=font, anchor="lm")

    def line(self, x0: float, y0: float, x1: float, y1: float, width: int = 1) -> None:
        ends = [(x0 * self.columns, y0 * self.rows), (x1 * self.columns, y1 * self.rows)]
        self.pen.line(ends, fill=self.ink, width=width)

    def scale(self, x0: float, x1: float, y: float) -> None:
        thick = max(1, self.rows // 30)
        self.line(x0, y, x1, y, thick)
        for x in (x0, x1):
            self.line(x, y - 0.1, x, y + 0.1, thick)


def thermo(strip: Strip) -> None:
    """Two lines, a name above each value, columns between upright lines, the scale at the right."""
    fields = {"HV": "5.00 kV", "curr": "50 pA", "det": "ETD", "mode": "SE", "WD": "4.1 mm", "mag": "20 000 x"}
    for n, (name, value) in enumerate(fields.items()):
        strip.write(0.01 + 0.11 * n, 0.27, name, 0.3)
        strip.write(0.01 + 0.11 * n, 0.7, value, 0.3)
        strip.line(0.1 + 0.11 * n, 0.08, 0.1 + 0.11 * n, 0.92)
    strip.scale(0.72, 0.96, 0.3)
    strip.write(0.82, 0.72, "5 um", 0.3)


def zeiss(strip: Strip) -> None:
    """The scale at the left, then two lines of `name = value`, and a name at the right."""
    strip.write(0.04, 0.25, "200 nm", 0.24)
    strip.scale(0.03, 0.16, 0.6)
    for n, text in enumerate(("EHT =  3.00 kV", "Signal A = InLens", "Date :12 Mar 2024")):
        strip.write(0.22 + 0.26 * n, 0.3, text, 0.2)
    for n, text in enumerate(("WD =  4.2 mm", "Mag =  50.00 K X", "Time :14:02:11")):
        strip.write(0.22 + 0.26 * n, 0.68, text, 0.2)


def jeol(strip: Strip) -> None:
    """One line, with a frame."""
    strip.pen.rectangle((0, 0, strip.columns - 1, strip.rows - 1), outline=strip.ink)
    strip.write(0.03, 0.5, "SEI    15.0kV   X10,000", 0.4)
    strip.write(0.52, 0.5, "WD 8.0mm", 0.4)
    strip.scale(0.72, 0.86, 0.5)
    strip.write(0.88, 0.5, "1um", 0.4)


def hitachi(strip: Strip) -> None:
    """One line of text, over a scale of eleven dots."""
    strip.write(0.01, 0.45, "SU8000 5.0kV 8.1mm x30.0k SE(UL) 4/20/2024", 0.4)
    for n in range(11):
        strip.line(0.74 + 0.02 * n, 0.7, 0.74 + 0.02 * n, 0.85, 2)
    strip.write(0.84, 0.35, "1.00um", 0.4)


def tescan(strip: Strip) -> None:
    """A table of three lines between ruled lines."""
    texts = (
        ("SEM HV: 10.0 kV", "WD: 9.85 mm", "MIRA3 TESCAN"),
        ("View field: 20.8 um", "Det: SE", "5 um"),
        ("SEM MAG: 10.0 kx", "Date(m/d/y): 03/12/24", "Institute of Powders"),
    )
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            strip.write(0.02 + 0.34 * column, (row + 0.5) / 3, text, 0.2)
        strip.line(0, (row + 1) / 3, 1, (row + 1) / 3)


MAKERS: dict[str, Callable[[Strip], None]] = {
    "thermo": thermo, "zeiss": zeiss, "jeol": jeol, "hitachi": hitachi, "tescan": tescan,
}  # fmt: skip
"""Maker -> what draws on its strip."""


def with_databar(image: np.ndarray, rows: int, maker: str, *, dark: bool = True, veil: float = 1.0) -> np.ndarray:
    """Return an 8-bit image with a databar over its lowest rows; `veil` is how much of the image it covers."""
    ground, ink = (0, 255) if dark else (255, 0)
    below = image[-rows:].astype(float)
    drawn = Image.fromarray((below + (ground - below) * veil).astype(np.uint8))
    MAKERS[maker](Strip(ImageDraw.Draw(drawn), rows, image.shape[1], ink))
    return np.vstack([image[:-rows], np.asarray(drawn)])


def photographs() -> dict[str, np.ndarray]:
    """Return the pictures that come with scikit-image, by name."""
    folder = Path(skimage.data.__file__).parent
    found = {
        path.stem: imread(path)
        for path in sorted(folder.glob("*.*"))
        if path.suffix in (".png", ".jpg", ".tif", ".tiff", ".gif", ".bmp")
    }
    return {name: image for name, image in found.items() if image.ndim in (2, 3) and image.dtype == np.uint8}
