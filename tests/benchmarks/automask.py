"""How long automatic masks take, and what memory, beside the package's own generator on the same weights.

    python tests/benchmarks/automask.py [--edges 1024 2048 4096] [--points 16] [--size t]

Each side runs in a process of its own, twice in turns; the table is Markdown. The weights are random, unless a
checkpoint is given: the time does not care, but the thresholds are laid so that some of the masks pass.
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

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

ROUNDS = 2
SEED = 0
LOOSE = {"stability_score_offset": 0.01, "pred_iou_thresh": 0.45, "stability_score_thresh": 0.85}
"""For random weights, whose logits lie close together."""


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


def run(side: str, edge: int, points: int, checkpoint: str, *, random: bool) -> None:
    """Search one image with one of the two, and print seconds, the memory that it took on top, and its masks."""
    warnings.simplefilter("ignore")
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.engine import Sam2Segmenter

    weights, _, config = checkpoint.partition("|")
    engine = Sam2Segmenter(Checkpoint.at(weights, config=config or None), device="cpu")
    options = {"points_per_side": points, **(LOOSE if random else {})}
    image = micrograph(edge)
    before = _memory()
    start = time.perf_counter()
    if side == "bare":
        from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

        generator = SAM2AutomaticMaskGenerator(engine._predictor.model, **options, output_mode="uncompressed_rle")
        generator.predictor._bb_feat_sizes = engine._predictor._bb_feat_sizes
        masks = len(generator.generate(image))
    else:
        *_, last = engine.automask(image, AutoOptions(**options))
        masks = len(last.masks)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak - before, "masks": masks}))


def _memory() -> int:
    """Return the bytes that this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


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


def measured(side: str, edge: int, arguments: list[str]) -> dict[str, float]:
    """Return what `run` prints in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--edges", str(edge), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(edges: list[int], points: int, checkpoint: str, *, random: bool) -> None:
    """Print a row for each size of the image."""
    arguments = ["--points", str(points), "--checkpoint", checkpoint, *(["--random"] if random else [])]
    print(f"{points} × {points} points on the CPU, median of {ROUNDS}\n")
    print("| image | package | here | faster | package's memory | memory here | part | masks |")
    print("|---|---|---|---|---|---|---|---|")
    for edge in edges:
        rounds = [{side: measured(side, edge, arguments) for side in ("bare", "ours")} for _ in range(ROUNDS)]
        s, m = ({k: median(r[k][what] for r in rounds) for k in ("bare", "ours")} for what in ("seconds", "peak"))
        print(
            f"| {edge}² | {s['bare']:.1f} s | {s['ours']:.1f} s | {s['bare'] / s['ours']:.2f} × "
            f"| {m['bare'] / 2**20:.0f} MiB | {m['ours'] / 2**20:.0f} MiB | {m['ours'] / m['bare']:.2f} "
            f"| {rounds[0]['bare']['masks']:.0f} / {rounds[0]['ours']['masks']:.0f} |",
            flush=True,
        )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, nargs="+", default=[1024])
    parser.add_argument("--points", type=int, default=16)
    parser.add_argument("--size", default="t", help="of the official model with random weights: t, s, b+ or l")
    parser.add_argument("--checkpoint", help="weights, or weights|configuration, in place of random ones")
    parser.add_argument("--random", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=["bare", "ours"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        run(given.side, given.edges[0], given.points, given.checkpoint, random=given.random)
        return
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = given.checkpoint or random_checkpoint(Path(folder), given.size)
        compare(given.edges, given.points, checkpoint, random=not given.checkpoint)


if __name__ == "__main__":
    main()
