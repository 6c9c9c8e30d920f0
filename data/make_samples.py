"""Make the sample images, once: `python data/make_samples.py [FOLDER] [--small]`.

The same call gives the same bytes. An image that is there already is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seg_app.errors import SegAppError
from seg_app.settings import Settings

if TYPE_CHECKING:
    from sample import Sample

# Each start of the app comes by here, mostly to find that all is there: what makes the images is imported by need.


class Recipe(NamedTuple):
    """How images that belong together are made."""

    title: str
    names: tuple[str, ...]
    make: Callable[[], dict[str, Sample]]
    make_small: Callable[[], dict[str, Sample]]


def _volume(shape: tuple[int, int, int]) -> dict[str, Sample]:
    from fib_volume import fib_volume

    return fib_volume(shape)


def _micrograph(shape: tuple[int, int]) -> dict[str, Sample]:
    from sem_micrograph import sem_micrograph

    return sem_micrograph(shape)


def _photographs() -> dict[str, Sample]:
    from photographs import photographs

    return photographs()


RECIPES = (
    Recipe(
        "sample volume",
        ("fib_volume", "fib_volume_truth"),
        lambda: _volume((24, 2048, 2048)),
        lambda: _volume((4, 256, 256)),
    ),
    Recipe(
        "sample micrograph",
        ("sem_micrograph", "sem_micrograph_truth"),
        lambda: _micrograph((4096, 6144)),
        lambda: _micrograph((384, 512)),
    ),
    Recipe("photographs", ("coins", "cell", "gravel", "immunohistochemistry"), _photographs, _photographs),
)


def make_samples(folder: Path, *, small: bool = False, tell: Callable[[str], None] = print) -> list[Path]:
    """Make what is missing in `folder`, and return the paths of all samples, each named `<name>.zarr`.

    `small` images have at most 4 × 256 × 256 or 384 × 512 pixels, for tests. `tell` hears what is being made.
    Raises StorageError when something cannot be written; what was complete before stays.
    """
    for step, recipe in enumerate(RECIPES, start=1):
        missing = [name for name in recipe.names if not _path(folder, name).exists()]
        if missing:
            tell(f"Making the {recipe.title} ({step} of {len(RECIPES)}) ...")
            samples = recipe.make_small() if small else recipe.make()
            for name in missing:
                _write(_path(folder, name), samples[name])
    return [_path(folder, name) for recipe in RECIPES for name in recipe.names]


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.zarr"


def _write(path: Path, sample: Sample) -> None:
    from seg_app.io.ome_zarr import write

    write(
        path,
        sample.planes,
        pixel_size_nm=sample.pixel_size_nm,
        labels=sample.labels,
        attributes=sample.attributes,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the samples as the command line says; return 0, or 1 when they could not be written."""
    parser = argparse.ArgumentParser(description="Make the sample images; those that are there are left as they are.")
    parser.add_argument("folder", type=Path, nargs="?", help="where to put them (default: where the app looks)")
    parser.add_argument("--small", action="store_true", help="make small ones, for tests")
    options = parser.parse_args(arguments)
    try:
        folder = options.folder or Settings.read().home / "samples"
        paths = make_samples(folder, small=options.small)
    except SegAppError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(paths)} samples are in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
