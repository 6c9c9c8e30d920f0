"""The last few things that were worked out, by what they were worked out from."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")


def content_key(image: NDArray[np.uint8]) -> str:
    """Return a name for the pixels of an image: equal pixels and shape, equal name; 32 hexadecimal digits."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class Recent(Generic[T]):
    """At most `limit` values; the one that has not been asked for the longest goes first. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def find(self, key: str) -> T | None:
        """Return the value of a key, None where there is none (any more)."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: str, value: T) -> None:
        """Keep a value, and let go of the oldest where there are too many."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of a key, made where there is none.

        Two threads that miss the same key at once may both make it: nobody waits for a stranger's image.
        """
        value = self.find(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()
