"""How long a device takes for something, which is not how long it takes to tell a graphics card to do it."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopwatch:
    """Measures what is done on a device, and lets nobody wait for it."""

    def __init__(self, device: torch.device) -> None:
        self._is_ahead = device.type == "cuda"
        self._last_s = float("inf")
        self._marks: tuple[torch.cuda.Event, torch.cuda.Event] | None = None

    @property
    def last_s(self) -> float:
        """What the last took that is done, in seconds; infinite before the first is."""
        if self._marks and self._marks[1].query():
            self._last_s, self._marks = self._marks[0].elapsed_time(self._marks[1]) / 1000, None
        return self._last_s

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure what is done within the block, unless it raises."""
        if not self._is_ahead:
            began_s = monotonic()
            yield
            self._last_s = monotonic() - began_s
            return
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        yield
        end.record()
        self._marks = begin, end
