"""Many points on one embedded window, asked some at a time: what a search for all objects does."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from seg_app.sam import measuring
from seg_app.sam.automask import Answers, Measure
from seg_app.sam.decoding import GIVEN_BACK, SharedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from seg_app.sam.autooptions import AutoOptions

POINTS_AT_ONCE = {"cpu": 4}
"""What a CPU decodes at once: more would take memory and no less time."""
PLACES_AT_ONCE = 2**17
"""What a graphics card decodes at once, as places of the image: 32 points with the official models, which have 4096.
Twice as many take twice the memory, and a click that comes waits twice as long, for an eighth of the time."""


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

    @cached_property
    def _shared(self) -> SharedImage:
        return SharedImage(self._model, self._features)

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
            return self._shared.masks(sparse, at_least=at_least or -1.0)
        logits, scores = self._shared.meanings(sparse)
        return logits[:, 0], scores[:, 0], torch.arange(len(scores), device=self._device)

    def _refined(
        self, points: NDArray[np.float64], logits: Tensor, _scores: Tensor, which: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        sparse = self._embedded(points[which.cpu().numpy()])
        masks = logits[:, None].clamp(-GIVEN_BACK, GIVEN_BACK)
        _, dense = self._model.sam_prompt_encoder(points=None, boxes=None, masks=masks)
        logits, scores = self._shared.meanings(sparse, dense)
        return logits[:, 0], scores[:, 0], which

    def _embedded(self, points: NDArray[np.float64]) -> Tensor:
        """Return the tokens (n, 2, channels) of points: one for the place, one that says that there is no more."""
        size = self._model.image_size
        scaled = points / self._shape[::-1] * size
        places = torch.as_tensor(scaled, dtype=torch.float32, device=self._device)[:, None]
        labels = torch.ones(places.shape[:2], dtype=torch.int, device=self._device)
        sparse, _ = self._model.sam_prompt_encoder(points=(places, labels), boxes=None, masks=None)
        return sparse


def _measured(logits: Tensor, options: AutoOptions, shape: tuple[int, int]) -> tuple[Tensor, tuple[Measure, ...]]:
    """Return which of (n, rows, columns) logits are stable on a window and not empty, and how these look there."""
    wanted = options.stability_score_thresh
    steady = measuring.stability(logits, options.stability_score_offset, shape, doubt_at=wanted)
    places = (steady >= wanted).nonzero()[:, 0]
    boxes = measuring.boxes(logits[places], shape)
    is_there = boxes[:, 0] >= 0
    rows = torch.cat([steady[places, None], boxes], dim=1)[is_there].tolist()
    return places[is_there], tuple(Measure(steady, (x0, y0, x1, y1)) for steady, x0, y0, x1, y1 in rows)
