"""Arrays on their way from a device to main memory, for which the device does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def sent(tensor: Tensor) -> Callable[[], NDArray[np.float32]]:
    """Begin to send a float32 tensor; return what waits for it and returns it, in memory of its own. Call it once.

    From a graphics card it goes to memory that never leaves its place, which is many times faster, but scarce: what
    waits takes it from there.
    """
    if tensor.device.type != "cuda":
        here = tensor.cpu().numpy()
        return lambda: here
    fixed = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    fixed.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.Event()
    arrived.record()

    def taken() -> NDArray[np.float32]:
        arrived.synchronize()
        return fixed.numpy().copy()

    return taken
