"""What this process holds in memory, as the system or the graphics card sees it."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path


def resident_bytes() -> int:
    """Return the bytes that this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def taken_bytes(device: str) -> int:
    """Return the bytes that this process has where its model is: of the graphics card, or of main memory."""
    import torch  # weight: `resident_bytes` is for those that need none

    return torch.cuda.memory_allocated() if device == "cuda" else resident_bytes()


def most_taken_bytes(device: str) -> int:
    """Return the most that this process had of it so far; of the graphics card since the peak was last reset."""
    import torch

    main = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return torch.cuda.max_memory_allocated() if device == "cuda" else main


def give_back() -> None:
    """Give back to the system what was let go of: what is taken next would be put there, and not be seen."""
    ctypes.CDLL(None).malloc_trim(0)
