"""A container on a Tiled server as a place for files, and of mask sets all that other programs want to read.

A file is a container whose `file` is an array of its bytes; see `tiled_sets` for what lies beside them. Its metadata
say when it is complete: what a crash has left half made is never listed or read, and its name stays taken.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import numpy as np
from tiled.structures.array import ArrayStructure, BuiltinDtype
from tiled.structures.core import StructureFamily
from tiled.structures.data_source import DataSource

from seg_app.errors import (
    DamagedError,
    ForbiddenError,
    MissingError,
    NameTakenError,
    SettingsError,
    SourceError,
    StorageError,
    UnreachableError,
    UnreadableError,
)
from seg_app.io import tiled_sets
from seg_app.io.fileserver import Listing, checked_path
from seg_app.io.formats import npz
from seg_app.io.tiled import CONNECT_TIMEOUT_S, TiledSource
from seg_app.io.tiled_address import check_server, split_address
from seg_app.io.tiled_errors import explained
from seg_app.io.tiled_keys import key_of, part_of
from seg_app.records import FileInfo, MaskFile

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

T = TypeVar("T")

ABOUT = "seg_app_file"
"""The metadata of a file: its size, when it was made, by which upload, and whether it is complete."""
SPEC = "seg_app_file"
BYTES = "file"
ANSWER_TIMEOUT_S = 2.5
"""A server that takes the call and says nothing for so long hangs; one that is only busy answers sooner."""
PART_BYTES = 2**24
"""Of the bytes of a file, in one request."""


class TiledFolder:
    """The files below one container of a Tiled server, as a FileServer. One writer at a time.

    It is connected to when it is first used: the app starts while it is away. Containers are made on demand.
    """

    def __init__(self, uri: str, *, api_key: str | None = None, timeout_s: float = 60.0):
        """Use the container at `uri`, e.g. `http://host:8000/api/v1/metadata/masks`; `timeout_s` is for one answer.

        Raises SettingsError when it is no address.
        """
        try:
            self._api, self._root, self._key = split_address(uri, api_key)
        except UnreachableError as error:
            raise SettingsError(
                f"{uri!r} is no address of a server. Write MASK_TILED_URI as http://host:port."
            ) from error
        self._timeout_s = timeout_s
        self._patience = httpx.Timeout(min(ANSWER_TIMEOUT_S, timeout_s), connect=min(CONNECT_TIMEOUT_S, timeout_s))
        self._source: TiledSource | None = None
        self._lock, self._connecting = threading.Lock(), threading.Lock()

    def __repr__(self) -> str:
        return f"TiledFolder({self.where!r})"  # never the key

    @property
    def where(self) -> str:
        """The address for the user, without its key."""
        return "/".join((f"Tiled at {self._api.removesuffix('/api/v1')}", *self._root))

    def list(self, folder: str) -> Listing:
        """Return what a container holds, without what is no file of ours; [] when there is none. '' is the root.

        Raises UnsafeNameError for an unusable name, SourceError when the server does not answer as it should.
        """
        keys = self._keys(folder)
        try:
            items = self._ask(folder, lambda source: [*source.items("/".join(keys), select=ABOUT)])
        except MissingError:
            return []
        found = [_file_info(folder, item) for item in items]
        return sorted((info for info in found if info), key=lambda info: info.path)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises MissingError when there is no such file, UnsafeNameError for an unusable name,
        SourceError when the server does not answer as it should.
        """
        return self._ask(path, partial(self._read, path, self._keys(checked_path(path))))

    def _read(self, path: str, keys: list[str], source: TiledSource) -> bytes:
        about: Any = source.node("/".join(keys)).metadata.get(ABOUT) or {}
        if not about.get("complete"):
            raise MissingError(f"There is no file '{path}' in {self.where}. Reload the list of files.")
        return _bytes(source.node("/".join((*keys, BYTES))), int(about["size"]))

    def create(self, path: str, data: bytes) -> None:
        """Store a new file with what else is to be read of it, and read it back.

        Raises NameTakenError when the path exists, DamagedError when the file did not arrive as it was sent,
        ForbiddenError when the key does not allow it, StorageError when it is not stored, UnsafeNameError for an
        unusable name, SourceError when the server does not answer as it should.
        """
        self._ask(path, partial(self._create, path, self._keys(checked_path(path)), data))

    def _create(self, path: str, keys: list[str], data: bytes, source: TiledSource) -> None:
        *folders, name = keys
        with self._lock, self._storing(path):
            parent = self._container(source, folders, path)
            about = {"size": len(data), "modified_s": time.time(), "upload": uuid.uuid4().hex, "complete": False}
            shown = _set_of(path, data)
            metadata = {**(tiled_sets.metadata_of(shown) if shown else {}), ABOUT: about}
            with self._claiming(path):
                node = parent.create_container(name, metadata=metadata, specs=[SPEC], access_tags=_tags(parent))
            with _undone(parent, name):
                stored = _new_bytes(node, data)
                if shown and shown.masks:
                    _show(node, shown)
                if _bytes(stored, len(data)) != data:
                    raise DamagedError(f"'{path}' arrived damaged in {self.where}. Save again.")
                node.update_metadata({ABOUT: {**about, "complete": True}}, drop_revision=True)

    def _keys(self, path: str) -> list[str]:
        return [*self._root, *(key_of(part) for part in (checked_path(path).split("/") if path else []))]

    def _container(self, source: TiledSource, keys: list[str], path: str) -> Any:
        """Return the client of a container, made where it is missing, with those above it."""
        node = _child(source, keys)
        if node is None:  # an empty container is false
            node = self._made(source, self._container(source, keys[:-1], path), keys)
        if node.structure_family != StructureFamily.container or ABOUT in node.metadata:
            raise StorageError(f"Cannot store '{path}' in {self.where}: '{part_of(keys[-1])}' is no folder.")
        return node

    def _made(self, source: TiledSource, parent: Any, keys: list[str]) -> Any:
        try:
            return parent.create_container(keys[-1], access_tags=_tags(parent))
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:  # else another program was faster
                raise
            return source.node("/".join(keys))

    def _ask(self, path: str, work: Callable[[TiledSource], T]) -> T:
        """Return what `work` returns, and say what goes wrong by the names of the settings of this place."""
        try:
            with explained(self._api.removesuffix("/api/v1"), path):
                source = self._connected()
                return source.ask(lambda: work(source))
        except SourceError as error:
            raise type(error)(str(error).replace("DATA_TILED", "MASK_TILED")) from error

    def _connected(self) -> TiledSource:
        with self._connecting:
            if self._source:
                self._source.check(self._patience)  # who is gone or hangs is told in time, whatever an upload may take
            else:
                check_server(self._api, self._key, self._patience)
                self._source = TiledSource.connect(self._api, api_key=self._key, timeout_s=self._timeout_s)
            return self._source

    @contextmanager
    def _storing(self, path: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status == httpx.codes.FORBIDDEN or "Not enough permissions" in str(error):
                raise ForbiddenError(
                    f"The key of {self.where} does not allow to write '{path}'. Check MASK_TILED_API_KEY."
                ) from error
            if status in (httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND):
                raise
            raise StorageError(f"{self.where} did not store '{path}' (HTTP {status}). Its log says why.") from error

    @contextmanager
    def _claiming(self, path: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
            raise NameTakenError(
                f"'{path}' exists in {self.where}, and nothing is overwritten. Take another name."
            ) from error


def _child(source: TiledSource, keys: list[str]) -> Any | None:
    try:
        return source.node("/".join(keys))
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return None
    except KeyError:
        return None


def _file_info(folder: str, item: dict[str, Any]) -> FileInfo | None:
    """Return one entry of a list; None for what is neither folder nor a complete file."""
    attributes = item["attributes"]
    if attributes.get("structure_family") != StructureFamily.container:
        return None
    path = f"{folder}/{part_of(item['id'])}" if folder else part_of(item["id"])
    about = (attributes.get("metadata") or {}).get("selected")
    if not about:
        return FileInfo(path, 0, 0.0, is_folder=True)
    size, modified_s = int(about.get("size", 0)), float(about.get("modified_s", 0))
    return FileInfo(path, size, modified_s) if about.get("complete") else None


def _tags(parent: Any) -> list[str] | None:
    """Return who may see a container: on a server with several users what is put into it must say so again."""
    return list(parent.item["attributes"].get("access_tags") or []) or None


def _set_of(path: str, data: bytes) -> MaskFile | None:
    """Return the mask set that a file is; None where it is another file."""
    try:
        return npz.decode(data) if path.lower().endswith(".npz") else None
    except UnreadableError:
        return None


@contextmanager
def _undone(parent: Any, name: str) -> Iterator[None]:
    """Take a file that was begun away again when it cannot be completed."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(httpx.HTTPError):
            parent.delete_contents(name, recursive=True, external_only=False)
        raise


def _new_bytes(node: Any, data: bytes) -> Any:
    """Write bytes as an array of a container, and return its client."""
    raw = np.frombuffer(data or b"\0", dtype=np.uint8)  # Tiled stores no array without an element
    parts = tuple(min(PART_BYTES, raw.size - start) for start in range(0, raw.size, PART_BYTES))
    array = _new_array(node, BYTES, raw.shape, raw.dtype, (parts,))
    for i in range(len(parts)):
        array.write_block(raw[i * PART_BYTES :][:PART_BYTES], (i,))
    return array


def _show(node: Any, file: MaskFile) -> None:
    """Write what other programs read of a set."""
    shape = file.image.shape
    labels = _new_array(node, "labels", shape, np.uint32, tiled_sets.chunks_of(shape, tiled_sets.TILE))
    _write_blocks(labels, tiled_sets.label_blocks(file))
    node.write_table(tiled_sets.instances(file), key="instances", access_tags=_tags(node))
    node.write_table(tiled_sets.prompts(file), key="prompts", access_tags=_tags(node))
    if len(tiled_sets.class_names(file)) <= tiled_sets.MOST_CLASSES:
        annotated = (len(tiled_sets.annotated(file)), *shape[1:])
        mask = _new_array(node, "mask", annotated, np.int8, tiled_sets.chunks_of(annotated, tiled_sets.MASK_TILE))
        _write_blocks(mask, tiled_sets.class_blocks(file))


def _write_blocks(array: Any, blocks: tiled_sets.Blocks) -> None:
    # Whole blocks of an array that nobody else knows of: `patch` would change its shape, and lose what others write.
    for place, values in blocks:
        array.write_block(values, place)


def _new_array(
    node: Any, key: str, shape: tuple[int, ...], dtype: DTypeLike, chunks: tuple[tuple[int, ...], ...]
) -> Any:
    """Return the client of a new array of zeros, of which nothing is sent."""
    structure = ArrayStructure(
        shape=shape,
        chunks=chunks,
        dims=("z", "y", "x") if len(shape) == 3 else None,
        data_type=BuiltinDtype.from_numpy_dtype(np.dtype(dtype)),
    )
    source = DataSource(structure=structure, structure_family=StructureFamily.array)
    return node.new(StructureFamily.array, [source], key=key, access_tags=_tags(node))


def _bytes(array: Any, size: int) -> bytes:
    values: NDArray[np.uint8] = array[:]
    return values.tobytes()[:size]
