"""SAM's mask decoder for many prompts on one image: what is the same for all of them is computed once.

The results are those of the package's decoder up to rounding. It is rearranged as follows.

- Before the first layer has written to it, the image is the same for all prompts but masks, so its keys, values and
  queries are made once (`SharedImage`).
- There are 8 tokens beside 4096 places of the image. So attention never projects the image: q · (W x) = (Wᵀ q) · x
  moves the projection over to the tokens, and so do the sums over values.
- Masks are made only for answers whose predicted IoU is high enough, which is known before.
- A transposed convolution whose kernel is as large as its stride is a matrix product at each place. The pixels stay in
  the order in which it gives them, and only the logits are put into rows and columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

GIVEN_BACK = 32.0
"""The package clips logits that may be given back to it, as what an object looks like so far, to this."""


class SharedImage:
    """The image's side of the decoder, made once for all points. n: places of the image, c: channels."""

    def __init__(self, model: Any, features: dict[str, Any]) -> None:
        encoder, self._decoder = model.sam_prompt_encoder, model.sam_mask_decoder
        self._embedded = features["image_embed"]
        embedded = self._embedded + encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        self._grid: tuple[int, int] = embedded.shape[-2:]
        self._keys = _by_place(embedded)
        self._places = _by_place(encoder.get_dense_pe())
        first = self._decoder.transformer.layers[0]
        read, written = first.cross_attn_token_to_image, first.cross_attn_image_to_token
        placed = self._keys + self._places
        self._read_keys = _heads(read, read.k_proj(placed))[0].transpose(1, 2)
        self._read_values = _heads(read, read.v_proj(self._keys))[0]
        self._write_queries = _heads(written, written.q_proj(placed))[0].transpose(1, 2)
        self._fine = [_in_fours(feature, self._grid) for feature in features["high_res_feats"]]

    def masks(self, sparse: Tensor, *, at_least: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits (m, rows, columns) and scores (m,) of masks above a score, and the point of each (m,)."""
        scores, hyper, keys = self._looked(sparse, None)
        # the first mask is for several prompts; the others are the readings of one
        scores, hyper = scores[:, 1:], hyper[:, 1:]
        point, reading = torch.nonzero(scores > at_least, as_tuple=True)
        logits = self._drawn(keys, hyper, point, reading)
        return logits, scores[point, reading], point

    def meanings(self, sparse: Tensor, dense: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the logits (b, 1, rows, columns) and scores (b, 1) of what prompts mean that leave one meaning.

        sparse: (b, t, c) tokens. dense: (b, c, rows, columns) what the prompt encoder makes of masks, None of none.
        """
        keys = None if dense is None else _by_place(self._embedded + dense)
        scores, hyper, keys = self._looked(sparse, keys)
        logits = _in_rows((hyper @ self._fine_pixels(keys)).float().flatten(0, 1), self._grid).unflatten(
            0, scores.shape
        )
        if self._decoder.dynamic_multimask_via_stability:
            return self._decoder._dynamic_multimask_via_stability(logits, scores)  # noqa: SLF001 - its own choice
        return logits[:, :1], scores[:, :1]

    def _looked(self, sparse: Tensor, keys: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores (b, masks), what draws each mask (b, masks, channels), and the image (b, n, c) it draws on.

        keys: (b, n, c) the image as each sees it at first, None where all see the same.
        """
        decoder = self._decoder
        own = [decoder.obj_score_token.weight] if decoder.pred_obj_scores else []
        own = torch.cat([*own, decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens, keys = self._transformed(torch.cat([own.expand(len(sparse), -1, -1), sparse], dim=1), keys)
        tokens = tokens[:, 1:] if decoder.pred_obj_scores else tokens
        draws = [draw(tokens[:, i]) for i, draw in enumerate(decoder.output_hypernetworks_mlps, start=1)]
        return decoder.iou_prediction_head(tokens[:, 0]), torch.stack(draws, dim=1), keys

    def _transformed(self, tokens: Tensor, own_keys: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return tokens (b, t, c) and image (b, n, c) after all layers."""
        transformer = self._decoder.transformer
        queries, keys = tokens, self._keys if own_keys is None else own_keys
        for depth, layer in enumerate(transformer.layers):
            queries = self._look_at_each_other(layer, queries, tokens)
            is_shared = depth == 0 and own_keys is None
            placed = None if is_shared else keys + self._places
            seen = self._read(layer.cross_attn_token_to_image, queries + tokens, keys, placed)
            queries = layer.norm2(queries + seen)
            queries = layer.norm3(queries + layer.mlp(queries))
            keys = self._write(layer.cross_attn_image_to_token, (queries + tokens, queries), keys, placed)
            keys = layer.norm4(keys)
        final = transformer.final_attn_token_to_image
        queries = queries + self._read(final, queries + tokens, keys, keys + self._places)
        return transformer.norm_final_attn(queries), keys

    @staticmethod
    def _look_at_each_other(layer: Any, queries: Tensor, tokens: Tensor) -> Tensor:
        if layer.skip_first_layer_pe:
            return layer.norm1(layer.self_attn(q=queries, k=queries, v=queries))
        placed = queries + tokens
        return layer.norm1(queries + layer.self_attn(q=placed, k=placed, v=queries))

    def _read(self, attention: Any, tokens: Tensor, keys: Tensor, placed: Tensor | None) -> Tensor:
        """Return what tokens (b, t, c) see in the image. placed: the image with its places, None before it differs."""
        queries = _heads(attention, attention.q_proj(tokens)) * _scale(attention)
        b, heads, t, _ = queries.shape
        if placed is None:
            joint = queries.transpose(0, 1).flatten(1, 2)
            seen = (joint @ self._read_keys).softmax(dim=-1) @ self._read_values
            seen = seen.unflatten(1, (b, t)).transpose(0, 1)
        else:
            looks = (queries @ _by_head(attention, attention.k_proj.weight)).flatten(1, 2)
            chances = (looks @ placed.transpose(1, 2)).softmax(dim=-1)
            seen = (chances @ keys).unflatten(1, (heads, t)) @ _by_head(attention, attention.v_proj.weight).mT
            seen = seen + attention.v_proj.bias.view(heads, 1, -1)
        return attention.out_proj(seen.transpose(1, 2).flatten(2))

    def _write(self, attention: Any, tokens: tuple[Tensor, Tensor], keys: Tensor, placed: Tensor | None) -> Tensor:
        """Return the image (b, n, c) with what it sees in the tokens, which come with and without their places."""
        k = _heads(attention, attention.k_proj(tokens[0])) * _scale(attention)
        v = _heads(attention, attention.v_proj(tokens[1]))
        b, heads, t, _ = k.shape
        if placed is None:
            scores = (k.transpose(0, 1).flatten(1, 2) @ self._write_queries).unflatten(1, (b, t)).transpose(0, 1)
        else:
            looks = (k @ _by_head(attention, attention.q_proj.weight)).flatten(1, 2)
            shift = (k @ attention.q_proj.bias.view(heads, -1, 1)).flatten(1, 2)
            scores = (looks @ placed.transpose(1, 2) + shift).unflatten(1, (heads, t))
        chances = scores.softmax(dim=2).flatten(1, 2)
        out = attention.out_proj
        # the chances of each head add up to 1, so that a part of the bias in each of them adds up to the bias
        written = v @ _by_head(attention, out.weight.T) + out.bias / heads
        return keys + chances.transpose(1, 2) @ written.flatten(1, 2)

    def _drawn(self, keys: Tensor, hyper: Tensor, point: Tensor, reading: Tensor) -> Tensor:
        """Return logits (m, rows, columns) of some readings of some points. hyper: (b, readings, channels)."""
        asked, place = torch.unique(point, return_inverse=True)
        # all readings of a point that was asked: which of them pass is not worth a wait for the device
        flat = hyper[asked] @ self._fine_pixels(keys[asked])
        return _in_rows(flat[place, reading].float(), self._grid)

    def _fine_pixels(self, keys: Tensor) -> Tensor:
        return self._upscaled(keys).flatten(1, -2).transpose(1, 2)

    def _upscaled(self, keys: Tensor) -> Tensor:
        """Return the image four times as fine, (b, n, 4, 4, channels): each place as 2 × 2 of 2 × 2 pixels."""
        up1, norm, act1, up2, act2 = self._decoder.output_upscaling
        fine0, fine1 = self._fine if self._decoder.use_high_res_features else (0.0, 0.0)
        pixels = _deconvolved(up1, keys) + fine1
        pixels = act1(functional.layer_norm(pixels, norm.weight.shape, norm.weight, norm.bias, norm.eps))
        return act2(_deconvolved(up2, pixels) + fine0)


def _by_place(image: Tensor) -> Tensor:
    """Return an image (1, c, rows, columns) as (1, n, c)."""
    return image.flatten(2).transpose(1, 2).contiguous()


def _heads(attention: Any, values: Tensor) -> Tensor:
    """Return (b, t, heads · d) as (b, heads, t, d)."""
    return values.unflatten(2, (attention.num_heads, -1)).transpose(1, 2)


def _by_head(attention: Any, weight: Tensor) -> Tensor:
    """Return a weight (heads · d, c) as (heads, d, c)."""
    return weight.unflatten(0, (attention.num_heads, -1))


def _scale(attention: Any) -> float:
    return (attention.internal_dim // attention.num_heads) ** -0.5


def _deconvolved(layer: Any, pixels: Tensor) -> Tensor:
    """Return (..., c) as (..., 4, channels): what a transposed convolution of 2 × 2, two apart, makes of each pixel."""
    weight = layer.weight.permute(0, 2, 3, 1).flatten(1)
    return (pixels @ weight).unflatten(-1, (4, -1)) + layer.bias


def _in_fours(feature: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return a fine image (1, c, 2**k rows, 2**k columns) as (n, 4, ..., c), in the order of `_deconvolved`."""
    channels, depth = feature.shape[1], (feature.shape[2] // grid[0]).bit_length() - 1
    split = feature.reshape(channels, grid[0], *[2] * depth, grid[1], *[2] * depth)
    down = range(2, 2 + depth)
    pairs = [axis for i in down for axis in (i, i + depth + 1)]
    return split.permute(1, 2 + depth, *pairs, 0).reshape(grid[0] * grid[1], *[4] * depth, channels)


def _in_rows(flat: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return (m, n · 16) pixels in the order of two `_deconvolved` as (m, 4 rows, 4 columns)."""
    split = flat.reshape(-1, *grid, 2, 2, 2, 2)
    return split.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, 4 * grid[0], 4 * grid[1])
