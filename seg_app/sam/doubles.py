"""Which of several boxes are kept when they overlap: the best ones (greedy non-maximum suppression)."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

T = TypeVar("T", bound="Hashable")

RANKS = 4
"""So many numbers a rank may have."""


class Doubles(Generic[T]):
    """Items with boxes, of which those are kept that no better one that is kept overlaps too much.

    They may come one by one, and go again: what is kept is what greedy suppression leaves of all that are there now,
    but only what a change touches is settled anew. Of each, a few numbers are held, also of those that went.
    """

    def __init__(self, threshold: float) -> None:
        """threshold: of the IoU of two boxes, 0 to 1; above it the worse one is suppressed."""
        self._threshold = threshold
        self._items: list[T] = []
        self._index: dict[T, int] = {}
        self._sides, self._ranks = np.zeros((4, 0)), np.zeros((RANKS, 0))
        self._above = np.zeros(0, np.intp)
        """How many better ones that are kept suppress each."""
        self._is_there, self._is_kept = np.zeros(0, bool), np.zeros(0, bool)

    def put(self, item: T, box: Sequence[float], rank: Sequence[float]) -> list[tuple[T, bool]]:
        """Take a new item with its box x0, y0, x1, y1; one that was dropped comes back with what it had.

        rank: at most RANKS numbers, the first counts first, and the smaller one is better; of equal ranks the first
        that came is. Return whose fate that changes, each with whether it is kept now.
        """
        i = self._index.get(item, len(self._items))
        if i == len(self._items):
            self._append(item, box, rank)
        self._is_there[i] = True
        return list(self._settled(i))

    def drop(self, item: T) -> list[tuple[T, bool]]:
        """Let an item go that was put; return whose fate that changes, each with whether it is kept now."""
        i = self._index[item]
        self._is_there[i] = False
        return list(self._settled(i))

    @property
    def kept(self) -> list[T]:
        """Those that are kept, best first."""
        kept = np.flatnonzero(self._is_kept)
        return [self._items[i] for i in kept[np.lexsort(self._ranks[::-1, kept])]]

    def _append(self, item: T, box: Sequence[float], rank: Sequence[float]) -> None:
        i = self._index[item] = len(self._items)
        self._items.append(item)
        if i == len(self._above):
            self._make_room()
        self._sides[:, i], self._ranks[: len(rank), i] = box, rank
        near = self._near(i)
        self._above[i] = np.count_nonzero(self._is_kept[near] & ~self._are_worse(near, i))

    def _make_room(self) -> None:
        more = max(len(self._above), 64)  # twice as much, so that it is not copied for each
        columns = ("_sides", "_ranks", "_above", "_is_there", "_is_kept")
        for name in columns:
            values: NDArray[Any] = getattr(self, name)
            room = np.zeros((*values.shape[:-1], more), values.dtype)
            setattr(self, name, np.concatenate([values, room], axis=-1))

    def _settled(self, changed: int) -> Iterator[tuple[T, bool]]:
        """Yield what becomes of an item and, where that is new, of the worse ones near it; better ones first."""
        waiting = [(*self._ranks[:, changed], changed)]
        while waiting:
            i = int(heapq.heappop(waiting)[-1])
            is_kept = bool(self._is_there[i] and not self._above[i])
            if is_kept == self._is_kept[i]:
                continue
            self._is_kept[i] = is_kept
            yield self._items[i], is_kept
            near = self._near(i)
            worse = near[self._are_worse(near, i)]
            self._above[worse] += 1 if is_kept else -1
            new = worse[(self._is_there[worse] & (self._above[worse] == 0)) != self._is_kept[worse]]
            for one in new.tolist():
                heapq.heappush(waiting, (*self._ranks[:, one], one))

    def _near(self, i: int) -> NDArray[np.intp]:
        """Return which others overlap one too much."""
        x0, y0, x1, y1 = box = self._sides[:, i]
        sides = self._sides[:, : len(self._items)]
        near = np.flatnonzero((sides[0] < x1) & (sides[2] > x0) & (sides[1] < y1) & (sides[3] > y0))
        near = near[near != i]
        return near[ious(box, sides[:, near]) > self._threshold]

    def _are_worse(self, others: NDArray[np.intp], i: int) -> NDArray[np.bool_]:
        worse = others > i
        for ranks in self._ranks[::-1]:
            worse = (ranks[others] > ranks[i]) | ((ranks[others] == ranks[i]) & worse)
        return worse


def ious(box: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the IoU of a box with others, given as (4, n) sides x0, y0, x1, y1, which all meet it."""
    low, high = np.maximum(box[:2, None], sides[:2]), np.minimum(box[2:, None], sides[2:])
    common = (high - low).prod(axis=0)
    either = (box[2:] - box[:2]).prod() + (sides[2:] - sides[:2]).prod(axis=0) - common
    # a box of a single row or column has no area between its first and last pixel
    return np.divide(common, either, out=np.zeros_like(common), where=either > 0)
