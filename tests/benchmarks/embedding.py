"""How long clicks take beside the bare `sam2` package on the same weights: new views, a restart, many users.

    python tests/benchmarks/embedding.py [--rounds N] [--official CONFIG]

Both sides run alternately in one process, and medians are compared: a ratio is ours / theirs. The model has random
weights: a tiny one of the tests, or one of the package's own configurations, which takes the time of the real ones.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
from seg_app.sam.engine import Sam2Segmenter  # noqa: E402
from tests.tiny_sam import bare_model, bare_predictor, tiny_checkpoint  # noqa: E402

PLANE = 4096
SIZE = 1024
CLICKERS = 16
ANSWERS = 64
IMAGES = 500
CACHE_MB = 64


def seconds(act: Callable[[], object]) -> float:
    """Return how long it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def ratio(title: str, ours: list[float], theirs: list[float], *, goal: str) -> None:
    """Print medians in ms and their ratio."""
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"| {title} | {1000 * a:.1f} | {1000 * b:.1f} | {a / b:.2f} | {goal} |", flush=True)


class Bench:
    """Our engine and the package's predictor on one checkpoint, and ever new views of a noisy plane."""

    def __init__(self, checkpoint: Checkpoint, folder: Path):
        self.checkpoint, self.folder = checkpoint, folder
        self.plane = np.random.default_rng(0).integers(0, 256, (PLANE, PLANE), dtype=np.uint8)
        self.bare: Any = bare_predictor(checkpoint)
        self.engine = self.started()
        self._views = count()
        for act in (self.click_bare, self.click_ours):
            act(self.new_view())

    def started(self) -> Sam2Segmenter:
        """Return an engine as after a restart."""
        return Sam2Segmenter(self.checkpoint, device="cpu", cache=CacheLimits(self.folder / "cache"))

    def new_view(self) -> tuple[int, int]:
        """Return (y, x) of the middle of a view that was not looked at before."""
        i = next(self._views)
        self.plane[0, 0], self.plane[-1, -1] = i % 256, i // 256
        return 600 + 256 * (i % 11), 600 + 256 * (i // 11 % 11)

    def window(self, view: tuple[int, int]) -> np.ndarray:
        """Return the pixels of a view as a script with the bare package would cut them out."""
        y, x = (edge - SIZE // 2 for edge in view)
        return np.repeat(self.plane[y : y + SIZE, x : x + SIZE, None], 3, axis=2)

    def click_bare(self, view: tuple[int, int]) -> None:
        """Click in the middle of a view: the pixels, the embedding, three masks."""
        self.bare.set_image(self.window(view))
        self.click_bare_again()

    def click_bare_again(self) -> None:
        """Click once more on the image that is set."""
        self.bare.predict(np.array([[512, 512]]), np.array([1]), multimask_output=True, return_logits=True)

    def click_ours(self, view: tuple[int, int], engine: Sam2Segmenter | None = None) -> None:
        """Let the segmenter do the same; without the session, which makes more of an answer than the package does."""
        (engine or self.engine).predict(self.window(view), Prompts((Point(512, 512),)))


def measure_first_clicks(bench: Bench, rounds: int) -> None:
    """Print the first click on a new view, and on the same one after a restart."""
    ours, theirs, restarted = [], [], []
    for _ in range(rounds):
        view = bench.new_view()
        theirs.append(seconds(lambda view=view: bench.click_bare(view)))
        ours.append(seconds(lambda view=view: bench.click_ours(view)))
        bench.engine.close()  # what is on its way to the disk is there
        again = bench.started()
        restarted.append(seconds(lambda view=view, again=again: bench.click_ours(view, engine=again)))
    ratio(f"first click on a new view of {PLANE} × {PLANE}", ours, theirs, goal="≤ 1.05")
    ratio("first click on it after a restart", restarted, theirs, goal="≤ 0.1")


def measure_warm_clicks(bench: Bench, rounds: int) -> None:
    """Print a further click on a view."""
    image = bench.window(bench.new_view())
    image.flags.writeable = False  # as those of a session are
    bench.bare.set_image(image)
    bench.engine.embed(image)
    ours, theirs = [], []
    for i in range(5 * rounds):
        theirs.append(seconds(bench.click_bare_again))
        ours.append(seconds(lambda i=i: bench.engine.predict(image, Prompts((Point(300 + i, 512),)))))
    ratio("warm click", ours, theirs, goal="≤ 1.1")


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
        ours.append(seconds(lambda image=image: bench.engine.predict(image, Prompts((Point(512, 512),)))))
    ratio("first click on a view that was prepared", ours, theirs, goal="–")


def session_window(session: Session) -> Window:
    """Return the window that was prepared."""
    plane, size = session.volume.shape[1:], session.segmenter.input_size
    middle = Prompts((windows.middle_of(session.view, plane),))
    return windows.locate(middle, plane, scale=session.scale, size=size, view=session.view)


def measure_many_clickers(bench: Bench, rounds: int) -> None:
    """Print the answers per second of many users at once beside those of one script that asks back to back."""
    images = [bench.window(bench.new_view()) for _ in range(2)]
    for image in images:
        image.flags.writeable = False
        bench.engine.embed(image)
    bench.bare.set_image(images[0])
    ours, theirs = [], []
    with ThreadPoolExecutor(CLICKERS) as pool:

        def ask(i: int) -> None:  # answers are let go of, as those of the other side are
            bench.engine.predict(images[i % 2], Prompts((Point(300 + i, 512),)))

        for _ in range(max(2, rounds // 3)):
            theirs.append(seconds(lambda: [bench.click_bare_again() for _ in range(ANSWERS)]) / ANSWERS)
            ours.append(seconds(lambda: [*pool.map(ask, range(ANSWERS))]) / ANSWERS)
    a, b = 1 / statistics.median(ours), 1 / statistics.median(theirs)
    print(f"| {CLICKERS} clickers at once, answers per second | {a:.1f} | {b:.1f} | {a / b:.2f} | ≥ 0.9 |", flush=True)


def measure_memory(bench: Bench) -> None:
    """Print what 500 images leave in memory and on disk."""
    limits = CacheLimits(bench.folder / "many", disk_bytes=CACHE_MB * 10**6, memory_bytes=CACHE_MB * 10**6)
    engine = Sam2Segmenter(bench.checkpoint, device="cpu", cache=limits)
    most = 0
    for i in range(IMAGES):
        engine.embed(np.full((8, 8, 3), (i % 256, i // 256, 0), np.uint8))
        most = max(most, engine._embeddings.memory_bytes)
    engine._embeddings.flush()
    disk = sum(path.stat().st_size for path in (bench.folder / "many").iterdir())
    print(f"\n{IMAGES} images, bound {CACHE_MB} MB each: {most / 1e6:.1f} MB in memory, {disk / 1e6:.1f} MB on disk.")


def official_checkpoint(folder: Path, config: str) -> Checkpoint:
    """Return random weights for a configuration of the package."""
    path = Path(str(files("sam2"))) / config
    torch.save({"model": bare_model(path).state_dict()}, folder / "random.pt")
    return Checkpoint.at(folder / "random.pt", config=path)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured (default: 9)")
    parser.add_argument("--official", help="a configuration, e.g. configs/sam2.1/sam2.1_hiera_t.yaml")
    parser.add_argument("--memory", action="store_true", help=f"also embed {IMAGES} images")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = official_checkpoint(folder, given.official) if given.official else tiny_checkpoint(folder)
        bench = Bench(made, folder)
        print("| | ours, ms | bare, ms | ratio | goal |\n|---|---|---|---|---|")
        for measure in (measure_first_clicks, measure_warm_clicks, measure_a_prepared_view, measure_many_clickers):
            measure(bench, given.rounds)
        if given.memory:
            measure_memory(bench)
        bench.engine.close()


if __name__ == "__main__":
    main()
