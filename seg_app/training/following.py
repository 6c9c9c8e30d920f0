"""How an object is carried through the planes of a volume, and what a wrong answer on a plane costs.

The same steps as in `SAM2Base.track_step`, which hands on less than there is to learn from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seg_app.training.crops import depth_map
from seg_app.training.losses import mask_loss, true_iou
from seg_app.training.model import STRIDE, here, normalised
from seg_app.training.volumes import Volume

SMALLEST_PX = 40
LOCALITY = 2.0
"""Of the attention to the memory of the same place, before anything is learnt."""
FAST_PAIRS = 6
"""Pairs of the rotary encoding that turn fast enough to tell neighbouring tokens apart."""
BY_MASK = 0.7
"""Part of the objects that are given by a mask on the first plane; the others by a click."""


@contextmanager
def input_size(model: Any, size: int) -> Iterator[None]:
    """Let a model take planes of another size: they are the upper left of its input, with the same positions."""
    encoder, full = model.sam_prompt_encoder, model.image_size
    positions, tokens = encoder.get_dense_pe(), size // STRIDE
    whole = encoder.image_embedding_size, encoder.mask_input_size
    model.image_size, model.sam_image_embedding_size = size, tokens
    encoder.image_embedding_size, encoder.mask_input_size = (tokens, tokens), (4 * tokens, 4 * tokens)
    encoder.get_dense_pe = lambda: positions[:, :, :tokens, :tokens]
    try:
        yield
    finally:
        model.image_size, model.sam_image_embedding_size = full, full // STRIDE
        encoder.image_embedding_size, encoder.mask_input_size = whole
        del encoder.get_dense_pe


@torch.no_grad()
def prepare_memory(model: Any) -> None:
    """Begin with a memory that changes nothing, and looks at the same place of the planes before.

    What goes to the decoder is normalised by the memory attention alone: its weights start with the deviation of
    the embeddings that the decoder knows.
    """
    attention = model.memory_attention
    attention.norm.weight.fill_(1.0)
    for layer in attention.layers:
        layer.self_attn.out_proj.weight.mul_(0.1)
        layer.cross_attn_image.out_proj.weight.mul_(0.5)
        layer.linear2.weight.mul_(0.1)
        cross = layer.cross_attn_image
        near = torch.zeros(cross.internal_dim)
        half = cross.internal_dim // 2
        for axis in (0, half):
            near[axis : axis + 2 * FAST_PAIRS] = LOCALITY
        cross.q_proj.bias.copy_(near)
        cross.k_proj.bias.copy_(near)
        cross.q_proj.weight.mul_(0.3)
        cross.k_proj.weight.mul_(0.3)


@torch.no_grad()
def match_scale(model: Any, planes: Tensor) -> None:
    """Give the output of the memory attention the mean and deviation of the embeddings of some planes."""
    tokens = _backbone(model, planes)[0][-1] + model.no_mem_embed
    deviation = tokens.std(dim=2, keepdim=True)
    attention = model.memory_attention
    plain = (tokens - tokens.mean(dim=2, keepdim=True)) / deviation
    # the best line from what the normalisation leaves to what was there, channel by channel
    x, y = plain.flatten(0, 1), tokens.flatten(0, 1)
    slope = ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / x.var(0)
    attention.norm.weight.copy_(slope)
    attention.norm.bias.copy_(y.mean(0) - slope * x.mean(0))


def _backbone(model: Any, planes: Tensor) -> tuple[list[Tensor], list[Tensor], list[tuple[int, int]]]:
    """Return features and positions (tokens, planes, channels) of three levels, and the sizes of these."""
    out = model.forward_image(normalised(planes))
    _, features, positions, sizes = model._prepare_backbone_features(out)  # noqa: SLF001
    return features, positions, sizes


def follow(
    model: Any, volume: Volume, objects: NDArray[np.int32], rng: np.random.Generator
) -> tuple[Tensor, list[float]]:
    """Follow objects, by their numbers, from the first plane on; return the mean loss of the others, and all IoUs."""
    with torch.no_grad():
        backbone = _backbone(model, here(volume.planes))
    truth = here(volume.labels.astype(np.int32))[:, None] == here(objects)[:, None, None]
    prompt = _prompt(truth[0], volume.labels[0], by_mask=rng.random() < BY_MASK)
    answers = _answers(model, backbone, prompt, count=len(objects))
    costs = [plane_loss(heads, inside) for heads, inside in zip(answers, truth[1:], strict=True)]
    return torch.stack([loss for loss, _ in costs]).mean(), [iou for _, ious in costs for iou in ious]


def _answers(model: Any, backbone: Any, prompt: tuple[Any, Any], *, count: int) -> Iterator[Sequence[Tensor]]:
    """Yield what the heads say on every plane but the first, which is prompted."""
    features, positions, sizes = backbone
    planes = features[0].shape[1]
    outputs: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    for z in range(planes):
        views, places = (
            [level[:, z : z + 1].expand(-1, count, -1) for level in levels] for levels in (features, positions)
        )
        points, masks = prompt if z == 0 else (None, None)
        out, heads, _, _ = model._track_step(  # noqa: SLF001
            z, z == 0, views, places, sizes, points, masks, outputs, planes, False, None
        )
        out |= {"pred_masks": heads[3], "obj_ptr": heads[5]}
        model._encode_memory_in_output(views, sizes, points, True, heads[4], heads[6], out)  # noqa: SLF001
        outputs["non_cond_frame_outputs" if z else "cond_frame_outputs"][z] = out
        if z:
            yield heads


def choose(rng: np.random.Generator, labels: NDArray[np.uint16], count: int) -> NDArray[np.int32]:
    """Return the numbers of some objects of a plane that are large enough to be followed."""
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return rng.permutation(np.flatnonzero(counts >= SMALLEST_PX))[:count].astype(np.int32)


def _prompt(inside: Tensor, labels: NDArray[np.uint16], *, by_mask: bool) -> tuple[Any, Any]:
    """Return the points and the masks by which the objects of the first plane are given: one of both."""
    if by_mask:
        return None, inside[:, None].float()
    depths = here(depth_map(labels))
    spot = (inside * depths).flatten(1).argmax(dim=1)
    xy = torch.stack([spot % labels.shape[1], spot // labels.shape[1]], dim=1).float()
    return {"point_coords": xy[:, None], "point_labels": torch.ones(len(inside), 1, dtype=torch.int32)}, None


def plane_loss(heads: Sequence[Tensor], inside: Tensor) -> tuple[Tensor, list[float]]:
    """Return the loss of the answers on one plane, and the IoU of those objects that are there.

    heads: what `_forward_sam_heads` returns. inside: bool (n, rows, columns).
    """
    logits, scores, chosen, presence = heads[0], heads[2], heads[3], heads[6][:, 0]
    there = inside.flatten(1).any(dim=1)
    loss = functional.binary_cross_entropy_with_logits(presence, there.float())
    shown = there & (presence.detach() > 0)
    if not shown.any():
        return loss, [0.0] * int(there.sum())
    target = functional.avg_pool2d(inside[shown][:, None].float(), 4)
    each = mask_loss(logits[shown], target)
    iou = true_iou(logits[shown], inside[shown])
    picked = mask_loss(chosen[shown], target)[:, 0]
    masks = 0.5 * each.min(dim=1).values + 0.5 * picked
    loss = loss + masks.mean() + 0.2 * (scores[shown] - iou).abs().mean()
    found = true_iou(chosen, inside)[:, 0]
    return loss, [float(v) if s else 0.0 for v, s, t in zip(found, shown, there, strict=True) if t]
