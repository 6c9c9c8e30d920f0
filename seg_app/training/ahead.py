"""What the steps of a training need, made by other processes while this one learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")

AHEAD = 3
"""Steps for which each process works in advance."""


def made_ahead(make: Callable[[int], T], steps: range, *, workers: int) -> Iterator[T]:
    """Yield make(step) for all steps in order, made by so many processes, to which `make` is pickled."""
    if not steps:  # processes would be started all the same
        return
    yield from DataLoader(
        _Made(make),
        sampler=steps,
        batch_size=None,
        num_workers=max(workers, 1),
        prefetch_factor=AHEAD,
        multiprocessing_context="spawn",
        collate_fn=_as_it_is,
    )


@dataclass(frozen=True)
class _Made(Dataset[T], Generic[T]):
    make: Callable[[int], T]

    def __getitem__(self, step: int) -> T:
        return self.make(step)


def _as_it_is(made: T) -> T:
    return made
