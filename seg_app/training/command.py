"""`seg-app train-base`: train the small checkpoint that the package brings along."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from seg_app.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg_app.training.curriculum import Plan
    from seg_app.training.scenes import Scene

SCENES = 1400
EXAMINED = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--work", type=Path, default=None, help="folder for checkpoints, log and synthetic micrographs")
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="folders of micrographs, *.png")
    parser.add_argument(
        "--labels", type=Path, nargs="+", default=None, help="their labels (default: beside the images)"
    )
    parser.add_argument("--steps", type=_counts, default=None, help="steps of the three stages: 600,6000,4000")
    parser.add_argument("--memory-steps", type=int, default=1200, help="steps of the second part, on volumes")
    parser.add_argument("--scenes", type=int, default=SCENES, help=f"synthetic micrographs (default: {SCENES})")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same weights")
    parser.add_argument(
        "--from", type=Path, dest="origin", help="begin with these, their memory too: a work folder, or file"
    )
    parser.add_argument("--device", default="cpu", help="what trains: cpu, cuda, mps (default: cpu)")
    parser.add_argument("--workers", type=int, default=1, help="processes that cut the crops (default: 1)")
    parser.add_argument("--times", type=int, default=1, help="so many times the crops of a step: 20 for a GPU")
    parser.add_argument("--rate", type=float, default=6e-4, help="largest learning rate (default: 6e-4)")
    parser.add_argument(
        "--real-part", type=_part, default=0.65, help="which part of the crops is cut from --images (default: 0.65)"
    )
    parser.add_argument("--half", action="store_true", help="bfloat16: faster on processors that have it (AVX512-BF16)")
    parser.add_argument("--export", type=Path, default=None, help="write the averaged weights there, and stop")


def _counts(text: str) -> tuple[int, int, int]:
    dense, small, full = (int(part) for part in text.split(","))
    return dense, small, full


def _part(text: str) -> float:
    part = float(text)
    if not 0 <= part <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a part, from 0 to 1")
    return part


def run(options: argparse.Namespace) -> None:
    """Train images, then the memory, or export; a work folder that has checkpoints is gone on with.

    Raises SegAppError.
    """
    from seg_app.training.curriculum import standard  # weight: torch, and only this command needs it
    from seg_app.training.export import export

    work = options.work or user_cache_path("seg_app") / "training"
    if options.export:
        export(work, options.export)
        return
    steps = {"steps": options.steps} if options.steps else {}
    names = ("times", "rate", "seed", "half", "real_part")
    plan = standard(**steps, **{name: getattr(options, name) for name in names})
    real = _images(options, plan, work)
    if options.memory_steps:
        _memory(options, real, work)


def _images(options: argparse.Namespace, plan: Plan, work: Path) -> Sequence[Scene]:
    """Train with single images; return the real ones."""
    from seg_app.training.micrographs import HELD_OUT_SEED, Drawings, Micrographs, read_folder
    from seg_app.training.pictures import Pictures
    from seg_app.training.trainer import Trainer
    from seg_app.training.validation import Exam

    folders = _folders(options)
    real = Micrographs([pair for folder in folders for pair in read_folder(*folder, validation=False).paths])
    exams: dict[str, Sequence[Scene]] = {}
    if folders:
        exams["real"] = read_folder(*folders[0], validation=True)[:EXAMINED]
    exams["synthetic"] = Drawings(work / "scenes", count=EXAMINED, seed=HELD_OUT_SEED)
    drawn = Drawings(work / "scenes", count=options.scenes, seed=options.seed)
    trainer = Trainer(plan, Pictures(drawn, real), work, origin=options.origin, device=options.device)
    trainer.run(exam=Exam(exams), workers=options.workers)
    return real


def _folders(options: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Return the folders of images with those of their labels; the first one is examined, too."""
    labels = options.labels or [images.parent / "labels" for images in options.images]
    if len(labels) != len(options.images):
        raise SettingsError(
            f"There are {len(options.images)} folders of images and {len(labels)} of labels. Give as many."
        )
    return list(zip(options.images, labels, strict=True))


def _memory(options: argparse.Namespace, real: Sequence[Scene], work: Path) -> None:
    from seg_app.training.export import averaged, read_checkpoint
    from seg_app.training.memory import MemoryPlan, MemoryTrainer

    steps, is_new = options.memory_steps, read_checkpoint(work)["is_new"]
    plan = MemoryPlan(steps=steps, large_from=int(0.7 * steps), objects=6 * options.times, seed=options.seed)
    trainer = MemoryTrainer(plan, real, work, weights=averaged(work), is_new=is_new, device=options.device)
    trainer.run(workers=options.workers)
