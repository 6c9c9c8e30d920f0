"""How long clicks take beside the bare `sam2` package on the same weights: new views, a restart, HTTP, many users.

    python tests/benchmarks/embedding.py [--rounds N] [--bundled | --official CONFIG] [--only warm clickers ...]
    python tests/benchmarks/embedding.py --device cuda [--single] [--compiled] ...

Both sides run alternately in one process, and medians are compared: a ratio is ours / theirs. Over HTTP the model is in
a `seg-app sam` of its own process. The model is the bundled one, or has random weights: a tiny one of the tests, or one
of the package's own configurations, which takes the time of the real ones. At last, many images are embedded: what
a process holds then, beside what it keeps ready for the next image, must not be more than its cache may have.

With CUDA both sides compute in half precision, as the package's examples do, or both in --single. --compiled is of our
side only. Every answer ends in main memory, at the resolution of the image, so that nothing is left to wait for: the
package gives the logits of all pixels for each of its masks; ours are asked for each mask as the page takes it, which
is the logits around the object, and once for those of all pixels, too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from seg_app.models import Session, Volume  # noqa: E402 - beside the tests, in no package
from seg_app.records import Box, Point, Prompts, Window  # noqa: E402
from seg_app.sam import windows  # noqa: E402
from seg_app.sam.cache import CacheLimits  # noqa: E402
from seg_app.sam.checkpoints import Checkpoint  # noqa: E402
from seg_app.sam.devices import Device  # noqa: E402
from seg_app.sam.engine import Sam2Segmenter  # noqa: E402
from seg_app.sam.precision import precision_of  # noqa: E402
from seg_app.sam.protocol import Candidate, Segmenter  # noqa: E402
from tests.benchmarks.loopback import served  # noqa: E402
from tests.benchmarks.resident import give_back, taken_bytes  # noqa: E402
from tests.tiny_sam import bare_model, bare_predictor, tiny_checkpoint  # noqa: E402

PLANE = 4096
CLICKERS = 16
ANSWERS = 32
IMAGES = 500
CACHE_MB = 64


def seconds(act: Callable[[], object]) -> float:
    """Return how long it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def ratio(title: str, ours: list[float], theirs: list[float], *, goal: str) -> None:
    """Print medians in ms, their ratio, and the middle half of the ratios of each round: machines are noisy."""
    a, b = statistics.median(ours), statistics.median(theirs)
    spread = " to ".join(f"{part:.2f}" for part in np.percentile(np.divide(ours, theirs), [25, 75]))
    print(f"| {title} | {1000 * a:.1f} | {1000 * b:.1f} | {a / b:.2f} | {spread} | {goal} |", flush=True)


def drawn(found: list[Candidate]) -> None:
    """Let candidates have what the page draws of them."""
    for candidate in found:
        assert candidate.outline.grid == candidate.shape


class Bench:
    """Our engine and the package's predictor on one checkpoint, and ever new views of a noisy plane."""

    def __init__(self, checkpoint: Checkpoint, folder: Path, device: Device):
        self.checkpoint, self.folder, self.device = checkpoint, folder, device
        self.plane = np.random.default_rng(0).integers(0, 256, (PLANE, PLANE), dtype=np.uint8)
        self.bare: Any = bare_predictor(checkpoint, device=device.name)
        self.precision = precision_of(torch.device(device.name), may_be_half=device.may_be_half)
        self.engine = self.started(device)
        self.size = self.engine.input_size
        self.middle = self.size // 2
        self._views = count()
        for act in (self.click_bare, self.click_ours):
            act(self.new_view())

    def started(self, device: Device) -> Sam2Segmenter:
        """Return an engine as after a restart."""
        return Sam2Segmenter(self.checkpoint, device=device, cache=CacheLimits(self.folder / "cache"))

    def new_view(self) -> tuple[int, int]:
        """Return (y, x) of the middle of a view that was not looked at before."""
        i = next(self._views)
        self.plane[0, 0], self.plane[-1, -1] = i % 256, i // 256
        return 600 + 256 * (i % 11), 600 + 256 * (i // 11 % 11)

    def window(self, view: tuple[int, int]) -> np.ndarray:
        """Return the pixels of a view as a script with the bare package would cut them out."""
        y, x = (place - self.middle for place in view)
        return np.repeat(self.plane[y : y + self.size, x : x + self.size, None], 3, axis=2)

    def click_bare(self, view: tuple[int, int]) -> None:
        """Click in the middle of a view: the pixels, the embedding, three masks."""
        self.show_bare(self.window(view))
        self.click_bare_again()

    def show_bare(self, image: np.ndarray) -> None:
        """Let the package encode an image."""
        with torch.inference_mode(), self.precision.within():
            self.bare.set_image(image)

    def click_bare_again(self, **arguments: Any) -> None:
        """Click once more on the image that is set, in its middle unless arguments say where."""
        middle = {"point_coords": np.array([[self.middle, self.middle]]), "point_labels": np.array([1])}
        with torch.inference_mode(), self.precision.within():
            self.bare.predict(**(arguments or middle), return_logits=True)

    def click_ours(self, view: tuple[int, int], engine: Sam2Segmenter | None = None) -> None:
        """Let the segmenter do the same; without the session, which makes more of an answer than the package does."""
        drawn((engine or self.engine).predict(self.window(view), Prompts((Point(self.middle, self.middle),))))


def measure_first_clicks(bench: Bench, rounds: int) -> None:
    """Print the first click on a new view, and on the same one after a restart."""
    ours, theirs, restarted = [], [], []
    as_it_is = replace(bench.device, is_compiled=False)  # after a restart nothing is encoded
    for _ in range(rounds):
        view = bench.new_view()
        theirs.append(seconds(lambda view=view: bench.click_bare(view)))
        ours.append(seconds(lambda view=view: bench.click_ours(view)))
        bench.engine.close()  # what is on its way to the disk is there
        again = bench.started(as_it_is)
        restarted.append(seconds(lambda view=view, again=again: bench.click_ours(view, engine=again)))
    ratio(f"first click on a new view of {PLANE} × {PLANE}", ours, theirs, goal="≤ 1.05")
    ratio("first click on it after a restart", restarted, theirs, goal="≤ 0.1")


def measure_warm_clicks(bench: Bench, rounds: int) -> None:
    """Print a further click on a view, in this process and over HTTP."""
    image = bench.window(bench.new_view())
    image.flags.writeable = False  # as those of a session are
    bench.show_bare(image)
    with served(bench.checkpoint, bench.folder / "served", bench.device) as remote:
        for title, segmenter, goal in (("", bench.engine, "≤ 1.1"), (" over HTTP", remote, "≤ 1.3")):
            click_again(bench, segmenter, image, 0)  # sent, and embedded
            ours, in_full, theirs = [], [], []
            for i in range(1, 5 * rounds + 1):
                theirs.append(seconds(bench.click_bare_again))
                ours.append(seconds(lambda i=i, asked=segmenter: click_again(bench, asked, image, i)))
                in_full.append(seconds(lambda i=i, asked=segmenter: click_for_all(bench, asked, image, i)))
            ratio(f"warm click{title}", ours, theirs, goal=goal)
            ratio(f"warm click{title}, logits of all pixels", in_full, theirs, goal="–")


def click_again(bench: Bench, segmenter: Segmenter, image: np.ndarray, i: int) -> None:
    """Click near the middle of an image; the answer is let go of, as that of the other side is."""
    drawn(segmenter.predict(image, Prompts((Point(bench.middle + i, bench.middle),))))


def click_for_all(bench: Bench, segmenter: Segmenter, image: np.ndarray, i: int) -> None:
    """Click, and have the logits of all pixels of all candidates."""
    for candidate in segmenter.predict(image, Prompts((Point(bench.middle + i, bench.middle),))):
        assert candidate.logits.shape == image.shape[:2]


def measure_a_prepared_view(bench: Bench, rounds: int) -> None:
    """Print the first click of a session on a view that has come to rest before."""
    session = Session(Volume.from_array(bench.plane), bench.engine)
    ours, theirs = [], []
    for _ in range(rounds):
        y, x = bench.new_view()
        session.view = Box(x - 400, y - 300, x + 400, y + 300)
        session.outliner.prepare()
        theirs.append(seconds(lambda at=(y, x): bench.click_bare(at)))
        image = session.outliner.as_seen(session_window(session), 0)
        ours.append(seconds(lambda image=image: click_again(bench, bench.engine, image, 0)))
    ratio("first click on a view that was prepared", ours, theirs, goal="–")


def session_window(session: Session) -> Window:
    """Return the window that was prepared."""
    plane, size = session.volume.shape[1:], session.segmenter.input_size
    middle = Prompts((windows.middle_of(session.view, plane),))
    return windows.locate(middle, plane, scale=session.scale, size=size, view=session.view)


def measure_many_clickers(bench: Bench, rounds: int) -> None:
    """Print how long an answer takes where many users ask at once, beside one script that asks back to back."""
    images = [bench.window(bench.new_view()) for _ in range(2)]
    for image in images:
        image.flags.writeable = False
    bench.show_bare(images[0])
    measure_many_on(bench, bench.engine, images, rounds)
    with served(bench.checkpoint, bench.folder / "served", bench.device) as remote:
        measure_many_on(bench, remote, images, rounds, how=" over HTTP")


def measure_many_on(
    bench: Bench, segmenter: Segmenter, images: list[np.ndarray], rounds: int, *, how: str = ""
) -> None:
    """Print it for one segmenter."""
    middle = bench.middle
    for image in images:
        segmenter.embed(image)
    trace = segmenter.predict(images[0], Prompts((Point(middle, middle),)))[0].trace
    mask = bench.engine.predict(images[0], Prompts((Point(middle, middle),)))[0].trace
    point, points = np.array([[middle, middle]]), np.array([[middle, middle], [middle + 9, middle]])
    first = {"point_coords": point, "point_labels": np.array([1]), "multimask_output": True}
    more = {"point_coords": points, "point_labels": np.array([1, 1]), "multimask_output": False}

    def click(i: int) -> None:
        click_again(bench, segmenter, images[i % 2], i)

    def correct(i: int) -> None:
        prompts = Prompts((Point(middle, middle), Point(middle + i, middle)))
        drawn(segmenter.predict(images[i % 2], prompts, previous=trace))

    for what, ask, arguments in (
        ("first clicks", click, first),
        ("corrections", correct, {**more, "mask_input": np.asarray(mask)[None]}),
    ):
        ours, theirs = [], []
        with ThreadPoolExecutor(CLICKERS) as pool:
            for _ in range(rounds):
                theirs.append(seconds(lambda a=arguments: [bench.click_bare_again(**a) for _ in range(ANSWERS)]))
                ours.append(seconds(lambda ask=ask: [*pool.map(ask, range(ANSWERS))]))
        per_answer = [[each / ANSWERS for each in side] for side in (ours, theirs)]
        ratio(f"an answer among {CLICKERS} clickers at once{how}: {what}", *per_answer, goal="≤ 1.11")


def measure_memory(bench: Bench, _rounds: int) -> None:
    """Print what many images leave in memory and on disk."""
    limits = CacheLimits(bench.folder / "many", disk_bytes=CACHE_MB * 10**6, memory_bytes=CACHE_MB * 10**6)
    engine = Sam2Segmenter(bench.checkpoint, device=bench.device, cache=limits)
    bench.engine.close()
    give_back()
    before = taken_bytes(bench.device.name)
    counted, grown = [], []
    for i in range(IMAGES):
        engine.embed(np.full((8, 8, 3), (i % 256, i // 256, 0), np.uint8))
        counted.append(engine.load.embedding_bytes)
        grown.append(taken_bytes(bench.device.name) - before)
    engine._embeddings.flush()
    give_back()
    held = taken_bytes(bench.device.name) - before
    disk = sum(path.stat().st_size for path in (bench.folder / "many").iterdir())
    print(f"\n| {IMAGES} images | MB at most | at the end | bound |\n|---|---|---|---|")
    print(f"| the cache counts | {max(counted) / 1e6:.1f} | {counted[-1] / 1e6:.1f} | {CACHE_MB} |")
    print(f"| the process has grown by | {max(grown) / 1e6:.1f} | {grown[-1] / 1e6:.1f} | – |")
    print(f"| of it, what is not free again | – | {held / 1e6:.1f} | {CACHE_MB} |")
    print(f"| on disk | – | {disk / 1e6:.1f} | {CACHE_MB} |", flush=True)


def official_checkpoint(folder: Path, config: str) -> Checkpoint:
    """Return random weights for a configuration of the package."""
    path = Path(str(files("sam2"))) / config
    torch.save({"model": bare_model(path).state_dict()}, folder / "random.pt")
    return Checkpoint.at(folder / "random.pt", config=path)


def chosen_checkpoint(folder: Path, given: argparse.Namespace) -> Checkpoint:
    """Return the checkpoint that the command line asks for."""
    if given.bundled:
        bundled = Checkpoint.bundled()
        assert bundled, "this checkout has no weights"
        return bundled
    return official_checkpoint(folder, given.official) if given.official else tiny_checkpoint(folder)


MEASURES = {
    "first": measure_first_clicks,
    "warm": measure_warm_clicks,
    "prepared": measure_a_prepared_view,
    "clickers": measure_many_clickers,
    "memory": measure_memory,
}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured (default: 9)")
    parser.add_argument("--official", help="a configuration, e.g. configs/sam2.1/sam2.1_hiera_t.yaml")
    parser.add_argument("--bundled", action="store_true", help="the weights of the package")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="what both sides compute on")
    parser.add_argument("--single", action="store_true", help="both in single precision, also with CUDA")
    parser.add_argument("--compiled", action="store_true", help="our image encoder is compiled first")
    parser.add_argument("--only", choices=MEASURES, nargs="+", help="some of the measurements (default: all)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        device = Device(given.device, is_compiled=given.compiled, may_be_half=not given.single)
        bench = Bench(chosen_checkpoint(folder, given), folder, device)
        print(f"{bench.engine.name}, {', '.join(bench.engine.load.computes)}\n")
        print("| | ours, ms | bare, ms | ratio | middle half | goal |\n|---|---|---|---|---|---|")
        for name in [name for name in MEASURES if name in (given.only or MEASURES)]:
            MEASURES[name](bench, given.rounds)
        bench.engine.close()


if __name__ == "__main__":
    main()
