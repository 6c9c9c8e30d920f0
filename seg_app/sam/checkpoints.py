"""Which checkpoint is loaded with which configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg_app.errors import SegmenterError

OFFICIAL_CONFIGS = {
    f"{family}_hiera_{size}": f"configs/{family}/{family}_hiera_{letter}.yaml"
    for family in ("sam2.1", "sam2")
    for size, letter in (("tiny", "t"), ("small", "s"), ("base_plus", "b+"), ("large", "l"))
}
"""Stem of an official checkpoint -> name of its configuration in the `sam2` package (its README, "Getting Started")."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights on disk, and the configuration that says what model they belong to."""

    weights: Path
    config: str
    """A YAML file on disk, or the name of one in the `sam2` package."""

    @classmethod
    def at(cls, weights: str | Path, *, config: str | Path | None = None) -> Checkpoint:
        """Return the checkpoint at a path; without a config, the one that an official file name stands for.

        Raises SegmenterError when there is no such file, or its name is not an official one and no config is given.
        """
        path = Path(weights).expanduser()
        if not path.is_file():
            raise SegmenterError(f"There is no checkpoint '{path}'. Give the path of a SAM 2.1 file ending in .pt.")
        return cls(path, str(config) if config else _config_of(path))


def _config_of(path: Path) -> str:
    if path.stem in OFFICIAL_CONFIGS:
        return OFFICIAL_CONFIGS[path.stem]
    raise SegmenterError(
        f"Cannot tell the model of '{path.name}' from its name. "
        f"Set MODEL_CONFIG to its YAML file, or keep an official name: {', '.join(OFFICIAL_CONFIGS)}."
    )
