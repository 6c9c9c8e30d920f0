"""What a picture of a viewport costs at 1k², 4k² and 16k², beside a plain Zarr read of the same window.

    python tests/benchmarks/viewport.py [--rounds N] [--planes N] [--sizes 1024 4096 16384]

Makes chunked Zarr arrays without levels in a temporary folder, serves them by the embedded Tiled, and opens them as
the page does. Medians in ms. `opening`: until there is a contrast. `coarse`: the first whole plane, before there are
levels. `levels`: until they are made. `again`: contrast and whole plane in the next opening. `zoom`: the whole plane,
and ever smaller parts of its middle. `pan`: a viewport at full resolution, at ever other places.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import zarr

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from seg_app.io import EmbeddedTiled, register_folder  # noqa: E402 - beside the tests, in no package
from seg_app.io.pyramid import Workshop  # noqa: E402
from seg_app.io.tiled import TiledSource  # noqa: E402
from seg_app.models import Volume  # noqa: E402
from seg_app.sam.diskcache import DiskCache  # noqa: E402
from seg_app.views.render import Frame, Viewport, make_frame, resample, window_of  # noqa: E402

SCREEN = (900, 900)
"""Columns and rows of the place where the picture is."""
CHUNK = 1024
LIMITS = (0.0, 255.0)

T = TypeVar("T")


def main() -> None:
    """Print a table: one line for each size."""
    options = parsed()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), options.sizes, options.planes) as source:
        resample(np.zeros((64, 64)), 2)  # Datashader compiles its loops, as the page does while it starts
        print("| plane | opening | coarse | levels | again | zoom | plain | pan | plain | bytes / screen pixel |")
        print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
        lines = []
        for size in options.sizes:
            path = next(entry.path for entry in source.browse("samples") if entry.name.startswith(f"{size}"))
            bench = Bench(source, path, Path(folder), size, options.rounds)
            costs = bench.costs_of_all()
            print(f"| {size}² × {options.planes} | {' | '.join(costs.cells())} |", flush=True)
            lines.append(costs)
    for what in ("zoom", "pan"):
        ratio = getattr(lines[-1], what).ours / getattr(lines[0], what).ours
        print(f"\n{what} at {options.sizes[-1]}² beside {options.sizes[0]}²: {ratio:.2f} (goal: at most 1.3)")


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--planes", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 4096, 16_384])
    return parser.parse_args()


@contextmanager
def served(folder: Path, sizes: list[int], planes: int) -> Iterator[TiledSource]:
    """Make the volumes, serve them, and stop the server at the end."""
    for size in sizes:
        make_volume(images_in(folder) / f"{size}.zarr", size, planes)
    server = EmbeddedTiled.start(folder / "tiled", readable=[images_in(folder)])
    try:
        with closing(server.connect()) as source:
            register_folder(source, images_in(folder))
            yield source
    finally:
        server.stop()


def images_in(folder: Path) -> Path:
    """Return the folder that is served."""
    return folder / "images"


def make_volume(path: Path, size: int, planes: int) -> None:
    """Write grains with the noise of a detector, which is what compresses badly, chunk by chunk."""
    rng = np.random.default_rng(size)
    array = zarr.create_array(path, shape=(planes, size, size), dtype="u1", chunks=(1, CHUNK, CHUNK))
    y, x = np.mgrid[:CHUNK, :CHUNK] / 40
    for z, top, left in np.ndindex(planes, size // CHUNK, size // CHUNK):
        grains = 120 + 60 * np.sin(y + top) * np.sin(x + left + z)
        tile = (grains + rng.normal(0, 12, (CHUNK, CHUNK))).clip(0, 255).astype(np.uint8)
        array[z, top * CHUNK : (top + 1) * CHUNK, left * CHUNK : (left + 1) * CHUNK] = tile


@dataclass
class Bench:
    """One volume: opened, looked at, and compared with Zarr alone."""

    source: TiledSource
    path: str
    folder: Path
    size: int
    rounds: int

    def costs_of_all(self) -> Line:
        """Open the volume, look at it, close it, and open it again."""
        opening, volume = timed(self.opened)
        made = threading.Event()
        volume.param.watch(lambda _: made.set(), "sharpened")
        whole = Viewport((-0.5, -0.5, self.size - 0.5, self.size - 0.5), *SCREEN)
        coarse, _ = timed(lambda: make_frame(volume, 0, whole, LIMITS))
        wants = bool(volume._pyramid and volume._pyramid._missing)
        levels = timed(made.wait)[0] if wants else 0.0
        volume.close()
        again, volume = timed(lambda: self.shown_again(whole))
        zoom, pan = self.costs(volume, self.zooms()), self.costs(volume, self.pans())
        volume.close()
        return Line(opening, coarse, levels, again, zoom, pan)

    def opened(self) -> Volume:
        """Open the volume as the page does, with its contrast."""
        volume = Volume.from_tiled(self.source, self.path)
        volume.percentiles()
        volume.make_levels(Workshop(DiskCache(self.folder / "levels", 4 * 10**9)))
        return volume

    def shown_again(self, whole: Viewport) -> Volume:
        """Open the volume and draw the whole plane."""
        volume = self.opened()
        make_frame(volume, 0, whole, LIMITS)
        return volume

    def zooms(self) -> list[Viewport]:
        """Return the whole plane and ever smaller parts around its middle, down to the pitch of the screen."""
        smallest, middle = min(1.0, SCREEN[0] / self.size), self.size / 2
        halves = [self.size / 2 * smallest ** (n / (self.rounds - 1)) for n in range(self.rounds)]
        return [Viewport((middle - h, middle - h, middle + h, middle + h), *SCREEN) for h in halves]

    def pans(self) -> list[Viewport]:
        """Return viewports at the pitch of the screen, anywhere."""
        rng = np.random.default_rng(0)
        corners = rng.uniform(0, max(1, self.size - SCREEN[0]), (self.rounds, 2))
        return [Viewport((x, y, x + SCREEN[0], y + SCREEN[1]), *SCREEN) for x, y in corners]

    def costs(self, volume: Volume, viewports: list[Viewport]) -> Costs:
        """Draw each viewport, and read the same window of the array without anything between; alternately."""
        array = zarr.open_array(images_in(self.folder) / f"{self.size}.zarr", mode="r")
        ours: list[float] = []
        plain: list[float] = []
        n_bytes: list[float] = []
        for viewport in viewports:
            seconds, frame = timed(lambda v=viewport: make_frame(volume, 0, v, LIMITS))
            ours.append(seconds)
            n_bytes.append(bytes_per_pixel(frame))
            plain.append(timed(lambda v=viewport: plain_read(array, volume, v))[0])
        return Costs(statistics.median(ours), statistics.median(plain), max(n_bytes))


@dataclass
class Costs:
    """Median seconds of a viewport, ours and of Zarr alone, and the most bytes of a screen pixel."""

    ours: float
    plain: float
    bytes_per_pixel: float


@dataclass
class Line:
    """A line of the table; in seconds."""

    opening: float
    coarse: float
    levels: float
    again: float
    zoom: Costs
    pan: Costs

    def cells(self) -> list[str]:
        """Return it in ms, and the most bytes of a pixel, where the goal is 1.5."""
        zoom, pan = self.zoom, self.pan
        times = [self.opening, self.coarse, self.levels, self.again, zoom.ours, zoom.plain, pan.ours, pan.plain]
        return [*(f"{1000 * t:.0f}" for t in times), f"{max(zoom.bytes_per_pixel, pan.bytes_per_pixel):.2f}"]


def bytes_per_pixel(frame: Frame) -> float:
    """Return what is sent to the browser for each pixel of the screen."""
    return frame.pixels.nbytes / (SCREEN[0] * SCREEN[1])


def plain_read(array: zarr.Array, volume: Volume, viewport: Viewport) -> object:
    """Read the pixels that a viewport needs, as a program that has only the full resolution does."""
    window = window_of(viewport, volume.shape[1:], volume.n_levels)
    f = window.factor
    return array[0, window.y0 * f : window.y1 * f : f, window.x0 * f : window.x1 * f : f]


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
