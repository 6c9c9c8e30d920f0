"""Prompts of several users on one window, answered in one pass of the mask decoder.

The answers are those of the package's image predictor for each of them, up to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from seg_app.sam.decoding import GIVEN_BACK
from seg_app.sam.protocol import Candidate
from seg_app.sam.sending import sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from seg_app.records import Box, Prompts
    from seg_app.sam.decoding import SharedImage

BOX_CORNERS = 2, 3
"""What the prompt encoder calls the corners of a box; it calls points 1 and 0."""


@dataclass(frozen=True)
class Question:
    """What one user means."""

    prompts: Prompts
    mask: NDArray[np.float32] | None = None
    """What the object looks like so far, as logits on the model's grid; see `fitted`."""

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """What is the same for questions that can be answered together."""
        return len(self.prompts.points), self.prompts.box is not None, self.mask is not None

    @property
    def is_ambiguous(self) -> bool:
        """Whether it may mean a part or the whole."""
        return self.kind == (1, False, False)


def answers(
    model: Any, shared: SharedImage, shape: tuple[int, int], questions: list[Question]
) -> list[Callable[[], list[Candidate]]]:
    """Return for each question what returns its meanings, best first: three candidates for a single point, else one.

    That is to be called once, and needs no turn: the answer of a graphics card is on its way to main memory.
    model: SAM2Base. shared: the image, embedded by it. shape: (rows, columns) of the window. questions: at least one,
    all of one kind.
    """
    points = _points(model, shape, questions)
    if questions[0].is_ambiguous:
        coarse, scores = _readings(model, shared, points)
    else:
        coarse, scores = _meanings(model, shared, points, questions)
    return [_candidates(logits, score, shape) for logits, score in zip(coarse, scores, strict=True)]


def _points(model: Any, shape: tuple[int, int], questions: list[Question]) -> tuple[Tensor, Tensor] | None:
    """Return places (n, points, 2) x, y in pixels of the model's input, and what they are (n, points)."""
    places = [_places(question.prompts) for question in questions]
    if not places[0]:
        return None
    kinds = [_kinds(question.prompts) for question in questions]
    scale = torch.tensor(shape[::-1], device=model.device)
    scaled = torch.tensor(places, dtype=torch.float32, device=model.device) / scale * model.image_size
    return scaled, torch.tensor(kinds, dtype=torch.int32, device=model.device)


def _places(prompts: Prompts) -> list[tuple[float, float]]:
    return _corners(prompts.box) + [(point.x, point.y) for point in prompts.points]


def _corners(box: Box | None) -> list[tuple[float, float]]:
    """Return the top left and the bottom right corner, whichever way the box was drawn; none without a box."""
    if box is None:
        return []
    (x0, x1), (y0, y1) = sorted((box.x0, box.x1)), sorted((box.y0, box.y1))
    return [(x0, y0), (x1, y1)]


def _kinds(prompts: Prompts) -> list[int]:
    return [*(BOX_CORNERS if prompts.box else ()), *(int(point.include) for point in prompts.points)]


def _readings(model: Any, shared: SharedImage, points: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """Return the logits (n, 3, rows, columns) and scores (n, 3) of what single points may mean."""
    sparse, _ = model.sam_prompt_encoder(points=points, boxes=None, masks=None)
    logits, scores, _ = shared.masks(sparse, at_least=-math.inf)
    return logits.unflatten(0, (len(sparse), -1)), scores.unflatten(0, (len(sparse), -1))


def _meanings(
    model: Any, shared: SharedImage, points: tuple[Tensor, Tensor] | None, questions: list[Question]
) -> tuple[Tensor, Tensor]:
    """Return the logits (n, 1, rows, columns) and scores (n, 1) of what several prompts mean."""
    masks = [question.mask for question in questions if question.mask is not None]
    drawn = torch.as_tensor(np.stack(masks)[:, None], device=model.device) if masks else None
    sparse, dense = model.sam_prompt_encoder(points=points, boxes=None, masks=drawn)
    return shared.meanings(sparse, dense if masks else None)


def _candidates(coarse: Tensor, scores: Tensor, shape: tuple[int, int]) -> Callable[[], list[Candidate]]:
    """Return what returns the candidates of one question, best first."""
    arriving, rating = sent(coarse.float()), sent(scores.float())

    def candidates() -> list[Candidate]:
        logits, rated = arriving(), rating()
        order = np.argsort(-rated, kind="stable")
        return [_candidate(logits[i], float(rated[i]), shape) for i in order]

    return candidates


def _candidate(logits: NDArray[np.float32], score: float, shape: tuple[int, int]) -> Candidate:
    # in memory of their own, so that who keeps one does not keep them all
    trace = logits.clip(-GIVEN_BACK, GIVEN_BACK)
    return Candidate(logits.copy(), min(max(score, 0.0), 1.0), trace, over=shape)


def fitted(mask: NDArray[np.floating], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return logits (rows, columns) that lie over a whole window, on another grid over it; as they are on the same.

    They are clipped to what the package gives back: from far beyond, the model makes no numbers.
    """
    clipped = mask.clip(-GIVEN_BACK, GIVEN_BACK).astype(np.float32, copy=False)
    logits = torch.as_tensor(clipped)[None, None]
    if mask.shape != grid:
        logits = functional.interpolate(logits, grid, mode="bilinear", align_corners=False, antialias=True)
    return logits[0, 0].numpy()
