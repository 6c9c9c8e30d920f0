"""One volume: lazy planes at every zoom, their calibration, and the range of their grey values."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import param
import xarray as xr

from seg_app.errors import UnreadableError
from seg_app.io.copies import Tell, unheard
from seg_app.io.files import open_array, open_file
from seg_app.io.levels import Opened, Whole, level_of
from seg_app.io.pyramid import LARGE, Pyramid, Workshop
from seg_app.models.facts import ImageFacts
from seg_app.models.grey import apart
from seg_app.models.sampling import every, filled, some_planes, some_windows
from seg_app.records import Axis, ImageId, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seg_app.io.beside import Beside
    from seg_app.io.drops_images import DropsImages
    from seg_app.io.tiled import TiledSource

OVERVIEW = 512
"""The coarsest level has about this many pixels along its longer side."""


class Volume(ImageFacts):
    """An image of one or many planes, read one window at a time; safe to read from several threads."""

    sharpened = param.Integer(default=0, doc="How often a plane got its levels: what is read from it is better then.")

    _opened: Opened | None = None
    _pyramid: Pyramid | None = None
    _kept_sample: NDArray[Any]
    _sampled_without: int | None = None

    @classmethod
    def from_tiled(cls, source: TiledSource | Beside, path: str) -> Volume:
        """Open an image on a Tiled server. Raises SourceError."""
        return cls.of(source.open(path))

    @classmethod
    def from_drops(cls, images: DropsImages, path: str, *, part: str = "", tell: Tell = unheard) -> Volume:
        """Open an image on a Drops server; `part` names one of several in a file, `tell` hears how far it is.

        Raises SegAppError.
        """
        return cls.of(images.open(path, part, tell=tell))

    @classmethod
    def from_file(cls, path: Path | str, *, part: str | None = None) -> Volume:
        """Open a file, a Zarr folder or a folder of numbered files that is here; `part` names one of several images.

        Raises SourceError.
        """
        return cls.of(open_file(path, part=part))

    @classmethod
    def from_array(cls, array: NDArray[Any] | xr.DataArray, *, name: str = "array") -> Volume:
        """Use an array (y, x) or (z, y, x), of 8-bit colour also (y, x, c) or (z, y, x, c). Raises UnreadableError."""
        return cls.of(open_array(array, name=name))

    @classmethod
    def of(cls, opened: Opened) -> Volume:
        """Use an image that was opened."""
        one = {"image": opened.image, "levels": opened.levels}
        volume = cls(calibration=opened.calibration, metadata=opened.metadata, **one)
        volume._opened = opened
        return volume

    @property
    def whole(self) -> Whole | None:
        """All that is stored under its name; None for a volume put together by hand."""
        return self._opened.whole if self._opened else None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes beside planes, rows and columns, along which there are other volumes; see `seg_app.io.axes`."""
        return self.whole.axes if self.whole else ()

    @property
    def index(self) -> dict[str, int]:
        """Where this volume is along `axes`, as {'t': 3, 'c': 0}."""
        return dict(self._opened.index) if self._opened else {}

    @property
    def title(self) -> str:
        """What a person calls the image, wherever it is along its axes."""
        path = self.whole.path if self.whole else self.image.path
        return str(self.metadata.get("title") or ImageId("", path, (0, 0, 0), "").stem)

    @property
    def stepped(self) -> str:
        """What one steps through: 'Plane', or 'Time' in a film of micrographs."""
        return Axis(self.whole.planes if self.whole else "z", self.n_planes).title

    def at(self, **index: int) -> Volume:
        """Return the volume at another place of the axes, as `volume.at(t=3)`; what is not named stays.

        A place beyond the end is the last one. No pixel is read yet.
        """
        return self.of(self.whole.at(self.index | index)) if self.whole else self

    def make_levels(self, workshop: Workshop) -> None:
        """Make the levels that are not stored, in the background, of each large plane that is read from now on.

        `sharpened` changes, in another thread, whenever a plane has them. Call `close` when nobody looks any more.
        """
        self._pyramid = self._pyramid_in(workshop, self._sharpen)

    def _pyramid_in(self, workshop: Workshop, on_made: Callable[[], None]) -> Pyramid:
        return Pyramid(self.image, self._stored, workshop, n_levels=self.n_levels, on_made=on_made)

    def grow(self, larger: Opened) -> None:
        """Take over what the image has become: more planes, or more places of its axes; see `become`."""
        self.become(self.of(larger.whole.at(self.index)))

    def looked_at(self, **index: int) -> Volume:
        """Return the volume at another place, see `at`, with its grey values, and all that was said of the image.

        Raises SourceError when that place cannot be read.
        """
        other = self.at(**index)
        other.agree_with(self)
        other.percentiles()
        return other

    def become(self, other: Volume) -> None:
        """Show what another volume of the same image shows; `image` tells of it.

        What is read meanwhile, in other threads, is of the one or the other.
        """
        self._opened = other._opened
        if other._sampled_without is not None:
            self._kept_sample, self._sampled_without = other._kept_sample, other._sampled_without
        with param.edit_constant(self):
            self.param.update(levels=other.levels)
            self.forget_damage()
            if self._pyramid:
                self._pyramid.close()
                self._pyramid = other._pyramid_in(self._pyramid.workshop, self._sharpen)
            self.param.update(image=other.image)

    def close(self) -> None:
        """Make no levels any more; everything can still be read."""
        if self._pyramid:
            self._pyramid.close()

    def _sharpen(self) -> None:
        self.sharpened += 1

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.shape))
        return f"<Volume '{self.image.path}': {size} (z, y, x), {self.image.dtype}, {self.calibration}>"

    __str__ = __repr__

    @property
    def shape(self) -> tuple[int, int, int]:
        """(planes, rows, columns)."""
        return self.image.shape

    @property
    def n_planes(self) -> int:
        """Number of planes; 1 for a micrograph."""
        return self.shape[0]

    @property
    def height(self) -> int:
        """Rows of a plane."""
        return self.shape[1]

    @property
    def width(self) -> int:
        """Columns of a plane."""
        return self.shape[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel, or of one colour of it."""
        return self.levels[0].dtype

    @property
    def is_rgb(self) -> bool:
        """Whether a pixel is a colour (red, green, blue, and maybe opacity) of 8 bits each."""
        return self.levels[0].ndim == 4

    @property
    def n_levels(self) -> int:
        """Number of levels that can be read: so many that the coarsest is about 512 pixels long."""
        return 1 + max(0, round(math.log2(max(self.height, self.width) / OVERVIEW)))

    def level_shape(self, level: int) -> tuple[int, int]:
        """Return the rows and columns of a level: those of the plane divided by 2**level, rounded up."""
        return -(-self.height // 2**level), -(-self.width // 2**level)

    def read(self, z: int, window: Window) -> NDArray[Any]:
        """Return the pixels of a window of plane z: (rows, columns) or, in colour, (rows, columns, c).

        A level that is neither stored nor made yet is every 2**n-th pixel, near the middle of what it stands for, of
        the coarsest finer level that is stored. Raises ValueError when the window is empty or reaches over the plane,
        SourceError when it cannot be read, while others may be; what is damaged is asked for anew when the image grows.
        """
        self._check(z, window)
        if self._pyramid is None:
            return self._read_stored(z, window)
        pixels = self._pyramid.read(z, window)
        if pixels is not None:
            return filled(pixels, window.shape)
        pixels = self._read_stored(z, window)
        self._pyramid.want(z, window.level)  # only now: nothing shall compete with the first picture
        return pixels

    def _read_stored(self, z: int, window: Window) -> NDArray[Any]:
        there, unreadable = self._stored, self.unreadable  # of one place, also where another thread goes to another one
        stored = max(n for n in there if n <= window.level)
        array, factor = there[stored], 2 ** (window.level - stored)
        rows = every(factor, window.y0, window.y1, array.shape[1])
        columns = every(factor, window.x0, window.x1, array.shape[2])
        with unreadable.watching(z, window, stored=stored):
            return filled(array[z, rows, columns].to_numpy(), window.shape)

    def percentiles(self, *, low: float = 0.5, high: float = 99.5) -> tuple[float, float]:
        """Return the grey values below which `low` and `high` percent of the pixels of up to five planes are.

        The databar is left out. Pixels that are not finite do not count, and the first value is always below the
        second. In colour: (0, 255). Raises SourceError when none of the planes can be read.
        """
        if self.is_rgb:
            return 0.0, 255.0
        return apart(*np.percentile(self._sample, (low, high)).tolist()) if self._sample.size else (0.0, 1.0)

    def data_range(self) -> tuple[float, float]:
        """Return the range of the grey values, rounded outwards to two digits within what the dtype can hold.

        The first value is always below the second. In colour: (0, 255). Raises SourceError like `percentiles`.
        """
        low, high = self.percentiles(low=0, high=100)
        step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
        low, high = math.floor(low / step) * step, math.ceil(high / step) * step
        if self.dtype.kind not in "iu":
            return low, high
        limits = np.iinfo(self.dtype)
        return apart(max(float(limits.min), low), min(float(limits.max), high))

    @property
    def _stored(self) -> dict[int, xr.DataArray]:
        levels = self.levels
        full = levels[0].shape
        return {level: a for a in levels if (level := level_of(full, a.shape)) is not None}

    @property
    def _sample(self) -> NDArray[Any]:
        """The finite pixels of a few planes, coarse or in parts; what cannot be read is left out."""
        rows = self.databar_rows
        if self._sampled_without != rows:
            self._kept_sample, self._sampled_without = self._read_sample(), rows
        return self._kept_sample

    def _read_sample(self) -> NDArray[Any]:
        pixels, errors = [], []
        for z, window in self._sampled():
            try:
                pixels.append(self.read(z, window))
            except UnreadableError as error:
                errors.append(error)
        if not pixels:
            raise errors[0]
        values = np.concatenate([part.ravel() for part in pixels])
        return values[np.isfinite(values)]

    def _sampled(self) -> list[tuple[int, Window]]:
        """Return which windows of which planes are looked at for the range of the grey values."""
        planes, coarsest = some_planes(self.n_planes), self.n_levels - 1
        stored = max(n for n in self._stored if n <= coarsest)
        if stored == coarsest or max(self.level_shape(stored)) <= LARGE:
            return [(z, Window(coarsest, 0, 0, *self._image_shape(coarsest))) for z in planes]
        return list(zip(itertools.cycle(planes), some_windows(stored, *self._image_shape(stored)), strict=False))

    def _image_shape(self, level: int) -> tuple[int, int]:
        """Return the rows and columns of a level without the databar."""
        rows, columns = self.level_shape(level)
        bar = self.databar_rows
        return max(1, (self.height - bar) // 2**level) if bar else rows, columns

    def _check(self, z: int, window: Window) -> None:
        rows, columns = self.level_shape(window.level)
        if not 0 <= z < self.n_planes:
            raise ValueError(f"There is no plane {z}; the last one is {self.n_planes - 1}.")
        if not (window.level >= 0 <= window.y0 < window.y1 <= rows and 0 <= window.x0 < window.x1 <= columns):
            raise ValueError(f"{window} is empty or reaches over the {rows} × {columns} pixels of its level. Clip it.")
