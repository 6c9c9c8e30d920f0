"""What on a Tiled server is an image: arrays, and containers that stand for one.

These are OME-Zarr images with their levels, NeXus trees, datasets of xarray, and whatever else holds exactly one array
of planes. Coordinates are no images; their steps are the size of a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import numpy as np
import tiled.client.utils
from tiled.client import from_context

from seg_app.errors import UnreadableError
from seg_app.io.axes import MOST, names_of
from seg_app.io.levels import calibration_of, multiscale
from seg_app.io.nexus import USUAL, default_group, element_size, joined, size_of_steps, step_nm, text, texts

if TYPE_CHECKING:
    from tiled.client.base import BaseClient
    from tiled.client.context import Context

PAGE = 300
"""Entries that a server gives at once; Tiled allows no more."""

SUMMARY = (
    "{multiscales: attributes.ome.multiscales || attributes.multiscales, title: attributes.title || title,"
    " shape: shape, dtype: dtype, problem: seg_app_problem, rank: seg_app_rank}"
)
"""What a list of entries needs of their metadata (https://jmespath.org)."""

PROBLEM = "seg_app_problem"
"""Metadata of what is listed and cannot be opened: why."""

FROM_FILE = "seg_app_file"
"""Metadata of what is in a folder of the embedded server, which tells nobody of changes: it does not hear of them."""

TOMOGRAM = "NXtomoproc"
"""The spec of a container whose volume is where NeXus says."""

VARIABLE, COORDINATE = "xarray_data_var", "xarray_coord"
"""The specs of the arrays of a dataset of xarray."""

MOST_NAMED = 5


@dataclass(frozen=True)
class Found:
    """The image that a node stands for."""

    parts: tuple[str, ...]
    """The path of its array, or of the container of its levels, from the root of the server on."""
    arrays: list[Any]
    """Tiled's clients of its levels, full resolution first."""
    attributes: dict[str, Any]
    axes: tuple[str, ...] | None = None
    """The names of its axes, where the container tells them."""


def node_at(context: Context, parts: Sequence[str]) -> BaseClient:
    """Return Tiled's own client of a node. Raises what that raises."""
    node: Any = from_context(context, node_path_parts=[quote(part, safe="") for part in parts], remember_me=False)
    if any("%" in part for part in parts):  # Tiled writes names into its links as they are
        links = node.item["links"]
        links.update({name: link.replace("%", "%25") for name, link in links.items()})
    return node


def items_at(context: Context, parts: Sequence[str], *, select: str = SUMMARY) -> Iterator[dict[str, Any]]:
    """Yield what the server says of the entries of a container; of their metadata, what `select` asks for.

    Raises what Tiled's client raises.
    """
    url = f"{context.api_uri}search/{quote('/'.join(parts))}"
    params: dict[str, Any] | None = {
        "fields": ["metadata", "structure_family", "structure", "specs"],
        "select_metadata": select,
        "omit_links": True,
        "max_depth": 0,
        "page[limit]": PAGE,
    }
    while url:
        page = json_of(context, url, params)
        yield from page["data"]
        url, params = page["links"].get("next"), None  # the link has them


def json_of(context: Context, url: str, params: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the server answers. Raises what Tiled's client raises."""
    document: dict[str, Any] = {}
    for attempt in tiled.client.utils.retry_context(context):
        with attempt:
            response = context.http_client.get(url, params=params, headers={"Accept": "application/json"})
            tiled.client.utils.handle_error(response)
            document = response.json()
    return document


def image_at(context: Context, parts: Sequence[str]) -> Found:
    """Return the image that a node stands for; of containers without levels, only the first 300 entries count.

    Raises UnreadableError when it stands for none or for several, and what Tiled's client raises.
    """
    node: Any = node_at(context, parts)
    attributes = _attributes_of(node)
    if problem := node.metadata.get(PROBLEM):
        raise UnreadableError(str(problem))
    if node.structure_family == "array":
        return _array(context, parts, node)
    if node.structure_family != "container":
        raise UnreadableError(f"{node.uri} is no image but a {node.structure_family}. Choose an array.")
    if levels := multiscale(attributes):
        paths, axes = levels
        children = dict(node.items())
        return Found(tuple(parts), [children[p] if p in children else node[p] for p in paths], attributes, axes)
    return _array_in(context, parts, node)


def specs_of(attributes: Mapping[str, Any]) -> set[str]:
    """Return the names of the specs of an entry of a list."""
    return {spec["name"] for spec in attributes.get("specs") or ()}


def holds_planes(attributes: Mapping[str, Any]) -> bool:
    """Whether an entry of a list is an array that may be an image: of as many axes as one, and no coordinate."""
    if attributes.get("structure_family") != "array" or COORDINATE in specs_of(attributes):
        return False
    return 2 <= len(attributes["structure"]["shape"]) <= MOST


def _array_in(context: Context, parts: Sequence[str], node: Any) -> Found:
    """Return the array that a container stands for: the one NeXus names or is used to, else the only one."""
    items = [*islice(items_at(context, parts), PAGE)]
    for path in _likely(context, parts, {item["id"] for item in items}):
        below = _below(parts, path)
        array = _node_or_none(context, below)
        if array is not None and array.structure_family == "array":
            return _array(context, below, array)
    images = [item["id"] for item in items if holds_planes(item["attributes"])]
    if len(images) != 1:
        what = f"several: {_listed(images)}" if images else "none"
        raise UnreadableError(
            f"{node.uri} is no image but a container of {what}. Choose an array or an OME-Zarr image."
        )
    found = _array(context, (*parts, images[0]), node_at(context, (*parts, images[0])))
    return Found(found.parts, found.arrays, _attributes_of(node) | found.attributes)


def _likely(context: Context, parts: Sequence[str], names: set[str]) -> Iterator[str]:
    """Yield where below a container NeXus and those who use it would keep its array."""

    def attributes_at(path: str) -> Mapping[str, Any] | None:
        node = _node_or_none(context, _below(parts, path))
        return None if node is None else _attributes_of(node)

    group, attributes = default_group(attributes_at)
    if signal := text(attributes.get("signal")):
        yield joined(group, signal)
    elif "default" in attributes:
        yield from _signals(context, parts, group)
    yield from (path for path in USUAL if path.partition("/")[0] in names)


def _signals(context: Context, parts: Sequence[str], group: str) -> list[str]:
    """Return the array that the only group of data in a group names.

    Tiled shows each group of a file with the `@default` of the file, and so hides what the group itself says.
    """
    items = islice(items_at(context, _below(parts, group), select="signal"), PAGE)
    named = {item["id"]: text((item["attributes"].get("metadata") or {}).get("selected")) for item in items}
    paths = [joined(joined(group, name), signal) for name, signal in named.items() if signal]
    return paths if len(paths) == 1 else []


def _below(parts: Sequence[str], path: str) -> tuple[str, ...]:
    return (*parts, *(path.split("/") if path else ()))


def _array(context: Context, parts: Sequence[str], array: Any) -> Found:
    attributes = _attributes_of(array)
    return Found(tuple(parts), [array], attributes | _size(context, parts, array, attributes))


def _size(context: Context, parts: Sequence[str], array: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the size of a pixel that is not written in the attributes but beside the array, where there is one."""
    if FROM_FILE in array.metadata or not parts or calibration_of(attributes).pixel_size_nm:
        return {}
    try:
        return element_size(attributes) or _size_by_axes(node_at(context, parts[:-1]), array)
    except (KeyError, httpx.HTTPStatusError):  # what is beside it may be hidden or damaged: the image is shown without
        return {}


def _size_by_axes(group: Any, array: Any) -> dict[str, Any]:
    """Return the steps of the coordinates of an array: those of its dimensions in xarray, of `@axes` in NeXus."""
    in_xarray = VARIABLE in _specs(array)
    names = [*(array.dims or ())] if in_xarray else texts(_attributes_of(group).get("axes"))
    if len(names) != len(array.shape) or len(names) < 2:
        return {}
    beside = dict(group.items())
    coordinates = dict(zip(names_of(array.dims, array.shape, np.dtype(array.dtype)), names, strict=True))
    steps = [_step_nm(beside.get(coordinates.get(axis, ""))) for axis in "zyx"]
    return size_of_steps(steps, "xarray coordinates" if in_xarray else "NeXus axes")


def _step_nm(coordinate: Any) -> float | None:
    if coordinate is None or coordinate.structure_family != "array" or len(coordinate.shape) != 1:
        return None
    unit = _attributes_of(coordinate).get("units")
    return step_nm(coordinate[:], unit) if unit else None


def _attributes_of(node: Any) -> dict[str, Any]:
    """Return what is written beside a node; Tiled puts attributes of Zarr groups and of xarray a level deeper."""
    metadata: dict[str, Any] = dict(node.metadata)
    inner = "attrs" if any(name.startswith("xarray_") for name in _specs(node)) else "attributes"
    return dict(metadata.get(inner, metadata))


def _specs(node: Any) -> set[str]:
    return {spec.name for spec in node.specs or ()}


def _node_or_none(context: Context, parts: Sequence[str]) -> Any:
    try:
        return node_at(context, parts)
    except KeyError:
        return None
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
