"""Which models can be chosen on this machine, and what each of them is good for here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seg_app.sam.checkpoints import OFFICIAL_CONFIGS, Checkpoint, installed
from seg_app.sam.connect import INSTALL, lacking, scheme_of
from seg_app.sam.devices import Device
from seg_app.sam.shelf import Offer, Stock

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHOUT_GPU = {
    "tiny": "suits a machine without a GPU: waits a few seconds for each new view, then answers clicks at once",
    "small": "a little better than tiny, and slower",
    "base_plus": "slow without a GPU",
    "large": "slow without a GPU: each new view takes about four times as long as with tiny",
}
"""Two cores need 3.1 s for a window with tiny, 12.4 s with large."""
WITH_GPU = {
    "tiny": "the fastest; this machine has a GPU for a larger one",
    "small": "fast, and a little better than tiny",
    "base_plus": "good outlines; fast enough with the GPU of this machine",
    "large": "the best outlines; suits the GPU of this machine",
}
BUNDLED = "small and fast, trained on electron micrographs; comes along"
CLASSICAL = "edges and grey values only; needs neither weights nor a GPU"
SERVER = "computed there, whatever this machine is"
OF_SETTINGS = "the checkpoint that this app was told to use"
MAKESHIFT = "The classical segmenter answers. "
NO_WEIGHTS = "No official SAM 2.1 weights are here. To get some, on the machine of the app: seg-app checkpoint get tiny"


def stock_of(default: str, folder: Path, *, others: Sequence[str] = (), device: str | Device = "auto") -> Stock:
    """Return the default, then `others`, the official checkpoints of a folder, the bundled one and the classical one.

    default, others: addresses, see `connect_sam`; what somebody has asked for is among the others. Where SAM 2.1 cannot
    be loaded, its models are left out, unless they are the default. Raises SegmenterError when there is no device of
    this name.
    """
    missing = lacking()
    official = () if missing else tuple(f"local:{path}" for path in installed(folder))
    given = [default, *(address for address in others if not missing or scheme_of(address) != "local")]
    ours = ["bundled:"] if Checkpoint.bundled() and not missing else []
    addresses = dict.fromkeys([*given, *(a for a in official if not _is_among(a, given)), *ours, "classical:"])
    judged = WITH_GPU if not missing and any(map(_size_of, addresses)) and _has_gpu(device) else WITHOUT_GPU
    offers = tuple(Offer(a, _title(a, official), _judgement(a, judged), a == default) for a in addresses)
    advice = f"SAM 2.1 needs {missing}. Install it by: {INSTALL}" if missing else "" if official else NO_WEIGHTS
    is_makeshift = default == "classical:" and default not in others
    return Stock(offers, advice, MAKESHIFT + (advice or NO_WEIGHTS) if is_makeshift else "")


def _path_of(address: str) -> Path | None:
    return Path(address.removeprefix("local:")) if scheme_of(address) == "local" else None


def _is_among(address: str, given: Sequence[str]) -> bool:
    """Say whether a checkpoint that is here is given already, maybe by another path."""
    path = _path_of(address)
    others = (other for a in given if a != address and (other := _path_of(a)) and other.is_file())
    return bool(path) and any(path.samefile(other) for other in others)


def _size_of(address: str) -> str:
    """Return the size of an official model, 'tiny' to 'large'; empty for others."""
    path = _path_of(address)
    return path.stem.partition("_hiera_")[2] if path and path.stem in OFFICIAL_CONFIGS else ""


def _has_gpu(device: str | Device) -> bool:
    from seg_app.sam.loading import device_of  # weight: torch, and only who may choose a model needs it

    return device_of(Device.of(device).name).type != "cpu"


def _title(address: str, official: Sequence[str]) -> str:
    if path := _path_of(address):
        return Checkpoint(path, "", origin="" if address in official else "CHECKPOINT_PATH").title
    scheme = scheme_of(address)
    if scheme == "bundled" and (bundled := Checkpoint.bundled()):
        return bundled.title
    return "Classical · no weights" if scheme == "classical" else f"SAM server at {_host(address)}"


def _host(address: str) -> str:
    """Return the host and port of an address, without user and password."""
    return address.partition("//")[2].partition("/")[0].rpartition("@")[2]


def _judgement(address: str, judged: dict[str, str]) -> str:
    if size := _size_of(address):
        return judged[size]
    known = {"local": OF_SETTINGS, "bundled": BUNDLED, "classical": CLASSICAL}
    return known.get(scheme_of(address), SERVER)
