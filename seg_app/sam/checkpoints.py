"""Which checkpoint is loaded with which configuration, and which are here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from seg_app.errors import SegmenterError

SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
"""Size of an official model -> what its configuration is called by; smallest first."""

OFFICIAL_CONFIGS = {
    f"{family}_hiera_{size}": f"configs/{family}/{family}_hiera_{letter}.yaml"
    for family in ("sam2.1", "sam2")
    for size, letter in SIZES.items()
}
"""Stem of an official checkpoint -> name of its configuration in the `sam2` package (its README, "Getting Started")."""

WEIGHTS = Path(__file__).parent / "weights"
BUNDLED = "sam2.1_hiera_micro"
"""Stem of the checkpoint that comes with this package, and of its configuration."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights on disk, and the configuration that says what model they belong to."""

    weights: Path
    config: str
    """A YAML file on disk, or the name of one in the `sam2` package."""
    origin: str = ""
    """What is added to the title, e.g. 'bundled'."""

    @classmethod
    def at(cls, weights: str | Path, *, config: str | Path | None = None) -> Checkpoint:
        """Return the checkpoint at a path; without a config, the one that an official file name stands for.

        Raises SegmenterError when there is no such file, or its name is not an official one and no config is given.
        """
        path = Path(weights).expanduser()
        if not path.is_file():
            raise SegmenterError(f"There is no checkpoint '{path}'. CHECKPOINT_PATH must lead to a SAM 2.1 .pt file.")
        return cls(path, str(config) if config else _config_of(path))

    @classmethod
    def bundled(cls, folder: Path = WEIGHTS) -> Checkpoint | None:
        """Return the checkpoint that comes with this package; None where it was left out of an installation."""
        weights, config = folder / f"{BUNDLED}.pt", folder / f"{BUNDLED}.yaml"
        return cls(weights, str(config), origin="bundled") if weights.is_file() and config.is_file() else None

    @property
    def title(self) -> str:
        """What people call it, e.g. 'SAM 2.1 tiny', 'SAM 2 large', 'SAM 2.1 micro (bundled)'."""
        named = re.fullmatch(r"sam(2|2\.1)_hiera_(\w+)", self.weights.stem)
        title = f"SAM {named[1]} {named[2].replace('_', ' ')}" if named else f"SAM 2.1 {self.weights.stem}"
        return f"{title} ({self.origin})" if self.origin else title


def installed(folder: Path, *, largest_first: bool = False) -> list[Path]:
    """Return the official checkpoints in a folder by size, of one size SAM 2.1 before SAM 2; [] without a folder."""
    sizes = list(SIZES)
    stems = sorted(OFFICIAL_CONFIGS, key=lambda stem: sizes.index(stem.partition("_hiera_")[2]), reverse=largest_first)
    return [path for stem in stems if (path := folder / f"{stem}.pt").is_file()]


def _config_of(path: Path) -> str:
    if path.stem in OFFICIAL_CONFIGS:
        return OFFICIAL_CONFIGS[path.stem]
    raise SegmenterError(
        f"Cannot tell the model of '{path.name}' from its name. "
        f"Set MODEL_CONFIG to its YAML file, or keep an official name: {', '.join(OFFICIAL_CONFIGS)}."
    )
