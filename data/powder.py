"""A well dispersed powder on smooth carbon tape, seen from above: how high it is, and which particle is on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from bodies import Body, random_body
from scipy.spatial.distance import cdist
from textures import noise_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from textures import Field

UPON = 0.08
"""How large a part of the particles come to lie partly upon another one."""

TOUCHING = 0.3
"""How large a part of them come to lie just beside another one; the rest are alone."""


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
    """Return particles of log-normal size, in the order in which they fall."""
    unit = max(shape[1] / 6144, 0.3)
    count = int(shape[0] * shape[1] / unit**2 / 30_000)
    radii = np.clip(rng.lognormal(np.log(54 * unit), 0.5, count), 24 * unit, 200 * unit)
    falls = np.argsort(-radii * rng.lognormal(0, 0.35, count))  # the small ones rather later, so upon the others
    landed = _scatter(rng, radii[falls], shape)
    return [random_body(rng, np.array([0, *place]), radius, faceted=rng.random() < 0.55) for place, radius in landed]


def _scatter(
    rng: np.random.Generator, radii: NDArray[np.float64], shape: tuple[int, int]
) -> list[tuple[NDArray[np.float64], float]]:
    """Return (place, radius) of well dispersed particles: most are alone, some touch another, few lie upon it.

    A particle that finds no place in 64 tries is left out.
    """
    places, sizes = rng.uniform(0, shape, (1, 2)), radii[:1]
    for radius, gap in zip(radii[1:], _gaps(rng, radii[1:]), strict=True):
        tries = rng.uniform(0, shape, (64, 2)) if gap > 0 else _beside(rng, places, sizes + radius + gap)
        clear = cdist(tries, places) >= sizes + radius + gap - 1e-6
        inside = (tries >= 0) & (tries < shape)
        free = clear.all(axis=1) & inside.all(axis=1)
        if free.any():
            places, sizes = np.vstack([places, tries[free.argmax()]]), np.append(sizes, radius)
    return list(zip(places, sizes.tolist(), strict=True))


def _gaps(rng: np.random.Generator, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many pixels each particle, seen as a disk, keeps at least from the others; negative is upon one."""
    manner, deep = rng.random(len(radii)), rng.uniform(-1.1, -0.5, len(radii))
    # a body fills its disk only in part, so that disks have to overlap a little where bodies touch
    shares = np.select([manner < UPON, manner < UPON + TOUCHING], [deep, -0.12], 0.15)
    return shares * radii


def _beside(
    rng: np.random.Generator, places: NDArray[np.float64], distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return 64 places, each at its distance from one of `places`."""
    chosen, angles = rng.integers(0, len(places), 64), rng.uniform(0, 2 * np.pi, 64)
    return places[chosen] + distances[chosen, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)


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
