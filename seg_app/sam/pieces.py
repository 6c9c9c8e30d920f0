"""Which pieces of an answer belong to the object: those that were clicked, or are in the box."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from seg_app.sam.question import on_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import Box, Prompts
    from seg_app.sam.protocol import Candidate

OUTSIDE = -1.0
"""The logit of a piece that was dropped."""


def clicked(candidate: Candidate, prompts: Prompts) -> Candidate:
    """Return an answer without the pieces, apart from the rest, that no including point and nothing of the box lies in.

    Models add crumbs elsewhere in the image that look like the object. Who means one of them clicks on it, too.
    prompts: in pixels of the logits. Where none lies in any piece, all are kept: nobody knows which is meant.
    """
    pieces, count = _pieces(candidate.logits)
    chosen = ({int(pieces[y, x]) for x, y in _places(prompts, pieces.shape)} | _boxed(prompts.box, pieces)) - {0}
    if not chosen or len(chosen) == count:
        return candidate
    crumbs = (pieces > 0) & ~np.isin(pieces, list(chosen))
    return replace(candidate, logits=np.where(crumbs, np.float32(OUTSIDE), candidate.logits))


def _places(prompts: Prompts, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(round(p.x), round(p.y)) for p in prompts.points if p.include and on_image(p.x, p.y, shape)]


def _boxed(box: Box | None, pieces: NDArray[np.integer]) -> set[int]:
    if box is None:
        return set()
    (left, right), (top, bottom) = sorted((box.x0, box.x1)), sorted((box.y0, box.y1))
    inside = pieces[max(round(top), 0) : max(round(bottom) + 1, 0), max(round(left), 0) : max(round(right) + 1, 0)]
    return set(np.unique(inside).tolist())


def _pieces(logits: NDArray[np.float32]) -> tuple[NDArray[np.integer], int]:
    from scipy.ndimage import label  # weight: only who has prompted needs it

    pieces = np.zeros(logits.shape, np.int32)
    return pieces, int(label(logits > 0, output=pieces))  # pyright: ignore[reportArgumentType] - a count, with `output`
