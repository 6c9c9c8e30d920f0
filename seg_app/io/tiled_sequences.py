"""What a lab's Tiled says of the files behind a volume: whether their order and their sizes are those of its planes.

Tiled's own registration takes numbered files in the order of their letters, 1, 10, 11, 2, and asks only the first for
its type: the pixels of another type come wrapped, and look like an image. Planes are shown as the server has them all
the same, because masks, and other programs, count them so; but it is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import httpx
import numpy as np

from seg_app.io.tiled_nodes import FROM_FILE, json_of

if TYPE_CHECKING:
    from tiled.client.context import Context

HEADER = 1.1, 4096
"""A file has so much beside its pixels at most: a part of them, and some bytes."""

MOST_NAMED = 20


def about_files(context: Context, parts: Sequence[str], array: Any) -> dict[str, Any]:
    """Return `misplaced_files` and `odd_files`, the names of files that a user should know of; {} where all is well.

    One request where the array may be of one file for each plane, else none.
    """
    if not _is_of_planes(array) or FROM_FILE in array.metadata:
        return {}
    url = f"{context.api_uri}metadata/{'/'.join(quote(part, safe='') for part in parts)}"
    try:
        said = json_of(context, url, {"include_data_sources": True, "fields": ["data_sources"]})
    except httpx.HTTPStatusError:  # a server that does not tell of its files
        return {}
    assets = _assets(said["data"]["attributes"])
    names = [unquote(str(asset["data_uri"]).rpartition("/")[2]) for asset in assets]
    plane_bytes = int(np.prod(array.shape[1:])) * np.dtype(array.dtype).itemsize
    found = {
        "misplaced_files": _misplaced(names),
        "odd_files": _odd(dict(zip(names, (asset.get("size") for asset in assets), strict=True)), plane_bytes),
    }
    return {key: value[:MOST_NAMED] for key, value in found.items() if value}


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sorting key in which numbers count as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]


def _is_of_planes(array: Any) -> bool:
    first, *inner = array.chunks or ((),)
    return len(inner) >= 2 and len(first) > 1 and set(first) == {1} and all(len(sizes) == 1 for sizes in inner)


def _assets(attributes: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the files in the order of the planes; none where it is not one for each."""
    sources = attributes.get("data_sources") or []
    if len(sources) != 1 or not str(sources[0].get("mimetype")).startswith("multipart/related"):
        return []
    return sorted(sources[0].get("assets") or [], key=lambda asset: asset.get("num") or 0)


def _misplaced(names: Sequence[str]) -> list[str]:
    """Return the first file that is not where its number belongs, and the one that belongs there."""
    pairs = zip(names, sorted(names, key=natural), strict=True)
    return next(([name, expected] for name, expected in pairs if name != expected), [])


def _odd(sizes: Mapping[str, int | None], plane_bytes: int) -> list[str]:
    """Return the files that cannot hold a plane like the others; nothing where they are packed, and differ anyway."""
    known = [size for size in sizes.values() if size]
    most = plane_bytes * HEADER[0] + HEADER[1]
    if not known or not plane_bytes <= median(known) <= most:
        return []
    return [name for name, size in sizes.items() if size and not plane_bytes <= size <= most]
