"""What travels between a SAM server and its clients: JSON, and arrays with their type and shape. Never pickles.

A message is 4 bytes (the length of the header, big-endian), the header (JSON), and the compressed bytes of one array
after the other (zlib). The header says the type, the shape and the compressed length of each array, and the receiver
checks them before it makes room for anything.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import SegmenterError
from seg_app.records import Box, Point, Prompts
from seg_app.sam.protocol import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_MESSAGE_BYTES = 64 * 2**20
MAX_ARRAY_BYTES = 64 * 2**20
MAX_HEADER_BYTES = 2**16
MAX_POINTS = 1000
TYPES = {"uint8": np.uint8, "float16": np.float16}
FAR_OUTSIDE = -8.0
"""Logits below are not sent: the receiver fills them with this value."""
LARGEST_LOGIT = 32.0
COMPRESSION = 1
PROBE_BYTES = 4096
WORTH_IT = 0.85
"""What does not become smaller than this part of itself is not worth compressing."""


def pack(header: dict[str, Any], arrays: list[NDArray[Any]]) -> bytes:
    """Return a message of a header (JSON values) and arrays of uint8 or float16."""
    bodies = [_compressed(np.ascontiguousarray(array).tobytes()) for array in arrays]
    described = [
        {"type": str(array.dtype), "shape": list(array.shape), "bytes": len(body)}
        for array, body in zip(arrays, bodies, strict=True)
    ]
    head = json.dumps({**header, "arrays": described}).encode()
    return b"".join([len(head).to_bytes(4, "big"), head, *bodies])


def _compressed(raw: bytes) -> bytes:
    """Return a stream of zlib; noise takes longer to compress than to send, and is stored as it is."""
    probe = raw[len(raw) // 2 :][:PROBE_BYTES]
    is_noise = len(zlib.compress(probe, COMPRESSION)) > WORTH_IT * len(probe)
    return zlib.compress(raw, 0 if is_noise else COMPRESSION)


def unpack(message: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Return header and arrays of a message. Raises SegmenterError when it is damaged or larger than the limits."""
    try:
        size = int.from_bytes(message[:4], "big")
        if size > MAX_HEADER_BYTES:
            raise ValueError(f"the header has {size} bytes, at most {MAX_HEADER_BYTES} are allowed")
        header = json.loads(message[4 : 4 + size])
        return header, list(_arrays(header.pop("arrays"), message[4 + size :]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, zlib.error) as error:
        raise SegmenterError(
            f"Cannot read a message of {len(message)} bytes: {error}. "
            "Use the same version of seg-app for the SAM server and its clients."
        ) from error


def _arrays(described: list[dict[str, Any]], body: bytes) -> Iterator[NDArray[Any]]:
    start = 0
    for entry in described:
        end = start + int(entry["bytes"])
        if not start <= end <= len(body):
            raise ValueError("an array is longer than the message")
        yield _array(body[start:end], entry["type"], [int(edge) for edge in entry["shape"]])
        start = end


def _array(compressed: bytes, type_name: str, shape: list[int]) -> NDArray[Any]:
    dtype = np.dtype(TYPES[type_name])
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or expected > MAX_ARRAY_BYTES:
        raise ValueError(f"an array of shape {shape} is larger than {MAX_ARRAY_BYTES} bytes")
    # one byte more than expected is asked for, so that a small message can not unfold without end
    raw = zlib.decompressobj().decompress(compressed, expected + 1)
    if len(raw) != expected:
        raise ValueError(f"an array of shape {shape} has not the {expected} bytes that it should")
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def pack_image(image: NDArray[np.uint8]) -> bytes:
    """Return the message of a (rows, columns, 3) uint8 image; of a grey one, only one of its equal channels."""
    is_grey = bool((image == image[..., :1]).all())
    return pack({"grey": is_grey}, [image[..., 0] if is_grey else image])


def unpack_image(message: bytes) -> NDArray[np.uint8]:
    """Return the (rows, columns, 3) uint8 image of a message. Raises SegmenterError when it is damaged."""
    header, arrays = unpack(message)
    wanted = 2 if header.get("grey") else 3
    if len(arrays) != 1 or arrays[0].ndim != wanted or arrays[0].dtype != np.uint8:
        raise SegmenterError("The message does not hold an image. Send what pack_image makes of it.")
    return np.repeat(arrays[0][..., None], 3, axis=2) if wanted == 2 else arrays[0]


def pack_candidates(candidates: list[Candidate]) -> bytes:
    """Return the message of candidates: their logits in half precision, where they are not far outside.

    Where a model has made no more than a coarse grid of them, that is sent. Their traces are names or None: what a
    server keeps does not travel.
    """
    crops = [crop(candidate.grid, room=1 if candidate.over else 0) for candidate in candidates]
    described = [
        {**_placed(candidate, place), "score": candidate.score, "trace": candidate.trace}
        for candidate, (place, _) in zip(candidates, crops, strict=True)
    ]
    return pack({"candidates": described}, [logits for _, logits in crops])


def _placed(candidate: Candidate, place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "image": list(candidate.over)} if candidate.over else place


def crop(logits: NDArray[np.float32], *, room: int = 0) -> tuple[dict[str, Any], NDArray[np.float16]]:
    """Return the part of logits (rows, columns) that is not far outside, in half precision, and its place as JSON.

    room: so many rows and columns around it come along.
    """
    is_near = logits > FAR_OUTSIDE
    rows, columns = np.flatnonzero(is_near.any(axis=1)), np.flatnonzero(is_near.any(axis=0))
    y0, x0 = (max(int(rows[0]) - room, 0), max(int(columns[0]) - room, 0)) if rows.size else (0, 0)
    part = logits[y0 : rows[-1] + 1 + room, x0 : columns[-1] + 1 + room] if rows.size else logits[:0, :0]
    place = {"shape": list(logits.shape), "y0": y0, "x0": x0}
    return place, np.clip(part, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.float16)


def unpack_candidates(message: bytes) -> list[Candidate]:
    """Return the candidates of a message. Raises SegmenterError when it is damaged."""
    header, arrays = unpack(message)
    try:
        entries = header["candidates"]
        if sum(math.prod(_edges(entry["shape"])) for entry in entries) > MAX_ARRAY_BYTES:
            raise ValueError(f"{len(entries)} candidates of more than {MAX_ARRAY_BYTES} logits")
        return [_candidate(entry, part) for entry, part in zip(entries, arrays, strict=True)]
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise SegmenterError(
            f"Cannot read the candidates of the SAM server: {error!r}. Use the same version of seg-app there and here."
        ) from error


def _candidate(entry: dict[str, Any], part: NDArray[np.float16]) -> Candidate:
    trace = entry.get("trace")
    over = _edges(entry["image"]) if "image" in entry else None
    return Candidate(uncropped(entry, part), float(entry["score"]), trace if isinstance(trace, str) else None, over)


def uncropped(place: dict[str, Any], part: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the logits that `crop` was given. Raises ValueError, KeyError, TypeError when the place is none."""
    rows, columns = _edges(place["shape"])
    logits = np.full((rows, columns), FAR_OUTSIDE, dtype=np.float32)
    y0, x0 = int(place["y0"]), int(place["x0"])
    logits[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    return logits


def _edges(shape: Any) -> tuple[int, int]:
    rows, columns = (int(edge) for edge in shape)
    if min(rows, columns) < 1 or rows * columns > MAX_ARRAY_BYTES:
        raise ValueError(f"logits of shape {shape}")
    return rows, columns


def mask_to_json(mask: NDArray[np.floating]) -> str:
    """Return logits (rows, columns) that are a prompt as text, in half precision."""
    return base64.b64encode(pack({}, [mask.clip(-LARGEST_LOGIT, LARGEST_LOGIT).astype(np.float16)])).decode()


def mask_from_json(text: Any) -> NDArray[np.float32] | None:
    """Return the logits of a text, None for no text. Raises SegmenterError when it is another."""
    if text is None:
        return None
    try:
        _, (mask,) = unpack(base64.b64decode(text, validate=True))
    except (TypeError, ValueError) as error:
        raise SegmenterError(f"Cannot read a mask: {error}. Send what mask_to_json makes of it.") from error
    return mask.astype(np.float32) if mask.dtype == np.float16 else mask


def prompts_to_json(prompts: Prompts) -> dict[str, Any]:
    """Return prompts as JSON values."""
    return asdict(prompts)


def prompts_from_json(values: Any) -> Prompts:
    """Return the prompts of JSON values. Raises SegmenterError when they are none."""
    try:
        points = values.get("points") or []
        if len(points) > MAX_POINTS:
            raise ValueError(f"{len(points)} points, at most {MAX_POINTS} are allowed")
        corners = values.get("box")
        box = Box(**{name: float(corners[name]) for name in ("x0", "y0", "x1", "y1")}) if corners else None
        return Prompts(tuple(Point(float(p["x"]), float(p["y"]), p.get("include", True) is True) for p in points), box)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise SegmenterError(f"Cannot read prompts: {error!r}. Send what prompts_to_json makes of them.") from error
