"""From an address to a segmenter; nothing heavy is imported before it is asked for."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from seg_app.errors import SegmenterError
from seg_app.sam.checkpoints import Checkpoint, installed
from seg_app.sam.devices import Device

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seg_app.sam.cache import CacheLimits
    from seg_app.sam.protocol import Segmenter

log = logging.getLogger(__name__)

INSTALL = "pip install 'seg-app[sam]'"


@dataclass(frozen=True)
class Address:
    """Where a segmenter is, and how it is to be used."""

    uri: str
    config: str | Path | None
    device: str | Device
    token: str | None
    cache: CacheLimits | None

    @property
    def path(self) -> str:
        """What follows the scheme, or everything where there is none."""
        return self.uri.removeprefix("local:")


def connect_sam(
    uri: str | None = None,
    *,
    config: str | Path | None = None,
    device: str | Device = "auto",
    token: str | None = None,
    cache: CacheLimits | None = None,
) -> Segmenter:
    """Return the segmenter at an address; without one, the best that comes with the package (`best_address`).

    uri: 'bundled:' (the weights of the package), 'classical:' (no weights, no torch), 'local:/path/to/checkpoint.pt'
    or a plain path, 'http://host:port' or 'https://…'.
    config: for a checkpoint, its YAML file or the name of one in the `sam2` package, when the file's name does not
    tell. device: 'auto', 'cpu', 'cuda', 'mps', or a `Device`. token: what a server was told to ask for.
    cache: where SAM 2.1 in this process keeps what it made of images; None keeps it in memory.
    Raises SegmenterError when there is nothing of the kind at the address.
    """
    address = Address(uri or best_address(), config, device, token, cache)
    scheme = scheme_of(address.uri)
    if scheme not in ENGINES:
        known = ", ".join(f"'{name}:'" for name in ENGINES)
        raise SegmenterError(
            f"Cannot connect to '{uri}'. Addresses, as BACKEND_URL, begin with {known}, or are a path."
        )
    return ENGINES[scheme](address)


def connect_best(
    checkpoint: Path | None,
    folder: Path,
    *,
    config: str | Path | None = None,
    device: str | Device = "auto",
    cache: CacheLimits | None = None,
) -> Segmenter:
    """Return the segmenter at `best_address`. `config` belongs to `checkpoint`. Raises SegmenterError."""
    address = best_address(checkpoint, folder, device=device)
    return connect_sam(address, config=config if checkpoint else None, device=device, cache=cache)


def best_address(checkpoint: Path | None = None, folder: Path | None = None, *, device: str | Device = "auto") -> str:
    """Return the address of the best segmenter that is here.

    That is the first of: `checkpoint`, where one is given; an official checkpoint in `folder`, of several the largest
    with CUDA and else the smallest, as a click should be answered at once; 'bundled:', the small weights that come
    with the package; 'classical:'. Raises SegmenterError when the device has to be asked, and there is none of this
    name.
    """
    if checkpoint:
        return f"local:{checkpoint}"
    if missing := lacking():
        log.warning("The classical segmenter answers: SAM 2.1 needs %s. Install it by: %s", missing, INSTALL)
        return "classical:"
    if official := _official(folder, device) if folder else None:
        return f"local:{official}"
    if Checkpoint.bundled():
        log.info("The small bundled model answers. For a larger one: seg-app checkpoint get tiny")
        return "bundled:"
    log.warning("The classical segmenter answers. For SAM 2.1: seg-app checkpoint get tiny, or set CHECKPOINT_PATH")
    return "classical:"


def lacking() -> str:
    """Return which packages SAM 2.1 needs that are not installed: they are an extra of this one."""
    return " and ".join(name for name in ("torch", "sam2") if not find_spec(name))


def _official(folder: Path, device: str | Device) -> Path | None:
    found = installed(folder)
    if len(found) > 1:
        from seg_app.sam.loading import device_of  # weight: torch, and only who may choose needs it

        found = installed(folder, largest_first=device_of(Device.of(device).name).type == "cuda")
    return found[0] if found else None


def scheme_of(uri: str) -> str:
    """Return the scheme of an address, 'local' for a plain path."""
    # one letter before the colon is a drive, not a scheme
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", uri)
    return found[1].lower() if found else "local"


def _classical(_address: Address) -> Segmenter:
    from seg_app.sam.classical import ClassicalSegmenter  # weight: scikit-image, 0.5 s

    return ClassicalSegmenter()


def _local(address: Address) -> Segmenter:
    return _sam2(Checkpoint.at(address.path, config=address.config), address)


def _bundled(address: Address) -> Segmenter:
    if checkpoint := Checkpoint.bundled():
        return _sam2(checkpoint, address)
    raise SegmenterError("This installation has no weights in it. Install seg-app again, or set CHECKPOINT_PATH.")


def _sam2(checkpoint: Checkpoint, address: Address) -> Segmenter:
    if missing := lacking():
        raise SegmenterError(f"'{checkpoint.weights}' needs {missing}, not installed here. Install it by: {INSTALL}")
    from seg_app.sam.engine import Sam2Segmenter  # weight: torch, 3 s

    return Sam2Segmenter(checkpoint, device=address.device, cache=address.cache)


def _remote(address: Address) -> Segmenter:
    from seg_app.sam.remote import RemoteSegmenter  # weight: httpx, 0.2 s

    return RemoteSegmenter(address.uri, token=address.token)


ENGINES: dict[str, Callable[[Address], Segmenter]] = {
    "bundled": _bundled,
    "classical": _classical,
    "local": _local,
    "http": _remote,
    "https": _remote,
}
"""Scheme of an address -> what connects to it. A new engine is a module and a line here."""
