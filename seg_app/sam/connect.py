"""From an address to a segmenter; nothing heavy is imported before it is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seg_app.errors import SegmenterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seg_app.sam.protocol import Segmenter


@dataclass(frozen=True)
class Address:
    """Where a segmenter is, and how it is to be used."""

    uri: str
    config: str | Path | None
    device: str
    token: str | None

    @property
    def path(self) -> str:
        """What follows the scheme, or everything where there is none."""
        return self.uri.removeprefix("local:")


def connect_sam(
    uri: str | None = None, *, config: str | Path | None = None, device: str = "auto", token: str | None = None
) -> Segmenter:
    """Return the segmenter at an address; without one, the classical segmenter, which needs no weights.

    uri: 'classical:', 'local:/path/to/checkpoint.pt' or a plain path, 'http://host:port' or 'https://…'.
    config: for a checkpoint, its YAML file or the name of one in the `sam2` package, when the file's name does not
    tell. device: 'auto', 'cpu', 'cuda', 'mps'. token: what a server was told to ask for.
    Raises SegmenterError when there is nothing of the kind at the address.
    """
    address = Address(uri or "classical:", config, device, token)
    scheme = _scheme(address.uri)
    if scheme not in ENGINES:
        known = ", ".join(f"'{name}:'" for name in ENGINES)
        raise SegmenterError(f"Cannot connect to '{uri}'. Known addresses begin with {known}, or are a path.")
    return ENGINES[scheme](address)


def _scheme(uri: str) -> str:
    # one letter before the colon is a drive, not a scheme
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", uri)
    return found[1].lower() if found else "local"


def _classical(_address: Address) -> Segmenter:
    from seg_app.sam.classical import ClassicalSegmenter  # weight: scikit-image, 0.5 s

    return ClassicalSegmenter()


def _local(address: Address) -> Segmenter:
    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.engine import Sam2Segmenter  # weight: torch, 3 s

    return Sam2Segmenter(Checkpoint.at(address.path, config=address.config), device=address.device)


def _remote(address: Address) -> Segmenter:
    from seg_app.sam.remote import RemoteSegmenter  # weight: httpx, 0.2 s

    return RemoteSegmenter(address.uri, token=address.token)


ENGINES: dict[str, Callable[[Address], Segmenter]] = {
    "classical": _classical,
    "local": _local,
    "http": _remote,
    "https": _remote,
}
"""Scheme of an address -> what connects to it. A new engine is a module and a line here."""
