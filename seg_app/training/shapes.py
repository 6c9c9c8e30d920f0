"""Outlines of things that are seen in micrographs, as distances to their border."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.floating[Any]]
"""Values at the pixels of a plane."""

Shape: TypeAlias = Callable[[Field, Field], Field]
"""From the offsets (y, x) to the centre in pixels, to the distance to the border in pixels, positive inside."""


def random_shape(rng: np.random.Generator, *, family: str, radius: float) -> Shape:
    """Return a shape of a family (see FAMILIES), turned at random, about `radius` pixels from centre to border."""
    shape = FAMILIES[family](rng, radius)
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return lambda y, x: shape(cos * y - sin * x, sin * y + cos * x)


def _disc(rng: np.random.Generator, radius: float) -> Shape:
    stretch = rng.uniform(0.93, 1.07)
    return lambda y, x: radius - np.hypot(y * stretch, x / stretch)


def _ellipse(rng: np.random.Generator, radius: float) -> Shape:
    stretch, power = rng.uniform(1.05, 1.8), rng.uniform(1.7, 5.0)
    a, b = radius * np.sqrt(stretch), radius / np.sqrt(stretch)
    return lambda y, x: b * (1 - ((np.abs(x) / a) ** power + (np.abs(y) / b) ** power) ** (1 / power))


def _polygon(rng: np.random.Generator, radius: float) -> Shape:
    """Return a convex polygon with slightly rounded corners, as crystals are."""
    corners = int(rng.integers(3, 9))
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners
    sides = [(np.cos(a), np.sin(a), radius * rng.uniform(0.7, 1.0)) for a in angles]
    sharpness = rng.uniform(3, 12) / radius

    def distance(y: Field, x: Field) -> Field:
        # a soft minimum over the sides
        total = sum(np.exp(-sharpness * np.clip(d - c * x - s * y, -3 * radius, 3 * radius)) for c, s, d in sides)
        return (-np.log(total) / sharpness).astype(np.float32)

    return distance


def _rod(rng: np.random.Generator, radius: float) -> Shape:
    half, thick = radius * rng.uniform(1.0, 2.2), radius * rng.uniform(0.25, 0.6)
    flat = rng.random() < 0.5

    def distance(y: Field, x: Field) -> Field:
        beyond = np.maximum(np.abs(x) - (half - thick), 0)
        return thick - (np.maximum(np.abs(y), np.abs(x) - half + thick) if flat else np.hypot(y, beyond))

    return distance


def _fibre(rng: np.random.Generator, radius: float) -> Shape:
    """Return a bent line of even width (a quadratic Bézier curve)."""
    thick = max(radius * rng.uniform(0.1, 0.25), 1.5)
    ends = radius * np.array([[-2.2, 0.0], [0.0, rng.uniform(-2, 2)], [2.2, 0.0]])
    t = np.linspace(0, 1, 24)[:, None]
    line = ends[0] * (1 - t) ** 2 + 2 * ends[1] * t * (1 - t) + ends[2] * t**2

    def distance(y: Field, x: Field) -> Field:
        nearest = np.full(y.shape, np.inf, np.float32)
        for (x0, y0), (x1, y1) in pairwise(line):
            along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
            nearest = np.minimum(nearest, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
        return thick - nearest

    return distance


def _blob(rng: np.random.Generator, radius: float, roughness: float = 0.35) -> Shape:
    """Return a star-shaped outline: harmonics of the angle with falling amplitudes."""
    orders = np.arange(2, 9)
    waves = roughness * rng.normal(size=7) / orders**1.2
    phases = rng.uniform(0, 2 * np.pi, 7)

    def distance(y: Field, x: Field) -> Field:
        angle = np.arctan2(y, x)
        border = 1 + sum(w * np.cos(n * angle + p) for n, w, p in zip(orders, waves, phases, strict=True))
        return (radius * np.clip(border, 0.35, 1.8) - np.hypot(y, x)).astype(np.float32)

    return distance


def _flake(rng: np.random.Generator, radius: float) -> Shape:
    return _blob(rng, radius, roughness=0.7)


def _neck(rng: np.random.Generator, radius: float) -> Shape:
    """Return two discs that have grown together."""
    second = rng.uniform(0.5, 0.9)
    apart = 0.75 * radius * (1 + second) / 2 * rng.uniform(0.55, 0.9)

    def distance(y: Field, x: Field) -> Field:
        one = 0.75 * radius - np.hypot(y, x - apart)
        other = 0.75 * radius * second - np.hypot(y, x + apart)
        soft = 0.1 * radius + 1
        return (soft * np.logaddexp(one / soft, other / soft)).astype(np.float32)

    return distance


FAMILIES: dict[str, Callable[[np.random.Generator, float], Shape]] = {
    "disc": _disc,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "rod": _rod,
    "fibre": _fibre,
    "blob": _blob,
    "flake": _flake,
    "neck": _neck,
}
"""Name of a family -> what makes one of it from a generator and a radius in pixels."""

REACH = 2.6
"""No shape reaches further from its centre than this many radii."""
