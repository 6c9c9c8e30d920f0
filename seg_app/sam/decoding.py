"""SAM's mask decoder for many points on one image: what is the same for all of them is computed once.

The results are those of the package's decoder up to rounding. It is rearranged as follows.

- Before the first layer has written to it, the image is the same for all points, so its keys, values and queries are
  made once (`SharedImage`).
- There are 8 tokens beside 4096 places of the image. So attention never projects the image: q · (W x) = (Wᵀ q) · x
  moves the projection over to the tokens, and so do the sums over values.
- Masks are made only for answers whose predicted IoU is high enough, which is known before.
- A transposed convolution whose kernel is as large as its stride is a matrix product at each place. The pixels stay in
  the order in which it gives them, and only the logits are put into rows and columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from seg_app.sam import measuring
from seg_app.sam.automask import Answers, Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from torch import Tensor

    from seg_app.sam.autooptions import AutoOptions

POINTS_AT_ONCE = {"cpu": 4}
"""What a CPU decodes at once: more would take memory and no less time."""
PLACES_AT_ONCE = 2**17
"""What a graphics card decodes at once, as places of the image: 32 points with the official models, which have 4096.
Twice as many take twice the memory, and a click that comes waits twice as long, for an eighth of the time."""
REFINED_LOGITS = 32.0


class WindowDecoder:
    """Answers points on one embedded window. May be used by one thread at a time."""

    def __init__(
        self,
        model: Any,
        features: dict[str, Any],
        shape: tuple[int, int],
        *,
        turn: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """model: SAM2Base. features: as its image predictor keeps them. shape: (rows, columns) of the window.

        turn: gives the device to this thread while it is entered.
        """
        self._model, self._features, self._shape, self._turn = model, features, shape, turn
        self._device = features["image_embed"].device
        self._image: SharedImage | None = None

    def decode(self, points: NDArray[np.float64], options: AutoOptions) -> Iterator[Answers]:
        """Yield the answers to (n, 2) points x, y in pixels of the window, some at a time. Raises SegmenterError."""
        rows, columns = self._features["image_embed"].shape[-2:]
        step = POINTS_AT_ONCE.get(self._device.type) or max(PLACES_AT_ONCE // (rows * columns), 1)
        for start in range(0, len(points), step):
            part = points[start : start + step]
            with self._turn():
                answers = self._answer(part, options)
            yield answers

    def _answer(self, points: NDArray[np.float64], options: AutoOptions) -> Answers:
        sparse = self._embedded(points)
        if options.use_m2m:
            logits, scores, which = self._refined(points, *self._first(sparse, options, at_least=-1.0))
        else:
            logits, scores, which = self._first(sparse, options, at_least=options.pred_iou_thresh)
        # a threshold of 0 keeps everything, as in the package
        good = scores > (options.pred_iou_thresh or -1.0)
        logits, scores, which, measures = logits[good].float(), scores[good].float(), which[good], None
        if self._measures:
            stable, measures = _measured(logits - options.mask_threshold, options, self._shape)
            logits, scores, which = logits[stable], scores[stable], which[stable]
        return Answers(logits.cpu().numpy(), scores.cpu().numpy(), points[which.cpu().numpy()], measures)

    @property
    def _measures(self) -> bool:
        """Whether stability and boxes are found here. In smaller windows masks fall between the pixels."""
        rows, columns = self._model.sam_prompt_encoder.mask_input_size
        return self._device.type == "cuda" and self._shape[0] >= rows and self._shape[1] >= columns

    def _first(self, sparse: Tensor, options: AutoOptions, *, at_least: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits (m, rows, columns) and scores (m,) of masks that are good enough, and whose they are."""
        if options.multimask_output:
            self._image = self._image or SharedImage(self._model, self._features)
            return self._image.masks(sparse, at_least=at_least or -1.0)
        logits, scores = self._by_package(sparse, None)
        return logits, scores, torch.arange(len(scores), device=self._device)

    def _refined(
        self, points: NDArray[np.float64], logits: Tensor, _scores: Tensor, which: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        sparse = self._embedded(points[which.cpu().numpy()])
        logits, scores = self._by_package(sparse, logits[:, None].clamp(-REFINED_LOGITS, REFINED_LOGITS))
        return logits, scores, which

    def _embedded(self, points: NDArray[np.float64]) -> Tensor:
        """Return the tokens (n, 2, channels) of points: one for the place, one that says that there is no more."""
        size = self._model.image_size
        scaled = points / self._shape[::-1] * size
        places = torch.as_tensor(scaled, dtype=torch.float32, device=self._device)[:, None]
        labels = torch.ones(places.shape[:2], dtype=torch.int, device=self._device)
        sparse, _ = self._model.sam_prompt_encoder(points=(places, labels), boxes=None, masks=None)
        return sparse

    def _by_package(self, sparse: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return one mask (n, rows, columns) and score (n,) for each point, as the package's decoder gives them."""
        encoder, features = self._model.sam_prompt_encoder, self._features
        dense = encoder(points=None, boxes=None, masks=masks)[1].expand(len(sparse), -1, -1, -1)
        logits, scores, _, _ = self._model.sam_mask_decoder(
            image_embeddings=features["image_embed"],
            image_pe=encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=True,
            high_res_features=features["high_res_feats"],
        )
        return logits[:, 0], scores[:, 0]


def _measured(logits: Tensor, options: AutoOptions, shape: tuple[int, int]) -> tuple[Tensor, tuple[Measure, ...]]:
    """Return which of (n, rows, columns) logits are stable on a window and not empty, and how these look there."""
    wanted = options.stability_score_thresh
    steady = measuring.stability(logits, options.stability_score_offset, shape, doubt_at=wanted)
    places = (steady >= wanted).nonzero()[:, 0]
    boxes = measuring.boxes(logits[places], shape)
    is_there = boxes[:, 0] >= 0
    rows = torch.cat([steady[places, None], boxes], dim=1)[is_there].tolist()
    return places[is_there], tuple(Measure(steady, (x0, y0, x1, y1)) for steady, x0, y0, x1, y1 in rows)


class SharedImage:
    """The image's side of the decoder, made once for all points. n: places of the image, c: channels."""

    def __init__(self, model: Any, features: dict[str, Any]) -> None:
        encoder, self._decoder = model.sam_prompt_encoder, model.sam_mask_decoder
        embedded = features["image_embed"] + encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
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
        decoder = self._decoder
        own = [decoder.obj_score_token.weight] if decoder.pred_obj_scores else []
        own = torch.cat([*own, decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens, keys = self._transformed(torch.cat([own.expand(len(sparse), -1, -1), sparse], dim=1))
        start = 1 if decoder.pred_obj_scores else 0
        # the first mask is for several prompts; the others are the readings of one
        scores = decoder.iou_prediction_head(tokens[:, start])[:, 1:]
        point, reading = torch.nonzero(scores > at_least, as_tuple=True)
        hyper = [decoder.output_hypernetworks_mlps[i + 1](tokens[:, start + 2 + i]) for i in range(scores.shape[1])]
        logits = self._drawn(keys, torch.stack(hyper, dim=1), point, reading)
        return logits, scores[point, reading], point

    def _transformed(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (b, t, c) and image (b, n, c) after all layers."""
        transformer = self._decoder.transformer
        queries, keys = tokens, self._keys
        for depth, layer in enumerate(transformer.layers):
            queries = self._look_at_each_other(layer, queries, tokens)
            placed = keys + self._places if depth else None
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
        fine = self._upscaled(keys[asked]).flatten(1, -2)
        # all readings of a point that was asked: which of them pass is not worth a wait for the device
        flat = hyper[asked] @ fine.transpose(1, 2)
        return _in_rows(flat[place, reading].float(), self._grid)

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
