"""Which pieces of an answer belong to the object: those that were clicked, or are in the box."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seg_app.records import Box, Prompts
    from seg_app.sam.outline import Logits, Outline

OUTSIDE = -1.0
"""The logit of a piece that was dropped."""


def clicked(outline: Outline, prompts: Prompts) -> Outline:
    """Return an object without the pieces, apart from the rest, that no including point and nothing of the box lies in.

    Models add crumbs elsewhere in the image that look like the object. Who means one of them clicks on it, too.
    prompts: in pixels of the outline. Where none lies in any piece, all are kept: nobody knows which is meant.
    """
    pieces, count = _pieces(outline.logits)
    here = prompts.moved(dx=-outline.x0, dy=-outline.y0)
    chosen = ({int(pieces[y, x]) for x, y in _places(here, pieces.shape)} | _boxed(here.box, pieces)) - {0}
    if not chosen or len(chosen) == count:
        return outline
    crumbs = (pieces > 0) & ~np.isin(pieces, list(chosen))
    return replace(outline, logits=np.where(crumbs, np.float32(OUTSIDE), outline.logits))


def _places(prompts: Prompts, shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for x, y in ((round(point.x), round(point.y)) for point in prompts.points if point.include):
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            yield x, y


def _boxed(box: Box | None, pieces: NDArray[np.integer]) -> set[int]:
    if box is None:
        return set()
    (left, right), (top, bottom) = sorted((box.x0, box.x1)), sorted((box.y0, box.y1))
    inside = pieces[max(round(top), 0) : max(round(bottom) + 1, 0), max(round(left), 0) : max(round(right) + 1, 0)]
    return set(np.unique(inside).tolist())


def _pieces(logits: Logits) -> tuple[NDArray[np.integer], int]:
    from scipy.ndimage import label  # weight: only who has prompted needs it

    pieces = np.zeros(logits.shape, np.int32)
    return pieces, int(label(logits > 0, output=pieces))  # pyright: ignore[reportArgumentType] - a count, with `output`
