"""Model configurations: those of the `sam2` package by name, others from a YAML file."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from seg_app.errors import SegmenterError

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_CLASSES = "sam2.modeling."
_HYDRA = Lock()
"""Hydra has one search path for the whole process."""


@contextmanager
def hydra_config(config: str) -> Iterator[str]:
    """Let Hydra find a configuration, and yield the name that it goes by there.

    config: a YAML file on disk, or the name of one in the `sam2` package.
    Raises SegmenterError when the file asks for anything but the classes of `sam2`: what a configuration names is run.
    """
    path = Path(config).expanduser()
    with _HYDRA:
        if not path.is_file():
            yield config
            return
        _check(path)
        with _searching(path.resolve().parent):
            yield path.name


@contextmanager
def _searching(folder: Path) -> Iterator[None]:
    from hydra import initialize_config_dir, initialize_config_module  # weight, and only sam2 needs it
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), version_base="1.2"):
            yield
    finally:
        GlobalHydra.instance().clear()
        # as `import sam2` left it
        initialize_config_module("sam2", version_base="1.2")


def _check(path: Path) -> None:
    from omegaconf import OmegaConf

    content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    if not _is_model(content) or "defaults" in content:
        raise SegmenterError(
            f"'{path}' is not a model configuration: it needs the key 'model' with a '_target_', and no 'defaults'."
        )
    for target in _targets(content):
        if not _is_own_class(target):
            raise SegmenterError(
                f"'{path}' asks for '{target}'. Only classes of {OWN_CLASSES}* may be named in a configuration."
            )


def _is_own_class(target: str) -> bool:
    """Say whether a target is a class where it is defined: from 'sam2.build_sam.torch.load' anything can be reached."""
    module, _, name = target.rpartition(".")
    if not module.startswith(OWN_CLASSES):
        return False
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__ == module


def _is_model(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("model"), dict) and "_target_" in content["model"]


def _targets(content: Any) -> Iterator[str]:
    """Yield every class that a configuration names, at any depth."""
    if isinstance(content, dict):
        if "_target_" in content:
            yield str(content["_target_"])
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from _targets(part)
