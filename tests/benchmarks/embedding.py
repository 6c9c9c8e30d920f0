"""How long clicks take beside the bare `sam2` package on the same weights: new views, a restart, HTTP, many users.

    python tests/benchmarks/embedding.py [--rounds N] [--bundled | --small | --official CONFIG] [--only warm ...]
    python tests/benchmarks/embedding.py --device cuda [--single] [--compiled] ...

Both sides run alternately in one process, and medians are compared: a ratio is ours / theirs. Over HTTP the model is in
a `seg-app sam` of its own process. The model has random weights and a configuration of the package, so that it takes
the time of the real ones; or it is the bundled one, or the small one of the tests. At last, many images are embedded:
what a process holds then, beside what it keeps ready for the next image, must not be more than its cache may have.

With CUDA both sides compute in half precision, as the package's examples do, or both in --single. --compiled is of our
side only. Every answer ends in main memory, at the resolution of the image, so that nothing is left to wait for: the
package gives the logits of all pixels for each of its masks; ours are asked for each mask as the page takes it, which
is the logits around the object, and once for those of all pixels, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

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
from seg_app.sam.protocol import Segmenter  # noqa: E402
from tests.benchmarks.loopback import served  # noqa: E402
from tests.benchmarks.resident import give_back, taken_bytes  # noqa: E402
from tests.benchmarks.sides import PLANE, Bench, drawn, ratio, seconds  # noqa: E402
from tests.tiny_sam import bare_model, tiny_checkpoint  # noqa: E402

TINY = "configs/sam2.1/sam2.1_hiera_t.yaml"
CLICKERS = 16
ANSWERS = 32
IMAGES = 500
CACHE_MB = 64
IN_A_ROW = 5
"""Clicks of a script, without a pause. Those of people come alone, when the threads of a side have gone to sleep."""


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
            for what, click in (("", click_again), (", logits of all pixels", click_for_all)):
                for how, count in (("in a row", IN_A_ROW), ("alone", 1)):
                    ours, theirs = [], []
                    for _ in range(5 * rounds // count):
                        theirs.append(seconds(lambda n=count: repeat(n, bench.click_bare_again)) / count)
                        one = partial(click, bench, segmenter, image, 1)
                        ours.append(seconds(lambda n=count, one=one: repeat(n, one)) / count)
                    ratio(f"warm click{title}, {how}{what}", ours, theirs, goal="–" if what else goal)


def repeat(count: int, act: Callable[[], object]) -> None:
    """Do something several times."""
    for _ in range(count):
        act()


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
    return tiny_checkpoint(folder) if given.small else official_checkpoint(folder, given.official)


def add_models(parser: argparse.ArgumentParser) -> None:
    """Let the command line choose a model."""
    parser.add_argument("--official", default=TINY, help=f"a configuration of the package (default: {TINY})")
    parser.add_argument("--bundled", action="store_true", help="the weights of the project instead")
    parser.add_argument("--small", action="store_true", help="the model of the tests instead, in which all is overhead")


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
    add_models(parser)
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
