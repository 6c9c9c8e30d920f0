"""Blosc chunks that were cut off are errors here: Blosc itself reads on behind their end, and the program dies."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numcodecs
import numpy as np
import zarr
from numcodecs.blosc import Blosc
from zarr.codecs import BloscCodec
from zarr.registry import register_codec

from seg_app.io.damage import FlawError

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer

HEADER_BYTES = 16
"""Version, flags, then three little-endian integers: bytes unpacked, bytes of a block, bytes packed.

https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
"""


@functools.cache
def refuse_damaged_chunks() -> None:
    """Let Zarr check chunks of both its formats before Blosc unpacks them; once in a process is enough."""
    name = f"{CheckedBloscCodec.__module__}.{CheckedBloscCodec.__qualname__}"
    register_codec("blosc", CheckedBloscCodec, qualname=name)
    zarr.config.set({"codecs.blosc": name})  # Zarr 3
    numcodecs.register_codec(CheckedBlosc)  # Zarr 2


def check_chunk(chunk: Any) -> None:
    """Raise FlawError when the bytes of a chunk are fewer than it says itself, or its sizes are impossible."""
    data = np.frombuffer(chunk, np.uint8)
    unpacked, _, packed = np.frombuffer(data[:HEADER_BYTES].tobytes().ljust(HEADER_BYTES, b"\0"), "<i4")[1:]
    if not HEADER_BYTES <= packed <= data.size or unpacked < 0:
        raise FlawError(f"a chunk of it, of {data.size} bytes, is cut off or damaged")


class CheckedBlosc(Blosc):
    """Blosc in Zarr 2."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Unpack a chunk. Raises ValueError when it is damaged."""
        check_chunk(buf)
        return super().decode(buf, out)


class CheckedBloscCodec(BloscCodec):
    """Blosc in Zarr 3."""

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        check_chunk(chunk_bytes.as_numpy_array())
        return await super()._decode_single(chunk_bytes, chunk_spec)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        check_chunk(chunk_bytes.as_numpy_array())
        return super()._decode_sync(chunk_bytes, chunk_spec)
