"""`seg-app checkpoint`: its arguments, and what it does."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from seg_app.errors import SegmenterError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from seg_app.sam.downloads import Official


INTACT = "is intact"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    verbs.add_parser("list", help="show the official checkpoints, and which are here")
    get = verbs.add_parser("get", help="download one; what was begun is gone on with")
    get.add_argument("name", help="tiny, small, base_plus or large")
    get.add_argument("--mirror", metavar="URL", help="a folder that has it (default: the one of its authors)")
    verify = verbs.add_parser("verify", help="compare those that are here with what was published")
    verify.add_argument("names", nargs="*", metavar="NAME", help="which (default: all that are here)")


def run(folder: Path, options: argparse.Namespace) -> None:
    """Do what the arguments ask for with the checkpoints of a folder. Raises SegAppError."""
    verbs = {"list": _list, "get": _get, "verify": _verify}
    verbs[options.verb](folder, options)


def _list(folder: Path, _options: argparse.Namespace) -> None:
    from seg_app.sam.downloads import OFFICIAL  # weight: httpx, 0.2 s

    for name, wanted in OFFICIAL.items():
        _say(f"{name:10} {wanted.size_bytes / 1e6:4.0f} MB  {_state(wanted, folder):24} {wanted.config}")
    _say(f"They are kept in {folder}")


def _state(wanted: Official, folder: Path) -> str:
    if wanted.path(folder).is_file():
        return "here"
    part = wanted.part(folder)
    return f"{part.stat().st_size / wanted.size_bytes:.0%} here" if part.is_file() else "-"


def _get(folder: Path, options: argparse.Namespace) -> None:
    from seg_app.sam.downloads import MIRROR, download, official

    wanted = official(options.name)
    path = download(wanted, folder, mirror=options.mirror or MIRROR, tell=partial(_tell, options.name, wanted))
    _say(f"{path}\nWhere CHECKPOINT_PATH is not set, the app finds it there.")


def _tell(name: str, wanted: Official, here: int) -> None:
    """Write how far the download is: over the line before on a terminal, and nothing into a file."""
    if sys.stderr.isatty():
        end = "\n" if here >= wanted.size_bytes else ""
        sys.stderr.write(f"\r{name}: {here / 1e6:.0f} of {wanted.size_bytes / 1e6:.0f} MB{end}")
        sys.stderr.flush()


def _verify(folder: Path, options: argparse.Namespace) -> None:
    from seg_app.sam.downloads import OFFICIAL, official

    chosen = {name: official(name) for name in options.names} or {
        name: wanted for name, wanted in OFFICIAL.items() if wanted.path(folder).is_file()
    }
    verdicts = {name: _verdict(wanted, folder) for name, wanted in chosen.items()}
    for name, verdict in verdicts.items():
        _say(f"{name:10} {verdict}")
    if wrong := [name for name, verdict in verdicts.items() if verdict != INTACT]:
        raise SegmenterError(f"Not intact: {', '.join(wrong)}. Fetch it anew: seg-app checkpoint get {wrong[0]}")


def _verdict(wanted: Official, folder: Path) -> str:
    from seg_app.sam.downloads import is_intact

    path = wanted.path(folder)
    if not path.is_file():
        return f"is not in {folder}"
    return INTACT if is_intact(path, wanted) else "is not what was published"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
