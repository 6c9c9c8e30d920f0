"""Values to pictures: which pixels a viewport needs, and their elements. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import datashader
import datashader.resampling
import holoviews as hv
import numpy as np
import xarray as xr
from PIL import Image
from scipy.ndimage import binary_dilation

from seg_app.geometry import label_grid
from seg_app.models.grey import to_uint8
from seg_app.models.volume import Volume
from seg_app.records import Box, Mask, Window
from seg_app.views.theme import CANVAS, COLOURS, code_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.windows import Shape

MARGIN = 0.05
"""Drawn beyond each edge of the viewport, so that a short drag meets pixels; 1.21 bytes a screen pixel in all."""
HEADROOM = 0.5
"""Data values kept beyond each contrast limit, in parts of their distance: a drag of the slider needs no pixels."""
BYTES: Limits = (0.0, 255.0)
"""What the pixels of an image of eight bits are coded in: themselves."""

COLOURS_AT_ONCE = 256
"""Of a picture in colour, which has a byte for each pixel like a grey one."""

SELECTED_EDGE = 3
"""Screen pixels of the edge around a selected object, drawn inside it."""

for _loop in ("_get_dimensions", "_downsample_2d_mean"):
    # Compiling them takes Numba 2 s of each start unless it keeps them on disk; Datashader does not ask for that.
    with suppress(AttributeError, RuntimeError):  # of another Datashader; where nothing may be kept
        getattr(datashader.resampling, _loop).enable_caching()

Extent = tuple[float, float, float, float]
"""Outer edges (x0, y0, x1, y1) in full-resolution pixels, whose centres are at integers."""
Limits = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Viewport:
    """What the browser shows: edges in image pixels, size in screen pixels."""

    extent: Extent
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Image pixels that a screen pixel shows."""
        x0, y0, x1, y1 = self.extent
        return max((x1 - x0) / self.width, (y1 - y0) / self.height)

    def with_margin(self, plane: Shape) -> Extent:
        """Return the edges with a margin, inside the plane; at least one pixel."""
        x0, y0, x1, y1 = self.extent
        dx, dy = (x1 - x0) * MARGIN, (y1 - y0) * MARGIN
        left, right = _within(x0 - dx, x1 + dx, plane[1])
        top, bottom = _within(y0 - dy, y1 + dy, plane[0])
        return left, top, right, bottom


def _within(low: float, high: float, length: int) -> tuple[float, float]:
    low = min(max(low, -0.5), length - 1.5)
    return low, max(min(high, length - 0.5), low + 1)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a plane."""

    pixels: NDArray[np.uint8]
    """(rows, columns) codes: grey levels that stand for the data values of `coded`, or places in `palette`."""
    coded: Limits
    extent: Extent
    z: int
    palette: NDArray[np.uint8] | None = None
    """(256, 3) the colours of a picture in colour: a quarter of what is sent otherwise. None: black to white."""
    index: Mapping[str, int] | None = None
    """Where it is along the further axes of the image; None: there is no picture of it yet."""
    trouble: str = ""
    """Why it is blank, in words; empty: it is not, or nothing was tried yet."""

    @property
    def colours(self) -> list[str]:
        """The palette, as #rrggbb; [] of a grey one."""
        return [] if self.palette is None else [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in self.palette.tolist()]

    def limits_as_codes(self, limits: Limits) -> Limits:
        """Return where contrast limits in data values lie on the grey levels."""
        low, high = self.coded
        return tuple((value - low) / (high - low) * 255 for value in limits)  # type: ignore[return-value]

    def value_at(self, x: float, y: float) -> float | tuple[int, ...] | None:
        """Return the data value that is shown at pixel (x, y), to the precision of its grey level; None outside.

        What is darker or brighter than `coded` is shown as its end, see `bound_of`; NaN as what is darkest.
        """
        x0, y0, x1, y1 = self.extent
        rows, columns = self.pixels.shape[:2]
        row, column = math.floor((y - y0) / (y1 - y0) * rows), math.floor((x - x0) / (x1 - x0) * columns)
        if not (0 <= row < rows and 0 <= column < columns):
            return None
        code = self.pixels[row, column]
        if self.palette is not None:
            return tuple(int(c) for c in self.palette[code])
        low, high = self.coded
        return high if code == 255 else low + float(code) / 255 * (high - low)

    def bound_of(self, value: float | tuple[int, ...]) -> str:
        """Return "≤ " or "≥ " for a value that is shown where the one of the data may lie beyond it, else ""."""
        low, high = self.coded
        if isinstance(value, tuple) or self.coded == BYTES:
            return ""
        return "≤ " if value <= low else "≥ " if value >= high else ""


BLANK = Frame(np.zeros((2, 2), np.uint8), BYTES, (-0.5, -0.5, 1.5, 1.5), 0)


def window_of(viewport: Viewport, plane: Shape, n_levels: int) -> Window:
    """Return the window of the coarsest level that is at least as fine as the screen."""
    level = min(max(0, math.floor(math.log2(max(viewport.scale, 1)))), n_levels - 1)
    factor = 2**level
    x0, y0, x1, y1 = ((edge + 0.5) / factor for edge in viewport.with_margin(plane))
    rows, columns = (math.ceil(n / factor) for n in plane)
    return Window(level, math.floor(y0), math.floor(x0), min(math.ceil(y1), rows), min(math.ceil(x1), columns))


def make_frame(volume: Volume, z: int, viewport: Viewport, limits: Limits) -> Frame:
    """Read what a viewport needs of plane z, and nothing more; blocking.

    Shrunk to the screen where the data are finer than it, else the pixels as they are. Raises SourceError.
    """
    window = window_of(viewport, volume.shape[1:], volume.n_levels)
    pixels = resample(volume.read(z, window), viewport.scale / window.factor)
    if pixels.ndim == 3:
        codes, palette = in_palette(pixels[..., :3])
        return Frame(codes, BYTES, window.extent, z, palette)
    coded = BYTES if pixels.dtype == np.uint8 else _coded_range(limits)
    return Frame(to_uint8(pixels, coded), coded, window.extent, z)


def in_palette(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (rows, columns, 3) colours as codes and a palette (256, 3): exactly, where there are no more than 256.

    Of more the octree takes 10 ms for a megapixel, and three photographs keep 35 to 37 dB (peak signal to noise).
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    is_exact = picture.getcolors(COLOURS_AT_ONCE) is not None
    method = Image.Quantize.MEDIANCUT if is_exact else Image.Quantize.FASTOCTREE
    reduced = picture.quantize(COLOURS_AT_ONCE, method=method, dither=Image.Dither.NONE)
    known = np.array(reduced.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return np.asarray(reduced), np.resize(known, (COLOURS_AT_ONCE, 3))


def _coded_range(limits: Limits) -> Limits:
    low, high = limits
    room = (high - low) * HEADROOM
    return low - room, high + room


def needs_new_codes(frame: Frame, limits: Limits) -> bool:
    """Say whether contrast limits show too little, or too coarse steps, of what a frame has coded."""
    low, high = frame.limits_as_codes(limits)
    if frame.coded == BYTES:
        return False
    return low < -1 or high > 256 or high - low < 64


def resample(pixels: NDArray, ratio: float) -> NDArray:
    """Return (rows, columns[, c]) pixels shrunk by a ratio with Datashader's mean; as they are up to a ratio of 1."""
    if ratio <= 1.02 or min(pixels.shape[:2]) < 2:
        return pixels
    if pixels.ndim == 3:
        return np.stack([resample(pixels[..., c], ratio) for c in range(pixels.shape[2])], axis=-1)
    rows, columns = pixels.shape
    canvas = datashader.Canvas(
        plot_width=max(1, round(columns / ratio)),
        plot_height=max(1, round(rows / ratio)),
        x_range=(-0.5, columns - 0.5),
        y_range=(-0.5, rows - 0.5),
    )
    # One dtype for all images: Datashader compiles its loops anew for each, which takes a second.
    values = pixels.astype(np.float32)
    source = xr.DataArray(values, dims=("y", "x"), coords={"y": np.arange(rows), "x": np.arange(columns)})
    shrunk = canvas.raster(source, agg="mean").values
    return shrunk.round().astype(np.uint8) if pixels.dtype == np.uint8 else shrunk


def element(frame: Frame) -> hv.Image:
    """Return a frame as a HoloViews element in image pixels; use with an inverted y axis."""
    x0, y0, x1, y1 = frame.extent
    return hv.Image(frame.pixels[::-1], bounds=(x0, y0, x1, y1))  # HoloViews puts row 0 at the greatest y


@dataclass(frozen=True, slots=True)
class Overlay:
    """The accepted masks of a viewport as codes of `theme.overlay_palette` and `theme.selection_palette`."""

    objects: NDArray[np.uint8]
    selection: NDArray[np.uint8]
    extent: Extent


def make_overlay(masks: Sequence[Mask], selected: Collection[str], viewport: Viewport, plane: Shape) -> Overlay | None:
    """Draw masks at the pitch of the screen: fill, and an edge of one screen pixel at any zoom.

    Returns None where there is nothing to draw.
    """
    x0, y0, x1, y1 = extent = viewport.with_margin(plane)
    columns = np.floor(np.linspace(x0, x1, max(2, round((x1 - x0) / viewport.scale))) + 0.5).astype(int)
    rows = np.floor(np.linspace(y0, y1, max(2, round((y1 - y0) / viewport.scale))) + 0.5).astype(int)
    labels = label_grid(masks, rows.clip(0, plane[0] - 1), columns.clip(0, plane[1] - 1))
    if not labels.any():
        return None
    return Overlay(_object_codes(labels, masks), _selection_codes(labels, masks, selected), extent)


def _object_codes(labels: NDArray[np.int32], masks: Sequence[Mask]) -> NDArray[np.uint8]:
    colours = np.array([0, *(code_of(mask.number) for mask in masks)], np.uint8)[labels]
    return np.where(_edges(labels), colours + np.uint8(len(COLOURS)), colours).astype(np.uint8)


def _selection_codes(labels: NDArray[np.int32], masks: Sequence[Mask], selected: Collection[str]) -> NDArray[np.uint8]:
    chosen = np.array([False, *(mask.id in selected for mask in masks)])[labels]
    edges = _edges(np.where(chosen, labels, 0))
    thick = chosen & binary_dilation(edges, iterations=SELECTED_EDGE - 1)
    return chosen.astype(np.uint8) + thick


def _edges(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return the labelled pixels beside a pixel of another label."""
    differs = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    differs[1:] |= down
    differs[:-1] |= down
    differs[:, 1:] |= right
    differs[:, :-1] |= right
    return differs & (labels > 0)


def canvas_options(shown: Box, on_plot: Callable[[Any, Any], None]) -> Any:
    """Return how HoloViews draws the plane: what of it is shown at first, and what is called with every plot."""
    return hv.opts.Image(
        cmap="gray",
        clim=(0, 255),
        responsive=True,
        min_height=300,
        invert_yaxis=True,
        xlim=(shown.x0, shown.x1),
        ylim=(shown.y0, shown.y1),
        xaxis=None,
        yaxis=None,
        toolbar=None,
        border=0,
        bgcolor=CANVAS,
        default_tools=["pan", "wheel_zoom"],
        active_tools=["pan", "wheel_zoom"],
        lod={"timeout": 60},  # Bokeh tells of a wheel only when it ends, 500 ms after the last notch by default
        hooks=[on_plot],
    )
