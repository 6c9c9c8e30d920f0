"""Make the pictures of the README again: `python docs/screenshots.py [--home FOLDER] [--into docs/images]`.

A real browser works with the app on the sample volume: it outlines, accepts and selects particles, and begins one
more. FOLDER is a home of the app; samples that are missing in it are made, and what is accepted in it stays.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zarr
from PIL import Image
from scipy.ndimage import distance_transform_edt, find_objects

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "ui"), str(ROOT / "data")]

from app_process import App  # noqa: E402 - beside the tests, in no package
from driver import Tab, opened  # noqa: E402
from drops_server import DropsServer  # noqa: E402
from headless import browser  # noqa: E402
from make_samples import make_samples  # noqa: E402

SIZES = {1280: 800, 1920: 1080}
LARGEST_BYTES = 900_000
CENTRE = (1024, 1024)
REACH = 290
"""Pixels around the centre that are on view in every picture."""
ACCEPTED = 10
SELECTED = 1
"""Which of the accepted ones, the largest first."""
NOTCHES = 5
LIGHT = "rgb(238, 241, 245)"
"""Background of the page in its light theme."""
CLASSES = ("fragment", "particle")


class Particle(NamedTuple):
    """A true object: its innermost pixel, a pixel of its surroundings, its area in pixels, its corners."""

    x: float
    y: float
    beside: tuple[float, float]
    area: int
    corners: tuple[tuple[float, float], tuple[float, float]]
    """The outermost pixels on top left and on the bottom right."""


def particles(samples: Path) -> list[Particle]:
    """Return the particles around the centre of the middle plane, the largest first."""
    planes = zarr.open_group(samples / "fib_volume_truth.zarr", mode="r")["0"]
    labels = np.asarray(planes[planes.shape[0] // 2])
    boxes = [(number, box) for number, box in enumerate(find_objects(labels), start=1) if box and _is_near(box)]
    found = [_particle(labels[box] == number, box) for number, box in boxes]
    return sorted(found, key=lambda particle: -particle.area)


def _is_near(box: tuple[slice, slice]) -> bool:
    spans = zip(box, CENTRE[::-1], strict=True)
    return all(centre - REACH < span.start and span.stop < centre + REACH for span, centre in spans)


def _particle(inside: np.ndarray, box: tuple[slice, slice]) -> Particle:
    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    left, top = float(box[1].start), float(box[0].start)
    corners = (left, top), (float(box[1].stop - 1), float(box[0].stop - 1))
    return Particle(left + x, top + y, (left + x, float(box[0].stop) + 8), int(inside.sum()), corners)


def work(tab: Tab, chosen: list[Particle]) -> None:
    """Outline and accept particles, as a user does who draws boxes around them."""
    field = tab.page.get_by_label("Class of new objects")
    for i, particle in enumerate(chosen):
        field.fill(CLASSES[i < len(chosen) // 3])
        field.press("Enter")
        tab.press("b")
        tab.page.locator("[data-drawing]").wait_for(state="attached")
        tab.drag(*particle.corners)
        tab.outlined()
        tab.press("Enter")
        tab.wait_for_rows(i + 1)


def pose(tab: Tab, selected: Particle, draft: Particle) -> None:
    """Zoom in, select an accepted particle, begin another one."""
    tab.wheel(*CENTRE, NOTCHES)
    tab.click(selected.x, selected.y)
    tab.wait_until(tab.selected_rows)
    tab.click_point(draft.x, draft.y, held=["Shift"])
    tab.outlined()
    tab.click_point(*draft.beside, button="right")
    tab.wait_for_text("Enter to accept")  # nothing is being outlined any more
    tab.page.mouse.move(*tab.place(draft.x + 40, draft.y - 30))
    tab.page.wait_for_timeout(1500)


def make_dark(tab: Tab) -> None:
    """Switch the page to its dark theme, unless it remembers to be dark."""
    if tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == LIGHT:
        tab.page.get_by_label("Toggle theme").click()


def keep(picture: bytes, path: Path) -> None:
    """Write a PNG, with fewer colours where it would be too large."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.save(path, optimize=True)
    if path.stat().st_size > LARGEST_BYTES:
        few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # keeps rare colours
        few.save(path, optimize=True)
    sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


@contextmanager
def running(home: Path) -> Iterator[str]:
    """Run the app with a Drops server beside it; yield its address."""
    with tempfile.TemporaryDirectory() as drops, DropsServer(Path(drops), "ada", "secret") as server:
        app = App(home, BACKEND_URL="bundled:", DROPS_URL=server.url, DROPS_USER="ada", DROPS_PASSWORD="secret")  # noqa: S106
        try:
            yield app.start().url
        finally:
            app.kill()


def make_pictures(home: Path, into: Path) -> None:
    """Make all pictures of the README."""
    make_samples(home / "samples")
    draft, *accepted = particles(home / "samples")[: ACCEPTED + 1]
    with running(home) as url, browser() as chromium:
        with opened(chromium, url, width=1920, height=1080) as tab:
            tab.wait_for_picture()
            tab.delete_all()
            tab.wheel(*CENTRE, NOTCHES)
            work(tab, accepted)
        for theme, width in product(("light", "dark"), SIZES):
            with opened(chromium, url, width=width, height=SIZES[width]) as tab:
                tab.wait_for_picture()
                if theme == "dark":
                    make_dark(tab)
                pose(tab, accepted[SELECTED], draft)
                keep(tab.page.screenshot(), into / f"{theme}-{width}.png")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a home folder of the app (default: a new one)")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images", help="where to put the pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as new:
        make_pictures((given.home or Path(new)).resolve(), given.into)


if __name__ == "__main__":
    main()
