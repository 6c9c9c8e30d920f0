"""On how many cores torch computes: small steps on one, so that nothing waits for threads to be woken.

libgomp gives each thread that computes a team of its own. Where the teams of a process have more threads than there are
cores they wait for work asleep, and waking them takes longer than a small model gains by them. To compute in one thread
of the process alone is no way out: a single team waits awake, and while other programs need the cores, it waits for
those that are not let on. On two busy cores a click on a window that was known took five times as long, others eleven.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

CORES = torch.get_num_threads()
"""What torch computes on unless told otherwise, read before anybody tells it."""
SMALL_INPUT = 256
"""Edge of the input in pixels up to which the decoder takes small steps."""


def cores_to_decode(device: torch.device, input_size: int) -> int:
    """Return on how many cores a model decodes best: a small one on a single one."""
    return 1 if device.type == "cpu" and input_size <= SMALL_INPUT else CORES


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let torch compute on so many cores within the block, in this thread.

    A thread that computes for the first time in the meantime begins with this number: say it in each, whatever it is.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
