"""A powder on carbon tape, seen from above: how high it is, and which particle is on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from bodies import Body, random_body
from textures import noise_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from textures import Field


def landscape(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Field, NDArray[np.uint16]]:
    """Return the height of the powder in pixels, and which particle is on top: 1, 2, ..., or 0 for none."""
    height = 2 * noise_plane(rng, shape, 40)
    owner = np.zeros(shape, np.uint16)
    for number, body in enumerate(_powder(rng, shape), start=1):
        box = body.box(shape)
        top = _top(body, *box) + _support(height[box], body)
        wins = top > height[box]
        np.copyto(height[box], top, where=wins)
        np.copyto(owner[box], np.uint16(number), where=wins)
    return height, owner


def _powder(rng: np.random.Generator, shape: tuple[int, int]) -> list[Body]:
    """Return particles of log-normal size, a third of them in heaps, in the order in which they fall."""
    unit = max(shape[1] / 6144, 0.3)
    count = int(shape[0] * shape[1] / unit**2 / 26_000)
    radii = np.clip(rng.lognormal(np.log(74 * unit), 0.52, count), 24 * unit, 270 * unit)
    falls = np.argsort(-radii * rng.lognormal(0, 0.35, count))  # the small ones rather later, so upon the others
    heaps = rng.uniform(0, shape, (9, 2))
    in_heap = heaps[rng.integers(0, 9, count)] + rng.normal(0, 0.16 * shape[0], (count, 2))
    places = np.where(rng.random((count, 1)) < 0.35, in_heap, rng.uniform(0, shape, (count, 2)))
    return [random_body(rng, np.array([0, *places[i]]), float(radii[i]), faceted=rng.random() < 0.55) for i in falls]


def _support(ground: Field, body: Body) -> np.floating:
    """Return the height of the centre of a body that has come to rest on what is below it."""
    inner = ground[ground.shape[0] // 4 :: 4, ground.shape[1] // 4 :: 4]
    below = np.percentile(inner, 70) if inner.size else 0
    return np.float32(below + 0.6 * body.radius)


def _top(body: Body, rows: slice, columns: slice) -> Field:
    """Return the height of the upper surface above the centre; minus infinity beside the body."""
    reach = 1 - body.depth(body.centre[0], rows, columns) / body.radius
    dome = 0.85 * body.radius * np.sqrt(1 - np.clip(reach, 0, 1) ** 2)
    top = np.minimum(dome, _lid(body, rows, columns)) if len(body.facets) else dome
    return np.where(reach < 1, top, -np.inf).astype(np.float32)


def _lid(body: Body, rows: slice, columns: slice) -> Field:
    """Return the height of the lowest of the facets that look upwards, which is the upper surface of a crystal."""
    y = (np.arange(rows.start, rows.stop) - body.centre[1])[:, None].astype(np.float32)
    x = (np.arange(columns.start, columns.stop) - body.centre[2])[None, :].astype(np.float32)
    lid = np.full((y.size, x.size), np.inf, np.float32)
    for normal in (body.facets @ body.to_unit).astype(np.float32):
        if normal[0] > 0.15 * np.abs(normal).max():
            np.minimum(lid, (1 - normal[1] * y - normal[2] * x) / normal[0], out=lid)
    return lid
