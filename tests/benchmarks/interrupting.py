"""How long clicks take while all objects of an image are searched, beside clicks when nothing else runs.

    python tests/benchmarks/interrupting.py [--clicks N] [--bundled | --small | --official CONFIG] [--device cuda]

One user clicks, thinks for a while, and clicks again, on a window that is embedded; the search of another one goes on
and on in another thread. Windows are as large as the model's input, and the weights are those of embedding.py. The goal
is a 95th percentile of at most twice that without the search.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from seg_app.records import Point, Prompts  # noqa: E402 - beside the tests, in no package
from seg_app.sam.autooptions import AutoOptions  # noqa: E402
from seg_app.sam.engine import Sam2Segmenter  # noqa: E402
from tests.benchmarks.embedding import add_models, chosen_checkpoint  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

THINKING_S = 0.05
ROUNDS = 5


def noise(seed: int, size: int) -> np.ndarray:
    """Return a read-only window of noise, as those of a session are."""
    image = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    image.flags.writeable = False
    return image


def clicks_ms(engine: Sam2Segmenter, image: np.ndarray, count: int) -> list[float]:
    """Return how long each of some clicks takes, in ms."""
    taken, size = [], len(image)
    for i in range(count):
        time.sleep(THINKING_S)
        start = time.perf_counter()
        engine.predict(image, Prompts((Point(size // 5 + 5 * i % (size // 2), size // 2),)))
        taken.append(1000 * (time.perf_counter() - start))
    return taken


@contextmanager
def searching(engine: Sam2Segmenter, image: np.ndarray) -> Iterator[list[float]]:
    """Search an image again and again in the meantime; yield what is told of the progress."""
    done, told = threading.Event(), []

    def search() -> None:
        while not done.is_set():
            for step in engine.automask(image, AutoOptions(points_per_batch=16)):
                told.append(step.done)
                if done.is_set():
                    return

    thread = threading.Thread(target=search)
    thread.start()
    while not told:  # the image is embedded: from here on points are asked
        time.sleep(0.01)
    try:
        yield told
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=40, help="how many are measured (default: 40)")
    add_models(parser)
    parser.add_argument("--device", default="cpu", help="what the model computes on")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        engine = Sam2Segmenter(chosen_checkpoint(Path(name), given), device=given.device)
        clicked, searched = (noise(seed, engine.input_size) for seed in (0, 1))
        clicks_ms(engine, clicked, 3)
        alone, meanwhile, steps = [], [], 0
        for _ in range(ROUNDS):  # by turns: other programs slow both down alike
            alone.extend(clicks_ms(engine, clicked, given.clicks // ROUNDS))
            with searching(engine, searched) as told:
                meanwhile.extend(clicks_ms(engine, clicked, given.clicks // ROUNDS))
                steps += len(told)
        print("| | median, ms | 95 %, ms |\n|---|---|---|")
        for title, taken in (("nothing else runs", alone), (f"during a search, {steps} steps of it", meanwhile)):
            print(f"| {title} | {np.median(taken):.1f} | {np.percentile(taken, 95):.1f} |")
        ratio = np.percentile(meanwhile, 95) / np.percentile(alone, 95)
        print(f"\n95th percentile: {ratio:.2f} times that without a search (goal: at most 2)")
        engine.close()


if __name__ == "__main__":
    main()
