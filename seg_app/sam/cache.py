"""What was worked out before, by what it was worked out from: nothing is worked out twice."""

from __future__ import annotations

import hashlib
import logging
import weakref
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from seg_app.sam.diskcache import DiskCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from seg_app.sam.diskcache import Arrays

log = logging.getLogger(__name__)

T = TypeVar("T")

MEMORY_BYTES = 2**29
"""32 windows of the official models."""
DISK_BYTES = 4 * 10**9
WAITING_WRITES = 8
"""What a slow disk has not written by then is kept in memory only."""


def content_key(image: NDArray[np.uint8]) -> str:
    """Return a name for the pixels of an image: equal pixels and shape, equal name; 32 hexadecimal digits."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class ContentKeys:
    """Content keys that are not computed again for the same array, while it lives and cannot be changed.

    Hashing the window of a click takes longer than a graphics card takes to answer it. Thread-safe.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[NDArray[np.uint8]], str]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, image: NDArray[np.uint8]) -> str:
        """Return `content_key`; an array that is to be remembered is read-only, and no view of another."""
        if image.flags.writeable or image.base is not None:
            return content_key(image)
        number = id(image)
        remembered, key = self._known.get(number, (lambda: None, ""))
        if remembered() is not image:  # numbers of arrays that have gone are given again
            key = content_key(image)
            self._known[number] = weakref.ref(image, lambda gone: self._forget(number, gone)), key
        return key

    def _forget(self, number: int, gone: weakref.ref[NDArray[np.uint8]]) -> None:
        if self._known.get(number, (None, ""))[0] is gone:
            del self._known[number]


def _one(_value: Any) -> int:
    return 1


class Recent(Generic[T]):
    """Values of at most `limit` in all; the one that has not been asked for the longest goes first. Thread-safe."""

    def __init__(self, limit: int, *, weigh: Callable[[T], int] = _one) -> None:
        """weigh: what a value counts towards the limit, e.g. its bytes; without it, each counts one."""
        self._limit, self._weigh = limit, weigh
        self._weight = 0
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def weight(self) -> int:
        """What the kept values weigh in all."""
        return self._weight

    def find(self, key: str) -> T | None:
        """Return the value of a key, None where there is none (any more)."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def take(self, key: str) -> T | None:
        """Return the value of a key and keep it no more, None where there is none."""
        with self._lock:
            value = self._values.pop(key, None)
            self._weight -= 0 if value is None else self._weigh(value)
            return value

    def keep(self, key: str, value: T) -> None:
        """Keep a value, and let go of the oldest where there are too many; one above the limit is not kept."""
        with self._lock:
            if key in self._values:
                self._weight -= self._weigh(self._values.pop(key))
            if self._weigh(value) > self._limit:
                return
            self._values[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._limit:
                self._weight -= self._weigh(self._values.popitem(last=False)[1])

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of a key, made where there is none.

        Two threads that miss the same key at once may both make it: nobody waits for a stranger's image.
        """
        value = self.find(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value

    def values(self) -> list[T]:
        """Return all values, the one that was asked for last at the end."""
        with self._lock:
            return [*self._values.values()]

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()
            self._weight = 0


class SingleFlight(Generic[T]):
    """Threads that ask for the same thing at the same time wait for one of them to make it."""

    def __init__(self) -> None:
        self._flights: dict[str, Future[T]] = {}
        self._lock = Lock()

    def do(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, or what another thread's does that is at it; raise what it raises.

        The next call makes it again: nothing is kept here.
        """
        with self._lock:
            flight = self._flights.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        return self._fly(key, flight, make) if is_mine else flight.result()

    def _fly(self, key: str, flight: Future[T], make: Callable[[], T]) -> T:
        try:
            value = make()
        except BaseException as error:
            self._land(key)
            flight.set_exception(error)
            raise
        self._land(key)
        flight.set_result(value)
        return value

    def _land(self, key: str) -> None:
        with self._lock:
            del self._flights[key]


@dataclass(frozen=True)
class CacheLimits:
    """Where embeddings are kept, and how much of them."""

    folder: Path | None = None
    """Several processes may share it; None keeps nothing on disk."""
    disk_bytes: int = DISK_BYTES
    memory_bytes: int = MEMORY_BYTES
    """Of the device, where the embeddings are."""


class Cache(Generic[T]):
    """Values by content key: in memory, then on disk, else made, once for all who ask. Thread-safe.

    The disk never makes anybody wait: a thread of its own writes there, and what cannot be written or read is made.
    """

    def __init__(
        self,
        limits: CacheLimits,
        *,
        weigh: Callable[[T], int],
        pack: Callable[[T], Arrays],
        unpack: Callable[[Arrays], T],
        is_slow: Callable[[], bool] = lambda: True,
    ) -> None:
        """weigh: the bytes of a value. pack, unpack: a value to named arrays, as they are to be stored, and back.

        is_slow: says whether to make a value takes longer than to read it, without which the disk is left alone.
        """
        self._memory: Recent[T] = Recent(limits.memory_bytes, weigh=weigh)
        self._disk = DiskCache(limits.folder, limits.disk_bytes) if limits.folder and limits.disk_bytes else None
        self._pack, self._unpack, self._is_slow = pack, unpack, is_slow
        self._flights: SingleFlight[T] = SingleFlight()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="seg-app-cache")
        self._writes: set[Future[None]] = set()

    @property
    def memory_bytes(self) -> int:
        """What the values in memory weigh."""
        return self._memory.weight

    def find(self, key: str) -> T | None:
        """Return the value of a key from memory or disk, None where it is in neither."""
        value = self._memory.find(key)
        if value is None and self._disk and self._is_slow() and (arrays := self._disk.find(key)):
            value = self._unpack(arrays)
            self._memory.keep(key, value)
        return value

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of a key, made where it is nowhere; threads that want the same one wait for the first."""
        value = self._memory.find(key)
        return self._flights.do(key, lambda: self._found_or_made(key, make)) if value is None else value

    def _found_or_made(self, key: str, make: Callable[[], T]) -> T:
        value = self.find(key)  # another thread may have made it just before
        if value is None:
            value = make()
            self._memory.keep(key, value)
            self._store(key, value)
        return value

    def _store(self, key: str, value: T) -> None:
        if (disk := self._disk) and self._is_slow() and len(self._writes) < WAITING_WRITES:
            write = self._writer.submit(lambda: disk.keep(key, self._pack(value)))
            self._writes.add(write)
            write.add_done_callback(self._on_written)

    def _on_written(self, write: Future[None]) -> None:
        self._writes.discard(write)
        if error := write.exception():  # nobody else would ever hear of it
            log.error("An embedding was not kept on disk.", exc_info=error)

    def flush(self) -> None:
        """Wait until everything is on disk that is on its way there."""
        wait(tuple(self._writes))

    def clear(self) -> None:
        """Let go of everything in memory; what is on disk, or on its way there, stays."""
        self._memory.clear()
