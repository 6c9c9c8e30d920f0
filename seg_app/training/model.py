"""The model in training: SAM 2.1 asked by parts, on crops that are windows of its full input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seg_app.sam.compat import ensure_torchvision
from seg_app.sam.configs import hydra_config

CONFIG = Path(__file__).parents[1] / "sam" / "weights" / "sam2.1_hiera_micro.yaml"
WEIGHTS = CONFIG.with_suffix(".pt")

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours that SAM 2 is given (`sam2.utils.transforms`)."""
STRIDE = 16
"""Pixels per token of the image embedding; the masks have 4 × 4 logits per token."""
FREQUENCY_SCALES = (0.4, 0.8, 1.5, 2.5)
"""Deviations of the random frequencies of the position encoding; the original has 1.0 only, 20 pixels wide here."""
QUIET, LOUD = 0.2, 5.0
"""Size of what is not a place in the channels of places, and of what pixels hear, before anything is learnt."""
SOFT = 0.35
"""Size of what the image alone says to the decoder: it is not to drown what the prompts say."""
SHARPNESS = 2.4
"""Of the attention between tokens and pixels of the same place, before anything is learnt."""

NOTHING, EXCLUDE, INCLUDE, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3
"""What a point of a prompt means (`PromptEncoder`)."""


@dataclass(frozen=True)
class Answer:
    """What the decoder says to n prompts."""

    logits: Tensor
    """(n, 4, rows / 4, columns / 4): the mask for many prompts, then three for a single click."""
    scores: Tensor
    """(n, 4) predicted intersection over union."""
    presence: Tensor
    """(n, 1) logit that the object is there."""


@dataclass(frozen=True)
class Embedding:
    """What the encoder makes of n crops."""

    features: list[Tensor]
    """Decoder inputs at stride 4, 8 and 16, (n, channels, rows, columns); the last includes `no_mem_embed`."""
    pyramid: Tensor
    """(n, 128, size / 4, size / 4) features before they are narrowed for the decoder."""


def build(config: Path = CONFIG) -> Any:
    """Return a SAM2Base with random weights from a YAML file, in training mode on the CPU. Raises SegmenterError.

    The weights of a seed are the same for all devices: they are drawn here, whatever the default device is.
    """
    ensure_torchvision()
    # after ensure_torchvision: sam2 imports torchvision
    from sam2.build_sam import build_sam2

    with torch.device("cpu"), hydra_config(str(config)) as name:
        model = build_sam2(name, device="cpu", mode="train", apply_postprocessing=False)
    return model.train()


@torch.no_grad()
def prepare(model: Any) -> None:
    """Let pixels and prompts of one place attend to each other from the start: this is what is slow to learn.

    With random weights the prompts change the answer so little, and so incoherently, that a model first learns to
    ignore them, and stays there. So the position encoding gets fine frequencies besides the coarse ones; half of the
    channels are kept free for places, which each head of the cross attention compares at four frequencies; and every
    pixel hears loudly of a click at its own place, the opposite of a click that excludes.
    """
    prompts, decoder = model.sam_prompt_encoder, model.sam_mask_decoder
    scales = torch.tensor(FREQUENCY_SCALES).repeat(16)
    prompts.pe_layer.positional_encoding_gaussian_matrix.copy_(torch.randn(2, 64) * scales)
    places = torch.cat([torch.arange(32), torch.arange(64, 96)])
    tokens = [decoder.iou_token, decoder.mask_tokens, decoder.obj_score_token, prompts.not_a_point_embed]
    for embedding in [*tokens, *prompts.point_embeddings]:
        embedding.weight[:, places] *= QUIET
    prompts.point_embeddings[EXCLUDE].weight.copy_(-prompts.point_embeddings[INCLUDE].weight)
    for lateral in model.image_encoder.neck.convs:
        lateral.conv.weight.mul_(SOFT)
        lateral.conv.bias.mul_(SOFT)
        _quieten(lateral.conv, places)
    for layer in decoder.transformer.layers:
        for norm in (layer.norm1, layer.norm2, layer.norm3):
            norm.weight[places] = QUIET
        _align(layer.cross_attn_token_to_image)
        _align(layer.cross_attn_image_to_token)
        _mark(layer.cross_attn_image_to_token, prompts.point_embeddings[INCLUDE].weight[0])
        _quieten(layer.cross_attn_image_to_token.out_proj, places)
    _align(decoder.transformer.final_attn_token_to_image)
    prompts.mask_downscaling[6].weight.mul_(2)
    decoder.output_upscaling[0].weight.mul_(1.5)
    decoder.output_upscaling[3].weight.mul_(LOUD)


def _quieten(linear: Any, channels: Tensor) -> None:
    linear.weight[channels] *= QUIET
    linear.bias[channels] *= QUIET


def _align(attention: Any) -> None:
    """Make queries and keys of an attention the same sines and cosines, four frequencies to a head."""
    frequencies = torch.arange(32).view(8, 4)
    columns = torch.cat([frequencies, frequencies + 64], dim=1).flatten()
    chosen = torch.zeros(attention.internal_dim, 128)
    chosen[torch.arange(attention.internal_dim), columns] = SHARPNESS
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight.mul_(0.1).add_(chosen)
        projection.bias.zero_()


def _mark(attention: Any, sign: Tensor) -> None:
    """Let what is heard of a token be mostly how much it has of a sign."""
    direction = sign / sign.norm()
    attention.v_proj.weight.add_(torch.outer(torch.randn(attention.internal_dim) / 8, direction) * LOUD)


def here(array: NDArray[np.generic]) -> Tensor:
    """Return an array as a tensor on the device that is being worked on."""
    return torch.from_numpy(array).to(torch.get_default_device())


def normalised(images: Tensor) -> Tensor:
    """Return grey uint8 images (n, rows, columns) as SAM 2 wants them: float32 (n, 3, rows, columns)."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (images[:, None].float() / 255 - mean) / deviation


def embed(model: Any, images: Tensor) -> Embedding:
    """Encode uint8 images (n, size, size)."""
    pyramid = model.image_encoder(normalised(images))["backbone_fpn"]
    decoder = model.sam_mask_decoder
    tokens = pyramid[2] + model.no_mem_embed.view(1, -1, 1, 1)
    return Embedding([decoder.conv_s0(pyramid[0]), decoder.conv_s1(pyramid[1]), tokens], pyramid[0])


def unprompted(model: Any, embedding: Embedding) -> Tensor:
    """Return what the decoder makes of an embedding at stride 4 when nothing was asked, for the auxiliary heads."""
    enlarge, norm, act, enlarge_again, act_again = model.sam_mask_decoder.output_upscaling
    fine, middle, tokens = embedding.features
    upscaled = act(norm(enlarge(tokens) + middle))
    return act_again(enlarge_again(upscaled) + fine)


def decode(
    model: Any,
    features: list[Tensor],
    points: Tensor,
    meanings: Tensor,
    *,
    corner: tuple[int, int],
    masks: Tensor | None,
) -> Answer:
    """Answer n prompts on n (repeated) embeddings.

    points: (n, k, 2) x, y in pixels of the crop. meanings: (n, k) int. corner: x, y of the crop in the model's full
    input, multiples of 16. masks: (n, 1, rows / 4, columns / 4) logits of the last answer; NaN where there was none.
    """
    prompt_encoder, rows, columns = model.sam_prompt_encoder, *features[2].shape[-2:]
    places = points + torch.tensor(corner)
    sparse = prompt_encoder._embed_points(places, meanings, pad=False)  # noqa: SLF001
    x, y = corner[0] // STRIDE, corner[1] // STRIDE
    positions = prompt_encoder.get_dense_pe()[:, :, y : y + rows, x : x + columns]
    logits, scores, _, presence = model.sam_mask_decoder.predict_masks(
        image_embeddings=features[2],
        image_pe=positions,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=_dense(prompt_encoder, masks),
        repeat_image=False,
        high_res_features=features[:2],
    )
    return Answer(logits.float(), scores.float(), presence.float())


def _dense(prompt_encoder: Any, masks: Tensor | None) -> Tensor:
    nothing = prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
    if masks is None:
        return nothing
    unknown = masks.isnan()
    embedded = prompt_encoder.mask_downscaling(torch.where(unknown, 0.0, masks))
    return torch.where(unknown[:, :, :1, :1], nothing, embedded)


def image_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Return the weights that single images teach, by name: all but those of the memory.

    The absolute position embedding of the trunk stays zero: crops of all sizes are to look alike to it.
    """
    parts = ("image_encoder.", "sam_prompt_encoder.", "sam_mask_decoder.", "no_mem_embed")
    fixed = "image_encoder.trunk.pos_embed"
    return {name: weight for name, weight in model.named_parameters() if name.startswith(parts) and name != fixed}
