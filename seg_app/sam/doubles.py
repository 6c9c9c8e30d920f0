"""Which of several boxes are kept when they overlap: the best ones (greedy non-maximum suppression)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

T = TypeVar("T", bound="Hashable")

Rank: TypeAlias = "tuple[float, ...]"
"""What is smaller is better; of equal ones the first that came."""


@dataclass(eq=False)
class _Entry(Generic[T]):
    item: T
    rank: Rank
    near: list[_Entry[T]] = field(default_factory=list)
    """All others that overlap it too much."""
    is_there: bool = True
    is_kept: bool = False


class Doubles(Generic[T]):
    """Items with boxes, of which those are kept that no better one that is kept overlaps too much.

    They may come one by one, and go again: what is kept is what greedy suppression leaves of all that are there now,
    but only what a change touches is settled anew.
    """

    def __init__(self, threshold: float) -> None:
        """threshold: of the IoU of two boxes, 0 to 1; above it the worse one is suppressed."""
        self._threshold = threshold
        self._entries: dict[T, _Entry[T]] = {}
        self._order: list[_Entry[T]] = []
        self._sides = np.empty((4, 0))

    def put(self, item: T, box: Sequence[float], rank: Rank) -> list[tuple[T, bool]]:
        """Take an item with its box x0, y0, x1, y1, or one that went again.

        Return whose fate that changes, each with whether it is kept now.
        """
        if item in self._entries:
            self._entries[item].is_there = True
        else:
            self._entries[item] = self._new(item, np.asarray(box, np.float64), (*rank, len(self._order)))
        return list(self._settled(self._entries[item]))

    def drop(self, item: T) -> list[tuple[T, bool]]:
        """Let an item go; return whose fate that changes, each with whether it is kept now."""
        self._entries[item].is_there = False
        return list(self._settled(self._entries[item]))

    @property
    def kept(self) -> list[T]:
        """Those that are kept, best first."""
        return [entry.item for entry in sorted((e for e in self._order if e.is_kept), key=lambda entry: entry.rank)]

    def _new(self, item: T, box: NDArray[np.float64], rank: Rank) -> _Entry[T]:
        count = len(self._order)
        near = _overlapping(box, self._sides[:, :count])
        alike = near[_ious(box, self._sides[:, near]) > self._threshold]
        entry = _Entry(item, rank, [self._order[i] for i in alike])
        for other in entry.near:
            other.near.append(entry)
        if count == self._sides.shape[1]:  # twice the room, so that it is not copied for each
            self._sides = np.concatenate([self._sides, np.empty((4, max(count, 64)))], axis=1)
        self._sides[:, count] = box
        self._order.append(entry)
        return entry

    def _settled(self, changed: _Entry[T]) -> Iterable[tuple[T, bool]]:
        """Yield what becomes of an entry and, where that is new, of the worse ones near it; better ones first."""
        waiting = [(changed.rank, changed)]
        while waiting:
            _, entry = heapq.heappop(waiting)
            is_kept = entry.is_there and not any(one.is_kept and one.rank < entry.rank for one in entry.near)
            if is_kept != entry.is_kept:
                entry.is_kept = is_kept
                yield entry.item, is_kept
                for worse in entry.near:
                    if worse.rank > entry.rank and (worse.rank, worse) not in waiting:
                        heapq.heappush(waiting, (worse.rank, worse))


def _overlapping(box: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which boxes, given as (4, n) sides x0, y0, x1, y1, share some area with one."""
    x0, y0, x1, y1 = sides
    return np.flatnonzero((x0 < box[2]) & (x1 > box[0]) & (y0 < box[3]) & (y1 > box[1]))


def _ious(box: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.maximum(box[:2, None], sides[:2]), np.minimum(box[2:, None], sides[2:])
    common = (high - low).prod(axis=0)
    return common / ((box[2:] - box[:2]).prod() + (sides[2:] - sides[:2]).prod(axis=0) - common)
