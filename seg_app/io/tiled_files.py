"""Folders here, as Tiled serves them: listed when somebody looks, read where somebody looks, and never changed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from tiled.adapters.core import Adapter
from tiled.adapters.mapping import MapAdapter
from tiled.ndslice import NDSlice
from tiled.structures.array import ArrayStructure, BuiltinDtype
from tiled.structures.core import StructureFamily

from seg_app.errors import SegAppError, UnreachableError, UnreadableError
from seg_app.io.axes import LABELS
from seg_app.io.damage import may_pass
from seg_app.io.folders import Place, content_of, look_into, parts_of
from seg_app.io.levels import Opened, opened, readable
from seg_app.io.tiled_errors import TOLD
from seg_app.io.tiled_nodes import FROM_FILE, PROBLEM
from seg_app.io.zarr_files import MARKS

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

KEPT_IMAGES = 512
"""Images whose headers are kept, so that they are not read for each window."""

KEPT_LISTS = 64

FRESH_S = 5.0
"""A list of a folder is made again after this time: a file may have been written to its end."""

UNREADABLE, BUSY = 422, 503
"""The HTTP statuses that go with a message for the user: of what is damaged, and of what may pass."""


class FolderServer:
    """Makes Tiled's adapters of folders, all within the folders that may be read; safe to use from several threads."""

    def __init__(self, readable_folders: Sequence[Path]) -> None:
        self._roots = [folder.resolve() for folder in readable_folders]
        self._images = _Kept(KEPT_IMAGES)
        self._lists = _Kept(KEPT_LISTS)

    def from_catalog(
        self, data_source: Any, node: Any, /, folder: str, only: Collection[str] | None = None
    ) -> FolderAdapter:
        """Return what is in a folder; Tiled calls this for each request. Raises HTTPException with a message."""
        del data_source
        path = Path(folder)
        if not any(path.is_relative_to(root) for root in self._roots):
            raise _answer(UnreadableError(f"The folder {path} is not served any more. Start seg-app with it again."))
        return self._folder(path, only, dict(node.metadata_))

    def adapter_of(self, place: Place) -> Any:
        """Return the adapter of a place: a folder, a file of several images, an image, or why it cannot be read."""
        if place.is_folder:
            return self._folder(place.path, None, {"title": place.title})
        try:
            return self._images.get(place, _stamp(place), lambda: self._image(place))
        except UnreachableError as error:  # not kept: it may pass
            return _unreadable(place, error)

    def _folder(self, path: Path, only: Collection[str] | None, metadata: dict[str, Any]) -> FolderAdapter:
        inside = _Lazy(lambda: self._look(path, only), self.adapter_of)
        return FolderAdapter(inside, most=_count(path) if only is None else len(only), metadata=metadata)

    def _look(self, path: Path, only: Collection[str] | None) -> Mapping[str, Place]:
        stamp = (path.stat().st_mtime_ns if path.exists() else 0, int(time.monotonic() / FRESH_S))
        try:
            return self._lists.get((path, tuple(only or ())), stamp, lambda: look_into(path, only))
        except SegAppError as error:
            raise _answer(error) from error

    def _image(self, place: Place) -> Any:
        try:
            if parts := parts_of(place):
                return MapAdapter(_Lazy(lambda: parts, self.adapter_of), metadata={"title": place.title})
            with readable(place.title):
                levels, attributes = content_of(place)
                return image_adapter(opened("", place.title, levels, attributes=attributes), place.title)
        except UnreachableError:
            raise
        except SegAppError as error:
            return _unreadable(place, error)


def _unreadable(place: Place, error: SegAppError) -> Any:
    """Return the adapter of what cannot be read, which says why."""
    log.info("Cannot be opened: %s", error)
    return MapAdapter({}, metadata={"title": place.title, PROBLEM: str(error)})


def image_adapter(image: Opened, title: str) -> Any:
    """Return what Tiled serves of an image: an array, or a container of its levels that is an OME-Zarr image."""
    calibration = image.calibration
    attributes = dict(image.metadata)
    if calibration.pixel_size_nm:
        attributes |= {"pixel_size_nm": list(calibration.pixel_size_nm), "pixel_size_source": calibration.source}
    if labels := {axis.name: list(axis.labels) for axis in image.whole.axes if axis.labels}:
        attributes[LABELS] = labels
    metadata = {"title": str(attributes.get("title") or title), "attributes": attributes, FROM_FILE: True}
    whole = image.whole.levels
    if len(whole) == 1:
        return LevelAdapter(whole[0], metadata)
    levels = {str(n): LevelAdapter(level, {}) for n, level in enumerate(whole)}
    axes = [{"name": str(name)} for name in whole[0].dims]
    attributes["multiscales"] = [{"axes": axes, "datasets": [{"path": name} for name in levels]}]
    return MapAdapter(levels, metadata=metadata | {"shape": list(whole[0].shape), "dtype": image.image.dtype})


class FolderAdapter(MapAdapter[Any]):
    """A container that is only looked into when its content is asked for: a list of folders opens none of them."""

    def __init__(self, mapping: Mapping[str, Any], *, most: int | None = None, **options: Any) -> None:
        super().__init__({}, **options)
        self._mapping, self._most = mapping, most

    async def lbound_len(self, threshold: int) -> int:  # noqa: ARG002 - as Tiled calls it
        """Return how many entries there are at most: Tiled asks in each list that the container is in."""
        return len(self._mapping) if self._most is None else self._most


class LevelAdapter(Adapter[ArrayStructure]):
    """One level of an image, with its further axes: of a request, only what it asks for is read."""

    structure_family = StructureFamily.array

    def __init__(self, level: xr.DataArray, metadata: dict[str, Any]) -> None:
        rows = level.dims.index("y")
        chunks = (*((1,) * size for size in level.shape[:rows]), *((size,) for size in level.shape[rows:]))
        dims = tuple(map(str, level.dims))
        super().__init__(
            ArrayStructure(BuiltinDtype.from_numpy_dtype(level.dtype), chunks, level.shape, dims), metadata=metadata
        )
        self._level = level

    def read(self, slice: NDSlice = NDSlice(...)) -> NDArray[Any]:  # noqa: A002, B008 - as Tiled calls it
        """Return a part, which `slice` names. Raises HTTPException with a message where it cannot be read."""
        try:
            return self._level[tuple(NDSlice(slice).expand_for_shape(self._level.shape))].to_numpy()
        except SegAppError as error:
            raise _answer(error) from error

    def read_block(self, block: Any, slice: NDSlice = NDSlice(...)) -> NDArray[Any]:  # noqa: A002, B008
        """Return a plane, or a part of it. Raises HTTPException like `read`."""
        part = self.read(block.slice_from_chunks(self._structure.chunks))
        return part[tuple(slice)] if slice else part


class _Lazy(Mapping[str, Any]):
    """Adapters by name, each made when it is asked for."""

    def __init__(self, places: Callable[[], Mapping[str, Place]], adapter_of: Callable[[Place], Any]) -> None:
        self._places, self._adapter_of = places, adapter_of

    def __getitem__(self, key: str) -> Any:
        return self._adapter_of(self._places()[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places())

    def __len__(self) -> int:
        return len(self._places())


class _Kept:
    """Values that are made again when their stamp has changed; the ones not used for longest are forgotten."""

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._values: OrderedDict[Any, tuple[Any, Any]] = OrderedDict()

    def get(self, key: Any, stamp: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            known = self._values.pop(key, None)
        if known is None or known[0] != stamp:
            known = (stamp, make())
        with self._lock:
            self._values[key] = known
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return known[1]


def _stamp(place: Place) -> tuple[tuple[int, int], ...]:
    """Return when the files of a place were changed, and their sizes."""
    files = place.files or (place.path, *(place.path / mark for mark in MARKS))
    return tuple(_changed(path) for path in files)


def _changed(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # there is none, or no more
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _count(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _ in entries)
    except OSError:  # it may not be looked into: browsing it says so
        return 0


def _answer(error: SegAppError) -> HTTPException:
    return HTTPException(BUSY if may_pass(error) else UNREADABLE, str(error), headers={TOLD: "1"})
