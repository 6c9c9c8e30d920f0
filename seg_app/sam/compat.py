"""torchvision without its C++ operators, which a CPU torch beside a CUDA torchvision cannot load.

torchvision registers meta kernels for its operators when it is imported, and fails where the operators do not
exist. Declaring them lets the import succeed; `nms`, which sam2 names, is also implemented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_LIBRARIES: list[torch.library.Library] = []
"""Operators live as long as the library that declared them."""


def ensure_torchvision() -> None:
    """Make `import torchvision` work; do nothing where it works already."""
    try:
        import torchvision  # weight: 1 s, and only sam2 needs it
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare()
        import torchvision.extension

        # torchvision.ops asks this before it calls an operator; sam2 calls none but nms
        torchvision.extension._has_ops = lambda: True  # noqa: SLF001


def _declare() -> None:
    if _LIBRARIES:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            library.define(schema)
    library.impl("nms", nms, "CPU")
    _LIBRARIES.append(library)


def nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the indices (int64) of the boxes that no better one overlaps by more than a threshold, best first.

    dets: (n, 4) boxes x0, y0, x1, y1. scores: (n,). iou_threshold: 0 to 1 (greedy non-maximum suppression).
    """
    order = torch.argsort(scores, descending=True, stable=True)
    overlaps = _ious(dets[order]) > iou_threshold
    alive = torch.ones(len(order), dtype=torch.bool, device=dets.device)
    for rank in range(len(order)):
        if alive[rank]:
            alive[rank + 1 :] &= ~overlaps[rank, rank + 1 :]
    return order[alive]


def _ious(boxes: Tensor) -> Tensor:
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=2)
    return common / (area[:, None] + area[None] - common)
