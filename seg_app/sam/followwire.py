"""Objects that are followed through planes, as they travel: one plane a question.

A question names all planes from the prompted one to the one that is asked for by the keys of their images, so that
whoever answers may have forgotten those before, or never have known them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import SegmenterError
from seg_app.sam.followed import Followed
from seg_app.sam.question import check_masks
from seg_app.sam.wire import crop, pack, uncropped, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MOST_OBJECTS = 400
"""So that what is told of them fits into the header of a message."""
MOST_PLANES = 10_000


@dataclass(frozen=True)
class Way:
    """Objects on a plane, and the planes along which they are followed, one after the other."""

    keys: tuple[str, ...]
    """Of the images: of the plane that the objects are given on, and of those after it to the one that is asked for."""
    n_planes: int
    """How many the volume has."""
    masks: Mapping[int, NDArray[np.bool_]]
    """The (rows, columns) pixels of the objects on the first plane, by their numbers."""

    @property
    def name(self) -> str:
        """What two ways along the same planes have in common."""
        told = [self.n_planes, self.keys, *((number, _packed(mask)) for number, mask in sorted(self.masks.items()))]
        return blake2b(repr(told).encode(), digest_size=16).hexdigest()

    @property
    def before(self) -> Way:
        """The way to the plane before."""
        return Way(self.keys[:-1], self.n_planes, self.masks)


def way_to_json(way: Way) -> dict[str, Any]:
    """Return a way as JSON values."""
    masks = [{"number": number, "mask": _packed(mask)} for number, mask in way.masks.items()]
    return {"keys": way.keys, "planes": way.n_planes, "masks": masks}


def way_from_json(values: dict[str, Any]) -> Way:
    """Return the way of JSON values. Raises SegmenterError when they are none."""
    try:
        keys, entries = tuple(map(str, values["keys"])), values["masks"]
        if not 2 <= len(keys) <= int(values["planes"]) <= MOST_PLANES or not 0 < len(entries) <= MOST_OBJECTS:
            raise ValueError(
                f"{len(keys)} keys of {values['planes']} planes, {len(entries)} masks; 2 to {MOST_PLANES} planes and "
                f"1 to {MOST_OBJECTS} masks are allowed"
            )
        masks = {int(entry["number"]): _unpacked(entry["mask"]) for entry in entries}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SegmenterError(f"Cannot follow objects: {error!r}. Send what way_to_json makes of them.") from error
    check_masks(masks, 0, len(keys))
    return Way(keys, int(values["planes"]), masks)


def _packed(mask: NDArray[np.bool_]) -> str:
    return base64.b64encode(pack({"columns": mask.shape[1]}, [np.packbits(mask, axis=1)])).decode()


def _unpacked(text: str) -> NDArray[np.bool_]:
    header, (bits,) = unpack(base64.b64decode(text, validate=True))
    columns = int(header["columns"])
    if bits.dtype != np.uint8 or bits.ndim != 2 or not 0 < columns <= 8 * bits.shape[1]:
        raise ValueError(f"a mask of {bits.shape} {bits.dtype} for {columns} columns")
    return np.unpackbits(bits, axis=1, count=columns).astype(bool)


def pack_followed(objects: Mapping[int, Followed]) -> bytes:
    """Return the message of what was found on a plane: logits in half precision, where they are not far outside."""
    crops = [crop(found.logits) for found in objects.values()]
    described: Sequence[dict[str, Any]] = [
        {**place, "number": number, "score": round(found.score, 5), "presence": round(found.presence, 3)}
        for (number, found), (place, _) in zip(objects.items(), crops, strict=True)
    ]
    return pack({"objects": described}, [logits for _, logits in crops])


def unpack_followed(message: bytes) -> dict[int, Followed]:
    """Return what was found on a plane. Raises SegmenterError when the message is damaged."""
    header, arrays = unpack(message)
    try:
        return {
            int(entry["number"]): Followed(uncropped(entry, part), float(entry["score"]), float(entry["presence"]))
            for entry, part in zip(header["objects"], arrays, strict=True)
        }
    except (ValueError, KeyError, TypeError) as error:
        raise SegmenterError(f"Cannot read what the SAM server followed: {error!r}.") from error
