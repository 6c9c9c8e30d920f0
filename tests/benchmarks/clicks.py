"""How long a click takes until its outline is on the screen, and what pictures cost on the wire.

    python tests/benchmarks/clicks.py [--home FOLDER] [--image samples/fib_volume]

FOLDER is a home of the app; samples that are missing in it are made. The tables are Markdown. Times are those of the
browser and of the server process themselves, as their clocks are the same; the browser draws without a graphics card,
so real screens are faster.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from scipy.ndimage import distance_transform_edt, find_objects

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "ui"), str(ROOT / "data")]

from app_process import App, free_port  # noqa: E402 - beside the tests, in no package
from driver import Tab, opened  # noqa: E402
from headless import browser  # noqa: E402
from make_samples import make_samples  # noqa: E402
from page_scripts import FIGURE, READY  # noqa: E402
from playwright.sync_api import Browser  # noqa: E402
from proxy import CountingProxy  # noqa: E402

TITLES = {
    "fib_volume": "Battery electrode (FIB-SEM)",
    "sem_micrograph": "Powder (SEM)",
    "coins": "Coins (photograph)",
    "tissue": "Tissue (light microscope, colour)",
}
SERVE = "--serve"
CLICKS = 30
QUIET_S = 0.6
STOPWATCH = f"""() => {{
  const figure = {FIGURE}, kind = (type) => figure.model.renderers.find((r) => r.glyph.type === type).data_source
  const watch = globalThis.stopwatch = {{}}
  const changed = new Set()
  addEventListener('pointerup', (event) => {{
    if (event.button === 0) Object.assign(watch, {{ start: event.timeStamp, marker: null, outline: null }})
  }}, true)
  for (const [name, source, key] of [['marker', kind('Scatter'), 'x'], ['outline', kind('MultiPolygons'), 'xs']])
    source.properties.data.change.connect(() => {{ if (source.data[key].length) changed.add(name) }})
  const paint = figure._actual_paint.bind(figure)
  figure._actual_paint = (...args) => {{
    paint(...args)
    const drawn = [...changed]
    changed.clear()
    // the frame after the one that drew it: then it is on the screen
    requestAnimationFrame(() => {{ for (const name of drawn) watch[name] ??= performance.now() }})
  }}
}}"""
"""Notes when the left button was let go, and when the marker and the outline that follow had been painted."""
PICTURES = f"""() => {{
  const figure = {FIGURE}
  globalThis.pictures = 0
  figure.model.renderers[0].data_source.properties.data.change.connect(() => {{ globalThis.pictures += 1 }})
}}"""


# In the server's process


def serve_timed(log: Path) -> None:
    """Run `seg-app serve`; write a line for each outline: when it began and ended, and the shares in it, in seconds."""
    from seg_app import cli
    from seg_app.models import Session, Volume
    from seg_app.sam.classical import ClassicalSegmenter

    shares = threading.local()  # pictures are read in another thread
    for owner, name in ((ClassicalSegmenter, "predict"), (Volume, "read")):
        setattr(owner, name, _timed(getattr(owner, name), name, shares))
    ask = Session.outline

    def outline(self: Session) -> Any:
        vars(shares).update(predict=0.0, read=0.0, begin=time.time())
        mask = ask(self)
        with log.open("a") as file:
            file.write(json.dumps({**vars(shares), "end": time.time()}) + "\n")
        return mask

    Session.outline = outline
    cli.main(["serve"])


def _timed(call: Callable[..., Any], name: str, shares: threading.local) -> Callable[..., Any]:
    @functools.wraps(call)
    def timed(*args: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*args, **named)
        finally:
            vars(shares)[name] = vars(shares).get(name, 0.0) + time.perf_counter() - start

    return timed


# Starting


@contextmanager
def running(home: Path, *program: str, **settings: str) -> Iterator[tuple[App, float]]:
    """Start the app; yield it and when its process began."""
    app, start = App(home, **({"program": program} if program else {}), **settings), time.monotonic()
    try:
        yield app.start(), start
    finally:
        app.kill()


def measure_start(chromium: Browser, home: Path) -> None:
    """Print how long it takes until a picture is there."""
    print("\n| start | process to first picture, s | address to first picture, s |\n|---|---|---|")
    for name in ("first on this home", "again"):
        with running(home) as (app, start):
            opening = time.monotonic()
            with opened(chromium, app.url) as tab:
                tab.page.wait_for_function(READY)
                now = time.monotonic()
        print(f"| {name} | {now - start:.1f} | {now - opening:.1f} |")
    print("\nThe goal is 8 s from the process to the picture.")


# Clicks


def measure_clicks(chromium: Browser, home: Path, image: str) -> None:
    """Print how long clicks take and what takes it."""
    log = Path(tempfile.mkdtemp()) / "outlines.jsonl"
    with running(home, __file__, SERVE, str(log)) as (app, _), opened(chromium, app.url) as tab:
        tab.wait_for_picture()
        tab.show(TITLES[image])
        tab.page.evaluate(STOPWATCH)
        seen = [_click(tab, x, y, log) for x, y in places(home, image, *_zoomed_in(tab))]
    _print_clicks(image, seen[1:])  # the first click compiles Bokeh's callbacks


def _zoomed_in(tab: Tab) -> tuple[float, ...]:
    left, right, top, bottom = tab.ranges()
    tab.wheel((left + right) / 2, (top + bottom) / 2, 5)
    tab.page.wait_for_timeout(1000)
    return tab.ranges()


def places(home: Path, image: str, left: float, right: float, top: float, bottom: float) -> list[tuple[float, float]]:
    """Return where to click: in the middle of true objects in view, else on a grid."""
    path = home / "samples" / f"{image}_truth.zarr"
    inner = [np.linspace(a + 0.1 * (b - a), b - 0.1 * (b - a), 6) for a, b in ((left, right), (top, bottom))]
    grid = [(float(x), float(y)) for y in inner[1] for x in inner[0]]
    if path.exists():
        planes = zarr.open_group(path, mode="r")["0"]
        labels = np.asarray(planes[planes.shape[0] // 2])
        inside = [(x, y) for x, y in _middles(labels) if left < x < right and top < y < bottom]
        grid = inside * (CLICKS // max(len(inside), 1) + 1) or grid
    return grid[: CLICKS + 1]


def _middles(labels: np.ndarray) -> Iterator[tuple[float, float]]:
    for label, box in enumerate(find_objects(labels), start=1):
        if box:
            depth = distance_transform_edt(np.pad(labels[box] == label, 1))[1:-1, 1:-1]
            if depth.max() >= 8:
                y, x = np.unravel_index(depth.argmax(), depth.shape)
                yield float(box[1].start + x), float(box[0].start + y)


def _click(tab: Tab, x: float, y: float, log: Path) -> dict[str, float]:
    """Click, wait for the outline, drop it; return the share of each step in ms."""
    tab.click(x, y, held=["Shift"])
    tab.page.wait_for_function("() => stopwatch.outline !== null", polling=30)
    watch, origin = tab.page.evaluate("() => [stopwatch, performance.timeOrigin]")
    tab.drop_points()
    tab.wait_until(lambda: not tab.outline())
    server = json.loads(log.read_text().splitlines()[-1])
    begin, end = (1000 * server[name] - origin for name in ("begin", "end"))
    shares = {name: 1000 * server[name] for name in ("predict", "read")}
    total = watch["outline"] - watch["start"]
    return {
        "click → outline on the screen": total,
        "the segmenter": shares["predict"],
        "reading the image": shares["read"],
        "**the rest** (goal: median 100)": total - sum(shares.values()),
        "— of it: from the click to the session": begin - watch["start"],
        "— of it: window, contrast, mask": end - begin - sum(shares.values()),
        "— of it: back to the browser and painted": watch["outline"] - end,
        "click → its marker on the screen": watch["marker"] - watch["start"],
    }


def _print_clicks(image: str, clicks: list[dict[str, float]]) -> None:
    print(f"\n| {image}, {len(clicks)} clicks | median, ms | p90, ms |\n|---|---|---|")
    for name in clicks[0]:
        median, p90 = np.percentile([click[name] for click in clicks], [50, 90])
        print(f"| {name} | {median:.0f} | {p90:.0f} |")


# Bytes


def measure_bytes(chromium: Browser, home: Path) -> None:
    """Print what each gesture brings over the websocket."""
    port = free_port()
    with running(home, SEG_APP_ORIGINS=f"127.0.0.1:{port}") as (app, _):
        proxy = CountingProxy(port, target=int(app.url.rpartition(":")[2]))
        with opened(chromium, f"http://127.0.0.1:{port}") as tab:
            tab.wait_for_picture()
            print("\n| image | gesture | pictures | payload, bytes | on the wire, bytes | on the wire, bytes a picture "
                  "and screen pixel |\n|---|---|---|---|---|---|")  # fmt: skip
            for image in TITLES:
                _print_bytes(tab, proxy, image)
    print("\nThe goal is 1.5 bytes a screen pixel, whatever the size of the image.")


def _print_bytes(tab: Tab, proxy: CountingProxy, image: str) -> None:
    tab.show(TITLES[image])
    tab.page.evaluate(PICTURES)
    _wait_for_quiet(tab, proxy)
    pixels = tab.figure("f.model.inner_width * f.model.inner_height")
    for gesture, act in gestures(tab):
        before = (tab.received_bytes, proxy.sent_bytes, tab.page.evaluate("pictures"))
        act()
        _wait_for_quiet(tab, proxy)
        after = (tab.received_bytes, proxy.sent_bytes, tab.page.evaluate("pictures"))
        payload, wire, pictures = (b - a for a, b in zip(before, after, strict=True))
        ratio = f"{wire / pictures / pixels:.2f}" if pictures else "–"
        print(f"| {image} | {gesture} | {pictures} | {payload:,} | {wire:,} | {ratio} |", flush=True)


def gestures(tab: Tab) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what a user does all day. Each is done before the next is asked for."""
    left, right, top, bottom = tab.ranges()
    x, y, step = (left + right) / 2, (top + bottom) / 2, (right - left) / 8
    yield "zoom in, whole plane to a quarter", lambda: tab.wheel(x, y, 4)
    yield "pan", lambda: tab.drag((x, y), (x + step / 2, y + step / 4))
    yield "zoom in, to the pixels", lambda: tab.wheel(x, y, 12)
    yield "zoom out", lambda: tab.wheel(x, y, -14)
    if tab.page.get_by_text("Plane: ").is_visible():
        yield "next plane", lambda: tab.press("f")
    yield "contrast, a step", lambda: tab.page.locator("input[type=range]").last.press("ArrowLeft")
    yield "click", lambda: (tab.click(x, y, held=["Shift"]), tab.outlined())
    yield "accept", lambda: tab.press("Enter")
    yield "pan, over an object", lambda: tab.drag((x, y), (x - step / 2, y - step / 4))
    yield "undo", lambda: tab.press("Control+z")


def _wait_for_quiet(tab: Tab, proxy: CountingProxy) -> None:
    before = -1
    while before != (before := proxy.sent_bytes):
        tab.page.wait_for_timeout(1000 * QUIET_S)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a home folder of the app (default: a new one)")
    parser.add_argument("--image", default="samples/fib_volume", help=f"what to click on: {', '.join(TITLES)}")
    parser.add_argument("--only", choices=["start", "clicks", "bytes"], help="one of the tables (default: all)")
    parser.add_argument(SERVE, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve_timed(given.serve)
        return
    with tempfile.TemporaryDirectory() as new, browser() as chromium:
        home = (given.home or Path(new)).resolve()
        make_samples(home / "samples", tell=lambda text: print(text, file=sys.stderr))
        tables = {
            "start": lambda: measure_start(chromium, home),
            "clicks": lambda: measure_clicks(chromium, home, given.image.rpartition("/")[2]),
            "bytes": lambda: measure_bytes(chromium, home),
        }
        for name in [given.only] if given.only else tables:
            tables[name]()


if __name__ == "__main__":
    main()
