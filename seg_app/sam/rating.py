"""How good a candidate looks: its edge, evenness and shape as numbers, and the IoU that they predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from seg_app.sam.patches import Patch, depth, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.landscape import Landscape

WEIGHTS = {
    "edge": 0.196,
    "weakest edge": -0.056,
    "closed edge": 0.584,
    "one-sided edge": 0.556,
    "either-sided edge": 0.363,
    "unevenness": -0.269,
    "edge against texture": 2.903,
    "compactness": 0.749,
    "convexity": 2.777,
    "centrality": 0.870,
    "smallness": 2.830,
    "cut by window": 0.723,
    "votes": 1.051,
    "bright inside": 0.046,
    "dark inside": 0.649,
    "either": 1.031,
    "either, faint ones too": 1.247,
    "first round": 0.831,
    "second round": 0.723,
    "third round": 0.725,
}
"""Of a logistic regression of the IoU with the true object; refit with `tests/benchmarks/classical.py fit`."""
BENT_CHANCE = 0.6
VOTE = 0.8
ALL_BUT_EQUAL = 0.94
BIAS = -8.797


def predicted_iou(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the predicted IoU, 0 to 1, of each row of a table of `features`."""
    rating = 1 / (1 + np.exp(-(table @ np.array(list(WEIGHTS.values())) + BIAS)))
    # the weights know particles, and those are convex: a bent pore with a clear edge all round keeps its chance
    return np.maximum(rating, BENT_CHANCE * table[:, list(WEIGHTS).index("closed edge")])


def features(land: Landscape, patches: list[Patch], seeds: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return one row for each patch, with the columns of WEIGHTS. seeds: including places (x, y) of the window."""
    alike = _likeness(patches)
    # the first of those that are all but equal stands for them: three in four need no look of their own
    first = (alike > ALL_BUT_EQUAL).argmax(axis=1)
    looks = {i: [*_edge(land, patches[i]), *_shape(land, patches[i], seeds)] for i in np.unique(first)}
    searches = [_search(patch) for patch in patches]
    return np.column_stack([[looks[i] for i in first], (alike > VOTE).mean(axis=1), searches])


def _edge(land: Landscape, patch: Patch) -> list[float]:
    """Return how clear and how one-sided the step at the edge is, and how even the inside is without it."""
    width = float(np.clip(0.05 * np.sqrt(np.count_nonzero(patch.bits)), 1.0, 4.0))
    wide = spread(patch, land.levels[patch.level].shape, margin=int(3 * width) + 1)
    rows, columns = wide.bits.shape
    grey = land.levels[wide.level][wide.y0 : wide.y0 + rows, wide.x0 : wide.x0 + columns] / land.contrast
    rim, core = _rim(wide.bits), _core(wide.bits, 2 * width)
    step = _step_across(grey, wide.bits, width)[rim]
    step *= np.sign(np.median(step)) or 1.0
    slope = ndimage.gaussian_gradient_magnitude(grey, width)
    clear, texture = float(slope[rim].mean()), float(np.percentile(slope[core], 95))
    return [
        float(np.tanh(2 * step).mean()),
        float(np.tanh(2 * np.percentile(step, 15))),
        float(np.tanh(2 * max(np.percentile(step, 5), 0.0)) ** 2),
        float((step > 0.1).mean()),
        float(np.tanh(2 * np.abs(step)).mean()),
        min(1.0, float(grey[core].std())),
        clear / (clear + texture + 1e-6),
    ]


def _rim(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the outermost pixels of an object; where the window cuts it, it has none unless it has no others."""
    rim = bits & ~np.asarray(ndimage.binary_erosion(bits, border_value=1), dtype=bool)
    return rim if rim.any() else bits


def _core(bits: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    deep = depth(bits)
    return deep > min(margin, 0.5 * deep.max())


def _step_across(grey: NDArray[np.floating], bits: NDArray[np.bool_], width: float) -> NDArray[np.floating]:
    """Return the mean grey value inside less the one outside, both within about `width` pixels."""
    inside = bits.astype(np.float32)
    share = ndimage.gaussian_filter(inside, width)
    bright = ndimage.gaussian_filter(grey * inside, width)
    total = ndimage.gaussian_filter(grey, width)
    return bright / np.maximum(share, 1e-3) - (total - bright) / np.maximum(1 - share, 1e-3)


def _shape(land: Landscape, patch: Patch, seeds: list[tuple[float, float]]) -> list[float]:
    """Return how compact the object is, how central the clicks are, its size and how much the window cuts off."""
    padded = np.pad(patch.bits, 1)
    deep = depth(padded)[1:-1, 1:-1]
    perimeter = 1.1 * np.count_nonzero(patch.bits & (deep <= 1))
    cut = _on_window_border(patch, land.levels[patch.level].shape) / perimeter
    places = [index for x, y in seeds if (index := patch.locate(y, x)) is not None]
    return [
        min(1.0, 4 * np.pi * np.count_nonzero(patch.bits) / perimeter**2),
        _convexity(padded),
        float(np.mean([deep[index] for index in places])) / float(deep.max()) if places else 0.0,
        -float(np.log2(np.sqrt(patch.area) / max(land.shape))) / 8,
        cut,
    ]


def _convexity(padded: NDArray[np.bool_]) -> float:
    """Return the share of the convex hull that the object fills."""
    # the corners of the first and last pixel of each row span the hull of them all
    rows = np.flatnonzero(padded.any(axis=1))
    left, right = padded[rows].argmax(axis=1), padded.shape[1] - padded[rows, ::-1].argmax(axis=1)
    corners = np.concatenate([np.column_stack([rows + dy, x]) for dy in (0, 1) for x in (left, right)])
    return float(np.count_nonzero(padded) / ConvexHull(corners).volume)


def _on_window_border(patch: Patch, shape: tuple[int, int]) -> int:
    """Return how many pixels of the object lie on the border of its level."""
    bottom, right = patch.y0 + patch.bits.shape[0], patch.x0 + patch.bits.shape[1]
    at_border = (patch.y0 == 0, bottom == shape[0], patch.x0 == 0, right == shape[1])
    lines = (patch.bits[0], patch.bits[-1], patch.bits[:, 0], patch.bits[:, -1])
    return sum(int(np.count_nonzero(line)) for line, there in zip(lines, at_border, strict=True) if there)


def _likeness(patches: list[Patch]) -> NDArray[np.float64]:
    """Return for each two patches how alike they are by rectangle and area, 0 to 1; 1 for equal ones."""
    y0, x0, y1, x1, area = np.array([(*patch.box, patch.area) for patch in patches], dtype=float).T
    rows = np.maximum(0, np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0))
    columns = np.maximum(0, np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0))
    frame = (y1 - y0) * (x1 - x0)
    overlap = rows * columns / (np.add.outer(frame, frame) - rows * columns)
    return np.minimum(overlap, np.minimum.outer(area, area) / np.maximum.outer(area, area))


def _search(patch: Patch) -> list[float]:
    """Return which kind of edge and which round of the search found the outline, as seven switches."""
    switches = np.zeros(7)
    if patch.search is not None:
        switches[[patch.search[0], 4 + patch.search[1]]] = 1
    return switches.tolist()
