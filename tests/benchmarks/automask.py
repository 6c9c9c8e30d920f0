"""How long automatic masks take, and what memory, beside the package's own generator on the same weights.

    python tests/benchmarks/automask.py [--edges 1024 2048] [--points 16] [--rounds 2] [--bundled | --size t]
    python tests/benchmarks/automask.py --edges 4096 --points 8 --batch 16 --gib 18
    python tests/benchmarks/automask.py --device cuda [--single] --gib 70 --points 32
    python tests/benchmarks/automask.py --shift

Each side runs in a process of its own, in turns, with at most 8 GiB, or --gib: for 4096² the package needs 25, or less
where it is asked fewer points at a time than 64 (--batch). The table is Markdown, and its last column says how many of
the package's masks are among ours. The weights are random, unless the bundled ones or a checkpoint are asked for: the
time does not care, but the thresholds are laid so that some of the masks pass. --shift prints instead how many objects
of the bundled weights are the same, both ways, when the windows lie elsewhere. Half a window is how far they lie from
each other, so that a quarter moves them most.

With CUDA the memory is that of the graphics card, both sides have searched a corner of the image before, and both
compute in half precision, as the package's examples do, or both in --single. Which masks are the same is to be asked
in --single: with the bundled weights on 1024² pixels and thresholds that 540 masks pass, the package finds 97% of its
own masks in half precision, we find 98% of those that it finds in half, and all in single precision.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from tests.benchmarks.agreement import packed, rles_of, share_found  # noqa: E402 - beside the tests, in no package
from tests.benchmarks.resident import most_taken_bytes, taken_bytes  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from seg_app.sam.engine import Sam2Segmenter
    from tests.benchmarks.agreement import Rle

SEED = 0
WARM_EDGE, WARM_POINTS = 256, 8
"""Edge in pixels of the corner that is searched before with CUDA, and points on a side of it."""
MOST_GIB = 8
LARGEST_FAILURE = 300
"""Characters of what a process said last that are shown."""
LOOSE = {"stability_score_offset": 0.01, "pred_iou_thresh": 0.45, "stability_score_thresh": 0.85}
"""For random weights, whose logits lie close together."""
FASTER = {1024: 1.4, 2048: 2.5, 4096: 8.0}
"""Edge of the image -> how many times faster than the package is the goal."""
MEMORY, ALIKE, FOUND = 0.2, 0.95, 0.98
"""The goals: at most this part of the package's memory; IoU from which a mask is found; the share that is found."""
SHIFTED_ALIKE, SHIFTED_FOUND = 0.9, 0.97
BUNDLED = {"pred_iou_thresh": 0.5, "stability_score_thresh": 0.8}
"""For the bundled weights, which are less sure of themselves than the official ones."""


def micrograph(edge: int) -> np.ndarray:
    """Return an (edge, edge, 3) uint8 image of 300 bright discs."""
    rng = np.random.default_rng(SEED)
    grey = rng.normal(60, 8, (edge, edge)).astype(np.float32)
    for _ in range(300):
        radius = rng.uniform(0.01, 0.04) * edge
        cy, cx = rng.uniform(0, edge, 2)
        top, left = max(int(cy - radius), 0), max(int(cx - radius), 0)
        y, x = np.ogrid[top : min(int(cy + radius) + 1, edge), left : min(int(cx + radius) + 1, edge)]
        grey[y, x] = np.where(np.hypot(y - cy, x - cx) <= radius, rng.uniform(120, 220), grey[y, x])
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def run(given: argparse.Namespace) -> None:
    """Search one image with one of the two, and print seconds, the memory that it took on top, and masks (JSON)."""
    warnings.simplefilter("ignore")
    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.devices import Device
    from seg_app.sam.engine import Sam2Segmenter

    weights, _, config = given.checkpoint.partition("|")
    limit(given.device, given.gib)
    device = Device(given.device, may_be_half=not given.single)
    engine = Sam2Segmenter(Checkpoint.at(weights, config=config or None), device=device)
    thresholds = LOOSE if given.random else BUNDLED if "micro" in weights else {}
    search = {"bare": by_package, "ours": by_us}[given.side]
    image = micrograph(edge := given.edges[0])
    if given.device == "cuda":  # what a process does once: loading of kernels, the choice among them
        search(engine, image[:WARM_EDGE, :WARM_EDGE], {**grid_of(given), "points_per_side": WARM_POINTS, **thresholds})
    before = fresh_bytes(given.device)
    start = time.perf_counter()
    masks = search(engine, image, {**grid_of(given), **thresholds})
    seconds = time.perf_counter() - start
    peak = most_taken_bytes(given.device) - before
    print(json.dumps({"seconds": seconds, "peak": peak, "masks": masks(edge)}))


def by_package(engine: Sam2Segmenter, image: np.ndarray, options: dict[str, Any]) -> Callable[[int], list[Rle]]:
    """Search with the package's generator, on the model of our engine; return what makes its masks comparable."""
    import torch
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    generator = SAM2AutomaticMaskGenerator(engine._predictor.model, **options, output_mode="uncompressed_rle")
    generator.predictor._bb_feat_sizes = engine._predictor._bb_feat_sizes
    with torch.inference_mode(), engine._precision.within():
        found = generator.generate(image)
    return lambda _: packed([each["segmentation"] for each in found])


def by_us(engine: Sam2Segmenter, image: np.ndarray, options: dict[str, Any]) -> Callable[[int], list[Rle]]:
    """Search with our engine; return what makes its masks on an image of this edge comparable."""
    from seg_app.sam.autooptions import AutoOptions

    *_, last = engine.automask(image, AutoOptions(**options))
    return lambda edge: rles_of([auto.mask for auto in last.masks], edge, edge)


def limit(device: str, gib: int) -> None:
    """Let this process have at most so much memory, of the graphics card with CUDA."""
    import torch

    if device == "cuda":
        share = gib * 2**30 / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(share, 1.0))
    else:
        resource.setrlimit(resource.RLIMIT_DATA, (gib * 2**30,) * 2)


def fresh_bytes(device: str) -> int:
    """Return what this process has now; from here on the most that it has is looked for."""
    import torch

    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return taken_bytes(device)


def grid_of(given: argparse.Namespace) -> dict[str, int]:
    """Return which points are asked, as both sides call it."""
    return {"points_per_side": given.points, "points_per_batch": given.batch}


def random_checkpoint(folder: Path, size: str) -> str:
    """Write random weights of an official configuration, and return where they are and their configuration."""
    import torch

    from seg_app.sam.compat import ensure_torchvision

    ensure_torchvision()
    from sam2.build_sam import build_sam2

    config = f"configs/sam2.1/sam2.1_hiera_{size}.yaml"
    torch.manual_seed(SEED)
    torch.save({"model": build_sam2(config, device="cpu").state_dict()}, folder / "random.pt")
    return f"{folder / 'random.pt'}|{config}"


def measured(side: str, edge: int, arguments: list[str]) -> dict[str, Any]:
    """Return what `run` prints in a process of its own; nothing where the memory is not enough, and says so."""
    command = [sys.executable, __file__, "--side", side, "--edges", str(edge), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        if "memory" not in last.lower():
            raise SystemExit(f"{edge}², {side}, failed with status {done.returncode}: {last}")
        print(f"{edge}², {side}: does not fit. {last[:LARGEST_FAILURE]}", file=sys.stderr, flush=True)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def compare(given: argparse.Namespace, checkpoint: str) -> None:
    """Print a row for each size of the image."""
    points, batch, gib, rounds = given.points, given.batch, given.gib, given.rounds
    arguments = ["--checkpoint", checkpoint, *([] if given.checkpoint else ["--random"]), "--device", given.device]
    arguments += ["--points", str(points), "--batch", str(batch), "--gib", str(gib)]
    arguments += ["--single"] if given.single else []
    where = f"on {given.device}{' in single precision' if given.single else ''}"
    print(f"{points} × {points} points, {batch} at a time, {where}, median of {rounds}, at most {gib} GiB\n")
    titles = ["image", "package", "here", "faster", "goal", "package's memory", "memory here"]
    titles += [f"part, goal ≤ {MEMORY:g}", "masks", f"of its masks, found here, IoU ≥ {ALIKE:g}, goal ≥ {FOUND:.0%}"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for edge in given.edges:
        all_rounds = [{side: measured(side, edge, arguments) for side in ("bare", "ours")} for _ in range(rounds)]
        bare, ours = ([each[side] for each in all_rounds if each[side]] for side in ("bare", "ours"))
        print(f"| {edge}² | {' | '.join(_cells(edge, bare, ours))} |", flush=True)


def _cells(edge: int, bare: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[str]:
    """Return the cells of a row; what did not get through is a dash."""
    s, m = ([median(each[what] for each in side) if side else None for side in (bare, ours)] for what in WHAT)
    times = [f"{each:.2f} s" if each else "–" for each in s]
    memory = [f"{each / 2**20:.0f} MiB" if each else "does not fit" for each in m]
    ratios = [f"{s[0] / s[1]:.2f} ×", f"{m[1] / m[0]:.2f}"] if all(s) and all(m) else ["–", "–"]
    goal = f"≥ {FASTER[edge]:g} ×" if edge in FASTER else "–"
    masks = " / ".join(f"{len(side[0]['masks'])}" if side else "–" for side in (bare, ours))
    share = f"{share_found(bare[0]['masks'], ours[0]['masks'], at_least=ALIKE):.1%}" if bare and ours else "–"
    return [*times, ratios[0], goal, *memory, ratios[1], masks, share]


WHAT = "seconds", "peak"


def measure_shift(points: int) -> None:
    """Print how many objects of the bundled model are the same when its windows lie elsewhere."""
    from seg_app.sam.automask import search
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.crops import crops_of
    from seg_app.sam.engine import Sam2Segmenter

    bundled = Checkpoint.bundled()
    assert bundled, "this checkout has no weights"
    engine = Sam2Segmenter(bundled, device="cpu")
    image, options = micrograph(3 * engine.input_size), AutoOptions(points, windows=True, **BUNDLED)
    titles = "windows moved by", "objects", "of these, found unmoved", "of those unmoved, found"
    print(f"The same is an IoU ≥ {SHIFTED_ALIKE:g}; the goal is ≥ {SHIFTED_FOUND:.0%}, both ways\n")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    found = []
    for shift in (0, engine.input_size // 4, engine.input_size // 2):
        crops = crops_of(image, options, size=engine.input_size, shift=shift)
        *_, last = search(image, crops, options, open_window=engine._decoder_of)
        found.append(rles_of([auto.mask for auto in last.masks], *image.shape[:2]))
        ways = (found[-1], found[0]), (found[0], found[-1])
        shares = [f"{share_found(*way, at_least=SHIFTED_ALIKE):.1%}" for way in ways]
        print(f"| {shift} px | {len(found[-1])} | {' | '.join(shares)} |", flush=True)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, nargs="+", default=[1024])
    parser.add_argument("--points", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64, help="points at a time, for both sides")
    parser.add_argument("--size", default="t", help="of the official model with random weights: t, s, b+ or l")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--gib", type=int, default=MOST_GIB, help="memory that a side may take")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="what both sides compute on")
    parser.add_argument("--single", action="store_true", help="both in single precision, also with CUDA")
    parser.add_argument("--shift", action="store_true", help="let the windows lie elsewhere")
    parser.add_argument("--bundled", action="store_true", help="the weights of the package in place of random ones")
    parser.add_argument("--checkpoint", help="weights, or weights|configuration, in place of random ones")
    parser.add_argument("--random", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=["bare", "ours"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        run(given)
        return
    if given.shift:
        measure_shift(given.points)
        return
    if given.bundled:
        weights = ROOT / "seg_app" / "sam" / "weights" / "sam2.1_hiera_micro.pt"
        given.checkpoint = f"{weights}|{weights.with_suffix('.yaml')}"
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = given.checkpoint or random_checkpoint(Path(folder), given.size)
        compare(given, checkpoint)


if __name__ == "__main__":
    main()
