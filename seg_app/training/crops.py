"""Cutting what one training step sees out of the micrographs: the same step of the same seed sees the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor

from seg_app.training.scenes import Scene

SMALLEST_PX = 30
"""An object of fewer pixels in the crop is not asked for: the logits have a 16th of the pixels."""


@dataclass(frozen=True)
class Framing:
    """How large the crops are."""

    size: int
    """Edge of a crop as the model gets it, in pixels."""
    nearest: float
    """Edge of the smallest piece that is cut out of a micrograph, in its pixels."""
    furthest: float
    """Edge of the largest piece."""


@dataclass(frozen=True)
class Batch:
    """Crops of micrographs with what is asked about them."""

    images: Tensor
    """(n, size, size) uint8 grey values."""
    labels: Tensor
    """(n, size, size) int32; 0 is background."""
    depths: Tensor
    """(n, size, size) float32 distance to the border of the own object in pixels, 0 outside of all."""
    objects: Tensor
    """(n, prompts) int32 labels of the objects that are asked for; 0 where a crop shows none."""
    clicks: Tensor
    """(n, prompts, 2) float32 first clicks x, y in pixels of the crop."""
    boxes: Tensor
    """(n, prompts, 4) float32 bounding boxes x0, y0, x1, y1, drawn by a hand that trembles."""

    def to(self, device: torch.device) -> Batch:
        """Return the same on a device."""
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


def make_batch(
    rng: np.random.Generator, scenes: Sequence[Scene], framing: Framing, *, prompts: int, plain: bool = False
) -> Batch:
    """Return one crop of each scene. plain: clicks in the middle of objects, grey values as they are (to validate)."""
    parts = [_piece(rng, scene, framing, prompts=prompts, plain=plain) for scene in scenes]
    return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True)))


def _piece(
    rng: np.random.Generator, scene: Scene, framing: Framing, *, prompts: int, plain: bool
) -> tuple[NDArray[np.generic], ...]:
    image, labels, large = _shown(rng, scene, framing)
    depths = depth_map(labels)
    objects = np.zeros(prompts, np.int32)
    clicks, boxes = np.zeros((prompts, 2), np.float32), np.zeros((prompts, 4), np.float32)
    if large.size:
        objects[:] = np.resize(rng.permutation(large), prompts)
        for i, number in enumerate(objects):
            clicks[i], boxes[i] = _ask(rng, labels == number, depths, plain=plain)
    grey = image if plain else _retouched(rng, image)
    return grey, labels.astype(np.int32), depths, objects, clicks, boxes


def _shown(
    rng: np.random.Generator, scene: Scene, framing: Framing
) -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.intp]]:
    """Return a piece, its labels and those that are large enough; a few tries are made to see any."""
    for _ in range(4):
        image, labels = cut(rng, scene, framing)
        counts = np.bincount(labels.ravel())
        counts[0] = 0
        if (counts >= SMALLEST_PX).any():
            break
    return image, labels, np.flatnonzero(counts >= SMALLEST_PX)  # pyright: ignore[reportPossiblyUnboundVariable]


def cut(rng: np.random.Generator, scene: Scene, framing: Framing) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return a random piece of a scene, turned and mirrored, brought to the size of the framing."""
    rows, columns = scene.image.shape
    edge = np.exp(rng.uniform(np.log(framing.nearest), np.log(framing.furthest)))
    stretch = np.exp(rng.uniform(-0.25, 0.25))
    height, width = int(min(edge * stretch, rows)), int(min(edge / stretch, columns))
    y0, x0 = _corner(rng, scene, (height, width))
    piece = slice(y0, y0 + height), slice(x0, x0 + width)
    image, labels = scene.image[piece], scene.labels[piece]
    size = framing.size
    image = np.asarray(Image.fromarray(image.astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR))
    ys, xs = (((np.arange(size) + 0.5) * n / size).astype(np.intp) for n in (height, width))
    labels = labels[ys[:, None], xs]
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    way = slice(None, None, -1 if mirrored else 1)
    return np.rot90(image, turns)[:, way], np.rot90(labels, turns)[:, way]


def _corner(rng: np.random.Generator, scene: Scene, edges: tuple[int, int]) -> tuple[int, int]:
    """Return the top left pixel of a piece; most pieces have some object near their middle."""
    room = [n - edge for n, edge in zip(scene.image.shape, edges, strict=True)]
    corner = [int(rng.integers(0, r + 1)) for r in room]
    if rng.random() < 0.8:
        ys, xs = (rng.integers(0, n, 64) for n in scene.image.shape)
        hits = np.flatnonzero(scene.labels[ys, xs])
        if hits.size:
            spot = (ys[hits[0]], xs[hits[0]])
            shift = [rng.uniform(0.25, 0.75) * edge for edge in edges]
            corner = [int(np.clip(c - s, 0, r)) for c, s, r in zip(spot, shift, room, strict=True)]
    return corner[0], corner[1]


def depth_map(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return how far each labelled pixel is from the border of its object, in pixels; the frame is a border, too."""
    inner = np.zeros((labels.shape[0] + 2, labels.shape[1] + 2), bool)
    core = labels > 0
    for axis in (0, 1):
        same = np.diff(labels.astype(np.int32), axis=axis) == 0
        edge = np.zeros((1, labels.shape[1]) if axis == 0 else (labels.shape[0], 1), bool)
        core = core & np.concatenate([edge, same], axis) & np.concatenate([same, edge], axis)
    inner[1:-1, 1:-1] = core
    depth = np.asarray(distance_transform_edt(inner), np.float32)[1:-1, 1:-1]
    return depth + (labels > 0)


def _ask(
    rng: np.random.Generator, inside: NDArray[np.bool_], depths: NDArray[np.float32], *, plain: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a click (x, y) into an object and a box (x0, y0, x1, y1) around it."""
    ys, xs = np.nonzero(inside)
    depth = depths[ys, xs]
    if plain:
        spot = int(depth.argmax())
    else:
        # people click near the middle, roughly
        weights = depth ** rng.choice([0.0, 1.0, 3.0, 8.0])
        spot = int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum()).clip(max=len(xs) - 1))
    box = np.array([xs.min(), ys.min(), xs.max(), ys.max()], np.float32)
    tremble = 0.0 if plain else 0.05
    box += rng.normal(0, tremble, 4) * np.array([box[2] - box[0], box[3] - box[1]] * 2)
    return np.array([xs[spot], ys[spot]], np.float32), box


def _slope(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return light that falls off from one side to the other."""
    down, right = (np.linspace(-a, a, n, dtype=np.float32) for a, n in zip(rng.normal(0, 0.12, 2), shape, strict=True))
    return down[:, None] + right


def _retouched(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture as another detector, operator or instrument would have made it."""
    grey = image.astype(np.float32) / 255
    if rng.random() < 0.3:
        grey = 1 - grey
    if rng.random() < 0.8:
        grey = grey ** np.exp(rng.uniform(-0.5, 0.5))
        grey = (grey - 0.5) * np.exp(rng.uniform(-0.6, 0.3)) + 0.5 + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.3:
        grey = grey + _slope(rng, grey.shape)
    if rng.random() < 0.2:
        grey = gaussian_filter(grey, rng.uniform(0.3, 1.2))
    if rng.random() < 0.1:  # a beam that flickers from line to line
        grey = grey + rng.uniform(0.01, 0.05) * rng.standard_normal((len(grey), 1), dtype=np.float32)
    if rng.random() < 0.3:
        grey = grey + rng.uniform(0.01, 0.08) * rng.standard_normal(grey.shape, dtype=np.float32)
    return (255 * np.clip(grey, 0, 1)).astype(np.uint8)
