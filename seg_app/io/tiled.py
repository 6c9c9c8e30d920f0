"""A Tiled server, ours or the lab's: browse it, and open what is in it as lazy planes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import httpx
import numpy as np
import tiled.client.utils
from tiled.client.array import DaskArrayClient
from tiled.client.context import Context

from seg_app.io.levels import Key, Opened, Stored, opened
from seg_app.io.patience import PATIENCE_S, SILENCE_S, STALLED_S, Patience
from seg_app.io.tiled_address import check_server, is_local, shown, split_address
from seg_app.io.tiled_errors import explained
from seg_app.io.tiled_nodes import (
    FROM_FILE,
    SUMMARY,
    TOMOGRAM,
    Found,
    holds_planes,
    image_at,
    items_at,
    node_at,
    specs_of,
)
from seg_app.io.tiled_sequences import about_files, natural

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tiled.client.base import BaseClient

T = TypeVar("T")

# Tiled's client repeats a failing request ten times, for 25 s: one damaged plane would stop the page as long. A second
# attempt is needed, because the server closes the connection after an error.
tiled.client.utils.TILED_RETRY_ATTEMPTS = 2
tiled.client.utils.TILED_RETRY_TIMEOUT = STALLED_S  # what has stalled is not asked for again

CONNECT_TIMEOUT_S = 2.0
"""A server that does not even take the call within this time is not there."""

SENT = "http11.send_request_body.complete"
"""What httpx tells of a request when all of it is on its way (https://www.python-httpx.org/advanced/extensions/#trace)."""


@dataclass(frozen=True)
class Entry:
    """One line of a folder on a server."""

    path: str
    """Below the place that the source was connected to, with `/` between its parts."""
    title: str
    kind: Literal["folder", "image"]
    shape: tuple[int, ...] | None = None
    """As stored; None where the server does not tell without being asked for each image."""
    dtype: str | None = None
    problem: str | None = None
    """Why it cannot be opened; None where nothing is known against it."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class TiledSource:
    """Images on a Tiled server. Blocking, and safe to use from several threads."""

    def __init__(
        self,
        context: Context,
        *,
        root: tuple[str, ...] = (),
        name: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Use a connection that exists, e.g. `client.context` of a Tiled client, from the container `root` on."""
        self._context = context
        self._root = root
        self._patience = _patience_of(context, patience_s)
        self._files: dict[Any, dict[str, Any]] = {}
        self.uri = shown(str(context.api_uri).rstrip("/"))
        """The address of the server, without its key."""
        self.name = name or self.uri
        """What images opened here name as their source."""

    def __repr__(self) -> str:
        return f"TiledSource({'/'.join((self.uri, *self._root))!r})"  # never the key

    @classmethod
    def connect(
        cls,
        uri: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 10,
        patience_s: float = PATIENCE_S,
        name: str | None = None,
    ) -> TiledSource:
        """Connect to the server at `uri`, which may point at a container (`http://host:8000/api/v1/metadata/a/b`).

        timeout_s: how long an answer may take to begin. patience_s: how long it is waited for before the server is
        asked whether it lives; one that hangs is said to soon after.
        `name` is what images name as their source, for a server whose address changes; its address by default.
        Raises UnreachableError when no Tiled server answers, RefusedError when it does not accept the key,
        MissingError when it has no such container.
        """
        api, root, key = split_address(uri, api_key)
        connect_s = min(CONNECT_TIMEOUT_S, timeout_s)
        timeout = httpx.Timeout(timeout_s, connect=connect_s)
        greeting = httpx.Timeout(min(timeout_s, patience_s + SILENCE_S), connect=connect_s)
        with explained(shown(api), "/".join(root)):
            check_server(api, key, greeting)
            context = Context(api, headers=_headers(api), timeout=timeout, trust_env=not is_local(api))
            context.api_key = key  # also clears a key for some other server in Tiled's own environment variable
            weakref.finalize(context, context.http_client.close)  # for who opens an image, and has no source to close
            source = cls(context, root=root, name=name, patience_s=patience_s)
            source._patience.ask(lambda: source.node(""))  # the first request that needs the key
        return source

    def check(self, timeout: httpx.Timeout) -> None:
        """Ask the server for a sign of life, once. Raises UnreachableError."""
        with explained(self.uri):
            self._context.http_client.get(str(self._context.api_uri), timeout=timeout).raise_for_status()

    def ask(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, which asks the server; raise TimeoutError soon where that hangs."""
        return self._patience.ask(work)

    @property
    def client(self) -> Any:
        """Tiled's own client of the place that the source was connected to, for what this class does not do."""
        return self.node("")

    def browse(self, path: str = "") -> list[Entry]:
        """Return the folders and images in a container, ordered as a person would: plane 2 before plane 10.

        Entries that cannot be read are there, and say why. A higher `seg_app_rank` in their metadata puts them last.
        Containers that say what they are, OME-Zarr and NXtomoproc, are images. Others that stand for one, such as a
        dataset of xarray, are folders: to know better would take a request for each of them.

        One request; containers with more than 300 entries take more. Raises SourceError.
        """
        prefix = f"{path}/" if path else ""
        with explained(self.uri, self._name(path)):
            items = self._patience.ask(lambda: list(self.items(path)))
        ranked = [(_rank(item["attributes"]), _entry(prefix + item["id"], item["attributes"])) for item in items]
        known = [(rank, entry) for rank, entry in ranked if entry]
        return [entry for _, entry in sorted(known, key=lambda pair: (pair[0], natural(pair[1].name)))]

    def open(self, path: str) -> Opened:
        """Open an array, or a container that stands for one, see `tiled_nodes`; no pixel is read yet.

        The image is named by the path of its array, whichever way it was opened.
        Raises MissingError when there is no such entry, UnreadableError when it is no image.
        """
        name = self._name(path)
        with explained(self.uri, name):
            found = self._patience.ask(lambda: image_at(self._context, self._parts(path)))
            levels = [self._stored(array, found.axes) for array in found.arrays]
            attributes = found.attributes | self._about_files(found)
        return opened(self.name, "/".join(found.parts), levels, attributes=attributes)

    def subscription(self, path: str) -> Any:
        """Return Tiled's subscription to the array of an image, not started yet; None where it has none.

        Raises SourceError.
        """
        with explained(self.uri, self._name(path)):
            node: Any = self._patience.ask(lambda: self.node(path))
            return node.subscribe() if node.structure_family == "array" and FROM_FILE not in node.metadata else None

    def close(self) -> None:
        """Give back the connections."""
        self._context.close()

    def _parts(self, path: str) -> list[str]:
        return [*self._root, *(part for part in path.split("/") if part)]

    def _name(self, path: str) -> str:
        return "/".join(self._parts(path))

    def _about_files(self, found: Found) -> dict[str, Any]:
        """Return what there is to know of the files behind a volume; it is asked for once, until there are more."""
        array, *smaller = found.arrays
        if smaller:
            return {}
        key = (found.parts, array.shape)
        if key not in self._files:
            self._files[key] = self._patience.ask(lambda: about_files(self._context, found.parts, array))
        return self._files[key]

    def _stored(self, client: Any, axes: tuple[str, ...] | None) -> Stored:
        path, uri, patience = "/".join(client.path_parts), self.uri, self._patience

        def read(key: Key) -> NDArray[Any]:
            with explained(uri, path):
                return patience.ask(lambda: _pixels(client, key))

        return Stored(tuple(client.shape), np.dtype(client.dtype), read, axes or client.dims)

    def node(self, path: str) -> BaseClient:
        """Return Tiled's own client of an entry, for what this class does not do. Raises what that raises."""
        return node_at(self._context, self._parts(path))

    def items(self, path: str, *, select: str = SUMMARY) -> Iterator[dict[str, Any]]:
        """Yield what the server says of the entries of a container; see `items_at`."""
        return items_at(self._context, self._parts(path), select=select)


def _patience_of(context: Context, patience_s: float) -> Patience:
    http, address = context.http_client, f"{str(context.api_uri).removesuffix('api/v1/')}healthz"
    # Whatever it says, it lives. The image that is open keeps this, not the source.
    patience = Patience(lambda: http.get(address, timeout=SILENCE_S), patience_s=patience_s)
    http.event_hooks["request"].append(partial(_follow, patience))
    http.event_hooks["response"].extend([patience.heard, _expect_the_rest])
    return patience


def _pixels(client: Any, key: Key) -> NDArray[Any]:
    lazy: Any = DaskArrayClient.read(client, key)
    # What is one request is sent in this thread, where it is heard that the answer has begun: dask has its own.
    return lazy.compute(**({"scheduler": "synchronous"} if lazy.npartitions == 1 else {}))


def _follow(patience: Patience, request: httpx.Request) -> None:
    """Wait for each part of a request to be taken as for one of an answer, and for the answer from its end on."""
    patience.sending()
    timeouts = request.extensions["timeout"]
    timeouts["write"] = min(timeouts["write"] or STALLED_S, STALLED_S)
    request.extensions["trace"] = lambda event, _: patience.asked() if event == SENT else None


def _expect_the_rest(response: httpx.Response) -> None:
    """Wait for each further part of an answer that has begun only as long as a server that lives may take."""
    timeouts = response.request.extensions["timeout"]
    timeouts["read"] = min(timeouts["read"] or STALLED_S, STALLED_S)


def _headers(api: str) -> dict[str, str]:
    # Compressing costs more than it saves where nothing travels.
    return {"accept-encoding": "identity"} if is_local(api) else {}


def _entry(path: str, attributes: Mapping[str, Any]) -> Entry | None:
    """Return the entry of one search result; None for what is neither image nor folder, such as a table."""
    summary = (attributes.get("metadata") or {}).get("selected") or {}
    structure = attributes.get("structure") or {}
    title = str(summary.get("title") or path.rpartition("/")[2])
    family = attributes.get("structure_family")
    if problem := summary.get("problem"):
        return Entry(path, f"{title} (cannot be read)", "image", problem=str(problem))
    if family == "container":
        if not summary.get("multiscales") and TOMOGRAM not in specs_of(attributes):
            return Entry(path, title, "folder")
        shape = summary.get("shape")
        return Entry(path, title, "image", tuple(shape) if shape else None, summary.get("dtype"))
    if not holds_planes(attributes):
        return None
    return Entry(path, title, "image", tuple(structure["shape"]), _dtype_name(structure["data_type"]))


def _rank(attributes: Mapping[str, Any]) -> float:
    rank = ((attributes.get("metadata") or {}).get("selected") or {}).get("rank")
    return float(rank) if isinstance(rank, (int, float)) else 0.0


def _dtype_name(data_type: Mapping[str, Any]) -> str | None:
    kind = data_type.get("kind")  # None for records of several fields
    return np.dtype(f"{kind}{data_type['itemsize']}").name if kind in {*"biufc"} else None
