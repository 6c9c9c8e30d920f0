"""Particles as solids: rounded or faceted, placed so that they touch, and cut by a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from textures import Field

REACH = 1.25
"""No body extends further than its radius times this."""


@dataclass(frozen=True)
class Body:
    """One particle; lengths are pixels, in the same unit along z, y and x."""

    centre: NDArray[np.float64]
    """(z, y, x)."""
    radius: float
    to_unit: NDArray[np.float64]
    """(3, 3): turns an offset from the centre into one in a unit sphere."""
    waves: NDArray[np.float64]
    """(n, 3): wave vectors in the unit sphere; the surface swings with them."""
    phases: NDArray[np.float64]
    facets: NDArray[np.float64]
    """(m, 3): normals divided by the distance of the facet in the unit sphere; (0, 3) for a round body."""

    def box(self, shape: tuple[int, int], reach: float = REACH) -> tuple[slice, slice]:
        """Return the rows and columns of a plane that the body can touch."""
        low = np.maximum(np.floor(self.centre[1:] - reach * self.radius), 0).astype(int)
        high = np.minimum(np.ceil(self.centre[1:] + reach * self.radius) + 1, shape).astype(int)
        return slice(low[0], max(low[0], high[0])), slice(low[1], max(low[1], high[1]))

    def depth(self, z: float, rows: slice, columns: slice) -> Field:
        """Return how many pixels inside the surface each pixel of a cut at height z is; negative is outside."""
        y = np.arange(rows.start, rows.stop) - self.centre[1]
        x = np.arange(columns.start, columns.stop) - self.centre[2]
        offset = (z - self.centre[0], y[:, None], x[None, :])
        reach = np.sqrt(sum(_along(row, offset) ** 2 for row in self.to_unit))
        swing = sum(_wave(k, phase, offset) for k, phase in zip(self.waves @ self.to_unit, self.phases, strict=True))
        for facet in self.facets @ self.to_unit:
            np.maximum(reach, _along(facet, offset), out=reach)
        strength = 0.015 if len(self.facets) else 0.055
        return ((1 - reach * (1 + strength * swing)) * self.radius).astype(np.float32)


def _along(vector: NDArray[np.float64], offset: tuple) -> Field:
    z, y, x = offset
    return (vector[0] * z + vector[1] * y).astype(np.float32) + (vector[2] * x).astype(np.float32)


def _wave(vector: NDArray[np.float64], phase: float, offset: tuple) -> Field:
    """Return cos(vector · offset + phase), from the cosines and sines of its rows and columns (fast)."""
    z, y, x = offset
    down, across = (phase + vector[0] * z + vector[1] * y).astype(np.float32), (vector[2] * x).astype(np.float32)
    return np.cos(down) * np.cos(across) - np.sin(down) * np.sin(across)


def random_body(rng: np.random.Generator, centre: NDArray[np.float64], radius: float, *, faceted: bool) -> Body:
    """Return a body of a random shape."""
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    semi_axes = radius * rng.uniform(0.82, 1.12, 3)
    normals = rng.normal(size=(rng.integers(9, 15) if faceted else 0, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Body(
        centre=centre,
        radius=radius,
        to_unit=turn / semi_axes[:, None],
        waves=rng.normal(0, 2.2, (5, 3)),
        phases=rng.uniform(0, 2 * np.pi, 5),
        facets=normals / rng.uniform(0.72, 0.95, (len(normals), 1)),
    )


def pack(
    rng: np.random.Generator, radii: NDArray[np.float64], size: tuple[float, float, float], *, overlap: float = 0.06
) -> list[tuple[NDArray[np.float64], float]]:
    """Place spheres in a (z, y, x) block, the largest first, each where it comes closest to those that are there.

    Spheres may lie across the faces of the block. Returns (centre, radius) of those that found a place.
    """
    placed, sizes = np.empty((0, 3)), np.empty(0)
    for radius in np.sort(radii)[::-1]:
        margin = np.array([0.7, 0.5, 0.5]) * radius
        tries = rng.uniform(-margin, size + margin, (48, 3))
        gaps = cdist(tries, placed) - (1 - overlap) * (sizes + radius)
        nearest = gaps.min(axis=1, initial=1e9)
        best = int(np.argmin(np.where(nearest >= 0, nearest, np.inf)))
        if nearest[best] >= 0:
            placed, sizes = np.vstack([placed, tries[best]]), np.append(sizes, radius)
    return list(zip(placed, sizes.tolist(), strict=True))
