"""Which folders here the embedded Tiled shows: the samples, and what was named on the command line.

Only the folders are entries of the catalog. What is in them is looked up when somebody looks: files are neither
changed nor copied, and a new one is there at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from os import fsencode
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg_app.errors import MissingError

if TYPE_CHECKING:
    from tiled.client.container import Container

    from seg_app.io.inbox import Inbox
    from seg_app.io.tiled import TiledSource

log = logging.getLogger(__name__)

SAMPLES = "samples"
"""The container of the folder that is always there."""

MIMETYPE = "application/x-seg-app-folder"
"""What the catalog says of a folder that the server reads by `io/tiled_files.py`, which is not imported here: it brings
all of Tiled's server with it, 0.4 s of each start."""

INBOX = "inbox"
"""The folder of the files that users handed over, and what the keys of these begin with."""


@dataclass(frozen=True)
class Shown:
    """A folder that is shown, as a whole or only some files of it."""

    folder: Path
    only: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """Its name on the server, which no other folder here, and no inbox, has: masks belong to it."""
        from seg_app.io.folders import name_on_server  # weight: xarray
        from seg_app.io.inbox import Inbox

        digest = sha256(fsencode(self.folder)).hexdigest()[:8]
        key = f"{name_on_server(self.folder.name or 'files')}-{digest}"
        return f"{key}-folder" if Inbox.is_key(key) else key


def shown_folders(paths: Iterable[Path | str]) -> list[Shown]:
    """Return the folders of files and folders that a user named; several files of one folder are together.

    A Zarr folder counts as a file. Raises MissingError when there is nothing of a name.
    """
    from seg_app.io.zarr_files import is_zarr  # weight: numpy

    whole: dict[Path, None] = {}
    some: dict[Path, list[str]] = {}
    for path in (Path(path).expanduser().resolve() for path in paths):
        if not path.exists():
            raise MissingError(f"There is no {path}. Check the path, or the name of the folder above it.")
        if path.is_dir() and not is_zarr(path):
            whole[path] = None
        elif path.name not in some.setdefault(path.parent, []):
            some[path.parent].append(path.name)
    named = [Shown(folder) for folder in whole]
    return named + [Shown(folder, tuple(names)) for folder, names in some.items() if folder not in whole]


def readable_folders(home: Path, shown: Iterable[Shown]) -> list[Path]:
    """Return the folders that the embedded server reads: the samples, what users hand over, and what is shown."""
    return [home / SAMPLES, home / INBOX, *(one.folder for one in shown)]


def register_folder(source: TiledSource, folder: Path, *, key: str = SAMPLES) -> None:
    """Show a folder as the container `key`. It must lie in one of the server's readable folders.

    Raises SourceError when the server does not answer.
    """
    from seg_app.io.tiled_errors import explained  # weight: the Tiled client

    with explained(source.uri, key):
        # What was named on the command line is what somebody wants to see first.
        _register(source.client, Shown(folder.resolve()), key=key, metadata={"title": key, "seg_app_rank": 1})


def register_inbox(source: TiledSource, inbox: Inbox, *, title: str) -> None:
    """Show what a user has handed over, below everything else; nothing where there is nothing.

    Raises SourceError when the server does not answer.
    """
    from seg_app.io.tiled_errors import explained  # weight: the Tiled client

    with explained(source.uri, inbox.key):
        if inbox.is_empty:
            if inbox.key in _registered(source.client):
                _forget(source.client, inbox.key)
            return
        metadata = {"title": title, "seg_app_rank": 2}
        _register(source.client, Shown(inbox.folder.resolve()), key=inbox.key, metadata=metadata)


def register_paths(source: TiledSource, shown: Sequence[Shown]) -> None:
    """Show what the user named this time, and forget what was named at other times; no file is touched.

    Raises SourceError when the server does not answer.
    """
    from seg_app.io.tiled_errors import explained  # weight: the Tiled client

    with explained(source.uri):
        for key, parameters in _registered(source.client).items():
            if key != SAMPLES and parameters is not None and key not in {one.key for one in shown}:
                source.client.delete_contents(key)
        for one in shown:
            _register(source.client, one, key=one.key, metadata={"title": one.folder.name or str(one.folder)})


def _registered(root: Container) -> dict[str, dict[str, Any] | None]:
    """Return the entries: what is shown of a folder, None for what was written through the server."""
    found: dict[str, dict[str, Any] | None] = {}
    for key, node in root.include_data_sources().items():
        ours = [one for one in node.data_sources() or [] if one.mimetype == MIMETYPE]
        found[key] = dict(ours[0].parameters) if ours else None
    return found


def _register(root: Container, shown: Shown, *, key: str, metadata: dict[str, Any]) -> None:
    wanted = {"folder": str(shown.folder), "only": list(shown.only) if shown.only is not None else None}
    registered = _registered(root)
    if registered.get(key, {}) == wanted:
        return
    if key in registered and not _forget(root, key):
        log.warning("Not served: %s, because the server holds other data of that name.", shown.folder)
        return
    root.new("container", [_data_source(wanted)], key=key, metadata=metadata)


def _forget(root: Container, key: str) -> bool:
    """Delete an entry, and never data: say whether there is none of that name any more."""
    from tiled.client.utils import ClientError  # weight: the Tiled client

    try:
        root.delete_contents(key, recursive=True)
    except ClientError as error:  # Tiled refuses to delete what was written through it
        log.info("Not deleted: %s: %s", key, error)
        return False
    return True


def _data_source(parameters: dict[str, Any]) -> Any:
    from tiled.structures.core import StructureFamily
    from tiled.structures.data_source import DataSource, Management

    return DataSource(
        structure_family=StructureFamily.container,
        structure=None,
        mimetype=MIMETYPE,
        parameters=parameters,
        assets=[],
        management=Management.external,
    )
