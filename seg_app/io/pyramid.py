"""Smaller copies of large planes that are stored without: made once, in the background, and kept for the next opening.

A level is kept as tiles of 1024 × 1024 pixels, each of them whole or not there. Pixels are means of 2 × 2 of the next
finer level, as in the OME-Zarr images that this program writes.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seg_app.errors import SourceError
from seg_app.io.ome_zarr import half
from seg_app.records import ImageId, Window

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

TILE = 1024
"""Rows and columns of a tile: a viewport touches about ten of them."""

LARGE = 2048
"""A stored level with a longer side than this gets smaller ones: every 2**n-th pixel of the others is read at once."""

MOST_TRIES = 3
"""How often the levels of a plane are made in one opening: a disk that keeps nothing must not cost more."""

RECIPE = "means of 2 x 2, tiles of 1024"
"""What tiles are; others get other keys."""


class TileStore(Protocol):
    """Where tiles are kept: `sam.diskcache.DiskCache` is one. Thread-safe; bounded; it may forget anything."""

    def find(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a key, whole and undamaged; None where there are none."""
        ...

    def keep(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Store arrays by name, or log why that is not possible."""
        ...


@dataclass(frozen=True)
class Workshop:
    """What all pyramids of a program share: where tiles are kept, and whose turn it is to make some."""

    tiles: TileStore
    turn: threading.Lock = field(default_factory=threading.Lock)


class _ClosedError(Exception):
    """Say that nobody waits for the levels any more."""


class Pyramid:
    """The levels of an image that are not stored, of each plane that somebody looks at. Thread-safe."""

    def __init__(
        self,
        image: ImageId,
        stored: Mapping[int, xr.DataArray],
        workshop: Workshop,
        *,
        n_levels: int,
        on_made: Callable[[], None],
    ) -> None:
        """Use what is kept already; nothing is read yet.

        stored: level -> (z, y, x[, c]) lazily, level 0 among them. Levels below `n_levels` are made where the next
        finer stored one is large. `on_made` is called, in the pyramid's thread, when a plane has all of them.
        """
        self._image, self._stored, self.workshop, self._on_made = image, stored, workshop, on_made
        self._missing = frozenset(_missing(stored, n_levels))
        self._planes: dict[int, PlaneTiles | None] = {}
        self._tries: Counter[int] = Counter()
        self._wanted: int | None = None
        self._making: int | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def read(self, z: int, window: Window) -> NDArray[Any] | None:
        """Return the pixels of a window of plane z, None where they are not made; the edges of a level are rounded up.

        Shape (rows, columns[, c]), of the dtype of the image; smaller at the lower and right edge where the stored
        level was rounded down.
        """
        plane = self._plane(z) if window.level in self._missing else None
        return plane.window(window) if plane else None

    def want(self, z: int, level: int) -> None:
        """Make the levels of plane z soon, unless `level` is not missing; a plane that waited for it is forgotten."""
        with self._lock:
            if level not in self._missing or z == self._making or not self._may_make(z):
                return
            self._wanted = z
            if self._thread is None:
                self._thread = threading.Thread(target=self._make_wanted, name="seg-app-levels", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Make nothing any more; what is being made ends soon, and goes on from there in the next opening."""
        self._closed.set()

    def _plane(self, z: int) -> PlaneTiles | None:
        if z not in self._planes:
            self._planes[z] = self._identified(z)
        return self._planes[z]

    def _identified(self, z: int) -> PlaneTiles | None:
        """Return the tiles of a plane under a key that changes with its pixels; None when it cannot be read."""
        try:
            key = _key(self._image, z, self._stored[0])
        except SourceError as error:
            log.info("No levels are made of plane %d of '%s': %s", z, self._image.path, error)
            return None
        planes = {level: array[z] for level, array in self._stored.items()}
        return PlaneTiles(self.workshop.tiles, key, planes, self._missing)

    def _make_wanted(self) -> None:
        while (z := self._next()) is not None:
            try:
                self._make(z)
            except _ClosedError:
                log.debug("Another image was opened before plane %d of '%s' had levels", z, self._image.path)
            except SourceError as error:
                log.info("No levels are made of plane %d of '%s': %s", z, self._image.path, error)
            except Exception:  # the edge of the thread: nobody else would ever hear of it
                log.exception("The levels of plane %d of '%s' could not be made", z, self._image.path)

    def _next(self) -> int | None:
        with self._lock:
            self._making, self._wanted = self._wanted, None
            if self._making is None or not self._may_make(self._making):
                self._making = self._thread = None
                return None
            self._tries[self._making] += 1
            return self._making

    def _may_make(self, z: int) -> bool:
        return not self._closed.is_set() and self._tries[z] < MOST_TRIES

    def _make(self, z: int) -> None:
        plane = self._plane(z)
        if plane is None:
            return
        with self.workshop.turn:
            started_s = time.monotonic()
            for _ in plane.make(self._check):
                self._rest(started_s)
                started_s = time.monotonic()
        self._on_made()

    def _check(self) -> None:
        if self._closed.is_set():
            raise _ClosedError

    def _rest(self, started_s: float) -> None:
        # As long as it has worked: the disk and the server are there for those who look at something, too.
        self._closed.wait(time.monotonic() - started_s)
        self._check()


@dataclass(frozen=True)
class PlaneTiles:
    """The levels of one plane: those that are stored, and the tiles of those that are made of them."""

    tiles: TileStore
    key: str
    stored: Mapping[int, xr.DataArray]
    """Level -> (y, x[, c])."""
    missing: frozenset[int]

    def window(self, window: Window) -> NDArray[Any] | None:
        """Return the pixels of a window of a level, None where a tile that it needs is missing."""
        rows, columns = self._shape(window.level)
        y, x = (min(window.y0, rows - 1), min(window.y1, rows)), (min(window.x0, columns - 1), min(window.x1, columns))
        bands = []
        for row in range(y[0] // TILE, -(-y[1] // TILE)):
            band = self._known(window.level, row, range(x[0] // TILE, -(-x[1] // TILE)))
            if band is None:
                return None
            left = x[0] // TILE * TILE
            bands.append(band[max(0, y[0] - row * TILE) : y[1] - row * TILE, x[0] - left : x[1] - left])
        return np.concatenate(bands)

    def make(self, check: Callable[[], None]) -> Iterator[None]:
        """Make the tiles that are missing, yielding after every row of the coarsest ones.

        `check` is called before each reading, and ends all by raising. At most a few rows of tiles of each level are
        in memory at a time. Raises SourceError.
        """
        for level in sorted(self.missing):
            if level + 1 not in self.missing:
                for row in range(-(-self._shape(level)[0] // TILE)):
                    self._row(level, row, check)
                    yield

    def _row(self, level: int, row: int, check: Callable[[], None]) -> NDArray[Any]:
        """Return a row of tiles, (at most 1024, columns[, c]), after making it and all that it is made of."""
        if level not in self.missing:
            check()
            return self.stored[level][row * TILE : (row + 1) * TILE].to_numpy()
        columns = range(-(-self._shape(level)[1] // TILE))
        known = self._known(level, row, columns)
        if known is not None and level - 1 not in self.missing:
            return known
        last = -(-self._shape(level - 1)[0] // TILE)
        # also where the row is known: a tile that it was made of may have been damaged since
        finer = [self._row(level - 1, n, check) for n in range(2 * row, min(2 * row + 2, last))]
        return known if known is not None else self._kept(level, row, half(np.concatenate(finer)[np.newaxis])[0])

    def _known(self, level: int, row: int, columns: range) -> NDArray[Any] | None:
        found = []
        for column in columns:
            arrays = self.tiles.find(self._name(level, row, column))
            if arrays is None:
                return None
            found.append(arrays["pixels"])
        return np.concatenate(found, axis=1)

    def _kept(self, level: int, row: int, pixels: NDArray[Any]) -> NDArray[Any]:
        for column, left in enumerate(range(0, pixels.shape[1], TILE)):
            self.tiles.keep(self._name(level, row, column), {"pixels": pixels[:, left : left + TILE]})
        return pixels

    def _name(self, level: int, row: int, column: int) -> str:
        return f"{self.key}-{level}-{row}-{column}"

    def _shape(self, level: int) -> tuple[int, int]:
        base = max(n for n in self.stored if n <= level)
        rows, columns = self.stored[base].shape[:2]
        factor = 2 ** (level - base)
        return -(-rows // factor), -(-columns // factor)


def _missing(stored: Mapping[int, xr.DataArray], n_levels: int) -> Iterator[int]:
    """Yield the levels that are not stored, and of which the next finer stored one is large."""
    for level in set(range(n_levels)) - set(stored):
        base = stored[max(n for n in stored if n < level)]
        if max(base.shape[1:3]) > LARGE:
            yield level


def _key(image: ImageId, z: int, full: xr.DataArray) -> str:
    """Return a key of a plane that differs when it is another one, or other pixels are in one of three rows.

    No server tells when an image has changed, and the whole plane would have to be read to be sure. The rows are at one
    eighth, the middle and seven eighths of the height: one request, and few chunks.
    """
    eighth = full.shape[1] // 8
    pixels = full[z, eighth :: max(1, 3 * eighth)].to_numpy()
    told = hashlib.blake2b(repr((RECIPE, image, z)).encode(), digest_size=16)
    told.update(pixels.tobytes())
    return told.hexdigest()
