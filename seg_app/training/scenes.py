"""Synthetic micrographs: what is seen, and which pixel belongs to which object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

from seg_app.training.shapes import FAMILIES, REACH, Field, random_shape
from seg_app.training.textures import exposed, ground, noise, to_grey

SMALLEST_PX = 20
"""Objects of which fewer pixels are visible are not labelled: nobody would click on them."""


@dataclass(frozen=True)
class Scene:
    """A picture and its truth."""

    image: NDArray[np.uint8]
    """(rows, columns) grey values."""
    labels: NDArray[np.uint16]
    """(rows, columns); 0 is background, every other value one object."""


Place: TypeAlias = tuple[float, float, float, str]
"""y and x of the centre and the radius in pixels, and the family (`shapes.FAMILIES`)."""


@dataclass
class Canvas:
    """A scene that is being painted, from the back to the front."""

    grey: Field
    labels: NDArray[np.uint16]
    texture: Field


@dataclass(frozen=True)
class Look:
    """How the objects of one scene reflect: constant for a scene, as its particles are of one material."""

    brightness: float
    spread: float
    dome: float
    rim: float
    rim_width: float
    shell: float
    grain: float
    shadow: float
    opacity: float


def make_scene(seed: int, *, size: int = 512) -> Scene:
    """Return the micrograph of a seed, (size, size); the same seed gives the same picture."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(list(KINDS), p=[0.34, 0.22, 0.14, 0.08, 0.08, 0.14])
    canvas = Canvas(ground(rng, size), np.zeros((size, size), np.uint16), noise(rng, size, slope=rng.uniform(0.2, 1.6)))
    KINDS[kind](rng, canvas)
    if rng.random() < 0.5:
        canvas.grey = -canvas.grey
    return Scene(to_grey(rng, exposed(rng, canvas.grey)), tidy(canvas.labels))


def tidy(labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return labels numbered from 1, without the objects of which fewer than SMALLEST_PX pixels are left."""
    counts = np.bincount(labels.ravel())
    keep = counts >= SMALLEST_PX
    keep[0] = False
    numbers = np.zeros(len(counts), np.uint16)
    numbers[keep] = np.arange(1, keep.sum() + 1)
    return numbers[labels]


def look_of(rng: np.random.Generator) -> Look:
    """Return a material at random."""
    return Look(
        brightness=rng.uniform(0.15, 0.8),
        spread=rng.choice([0.02, 0.08, 0.2]),
        dome=rng.choice([0.0, 0.0, 0.2, 0.5]) * rng.choice([-1, 1]),
        rim=rng.choice([0.0, 0.2, 0.5]),
        rim_width=rng.uniform(0.05, 0.25),
        shell=rng.choice([0.0, 0.0, 0.0, 0.3]),
        grain=rng.choice([0.0, 0.03, 0.08, 0.15]),
        shadow=rng.choice([0.0, 0.1, 0.25]),
        opacity=rng.choice([1.0, 1.0, 0.75]),
    )


def paint(rng: np.random.Generator, canvas: Canvas, look: Look, place: Place, number: int | None = None) -> None:
    """Paint one object over what is there, by its number or a new one. The same generator paints the same object."""
    y0, x0, radius, family = place
    window = _window(y0, x0, REACH * radius + 3, canvas.grey.shape[0])
    if window is None:
        return
    y, x = np.mgrid[window].astype(np.float32)
    inside = random_shape(rng, family=family, radius=radius)(y - np.float32(y0), x - np.float32(x0))
    depth = np.clip(inside / radius, 0, 1)
    grey = look.brightness + look.spread * rng.normal() + look.dome * (np.sqrt(depth * (2 - depth)) - 0.6)
    grey = grey + look.rim * np.exp(-depth / look.rim_width) - look.shell * (depth > 0.35)
    if look.grain:
        grey = grey + look.grain * np.roll(canvas.texture, tuple(rng.integers(0, 512, 2)), (0, 1))[window]
    under = canvas.grey[window]
    under = under - look.shadow * np.exp(np.minimum(inside, 0) / (0.15 * radius + 1))
    alpha = look.opacity * np.clip(inside + 0.5, 0, 1)
    canvas.grey[window] = under * (1 - alpha) + (grey + (1 - look.opacity) * under) * alpha
    canvas.labels[window][inside > 0] = number or canvas.labels.max() + 1


def _window(y: float, x: float, reach: float, size: int) -> tuple[slice, slice] | None:
    low = [int(max(c - reach, 0)) for c in (y, x)]
    high = [int(min(c + reach + 1, size)) for c in (y, x)]
    if low[0] >= high[0] or low[1] >= high[1]:
        return None
    return slice(low[0], high[0]), slice(low[1], high[1])


def families_of(rng: np.random.Generator) -> list[str]:
    """Return the one or two families that a scene shows."""
    weights = np.array([3, 3, 3, 2, 0.6, 3, 1.5, 0.8])
    return list(rng.choice(list(FAMILIES), size=rng.integers(1, 3), p=weights / weights.sum()))


def radii_of(rng: np.random.Generator, count: int, largest: float) -> NDArray[np.float64]:
    """Return radii (count,) in pixels around one that is 5 to `largest`, all alike or widely spread."""
    middle = np.exp(rng.uniform(np.log(5), np.log(largest)))
    return np.clip(middle * np.exp(rng.choice([0.05, 0.25, 0.5]) * rng.normal(size=count)), 3, 220)


def _scattered(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint particles anywhere; overlap is allowed, or avoided."""
    size, look, families = canvas.grey.shape[0], look_of(rng), families_of(rng)
    radii = radii_of(rng, 300, 130)
    cover, painted, apart = rng.uniform(0.03, 0.9) * size**2, 0.0, rng.random() < 0.5
    for radius in radii:
        y, x = rng.uniform(-0.1 * radius, size + 0.1 * radius, 2)
        if painted > cover:
            break
        if apart and _is_taken(canvas, y, x, 0.85 * radius):
            painted += radius**2 * 0.5
            continue
        paint(rng, canvas, look, (y, x, float(radius), str(rng.choice(families))))
        painted += np.pi * radius**2


def _is_taken(canvas: Canvas, y: float, x: float, reach: float) -> bool:
    window = _window(y, x, reach, canvas.grey.shape[0])
    return window is None or bool(canvas.labels[window].any())


def _clustered(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint agglomerates: each particle touches or hides another one."""
    size, look, families = canvas.grey.shape[0], look_of(rng), families_of(rng)[:1]
    for _ in range(rng.integers(1, 5)):
        radii = radii_of(rng, int(rng.integers(3, 60)), 70)
        places = [rng.uniform(0.1 * size, 0.9 * size, 2)]
        for radius in radii:
            angle, start = rng.uniform(0, 2 * np.pi), places[rng.integers(len(places))]
            places.append(start + radius * rng.uniform(1.2, 2.1) * np.array([np.sin(angle), np.cos(angle)]))
            paint(rng, canvas, look, (*places[-1], float(radius), str(families[0])))


def _packed(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint a lattice of like particles, side by side."""
    size, look, family = canvas.grey.shape[0], look_of(rng), str(rng.choice(["disc", "ellipse", "polygon", "blob"]))
    radius = float(np.exp(rng.uniform(np.log(8), np.log(70))))
    step, jitter, gone = radius * rng.uniform(1.5, 2.3), rng.uniform(0, 0.25) * radius, rng.uniform(0, 0.4)
    for i, y in enumerate(np.arange(0, size + step, step * 0.87)):
        for x in np.arange((i % 2) * step / 2, size + step, step):
            if rng.random() > gone:
                spot = rng.normal([y, x], jitter)
                paint(rng, canvas, look, (*spot, radius * rng.uniform(0.9, 1.1), family))


def _grains(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint a polycrystal: Voronoi cells with bent borders, told apart by their grey or by their borders."""
    size = canvas.grey.shape[0]
    places = rng.uniform(0, size, (int(np.exp(rng.uniform(np.log(6), np.log(250)))), 2))
    free = np.ones((size, size), bool)
    free[tuple(places.astype(int).T)] = False
    nearest: Any = distance_transform_edt(free, return_distances=False, return_indices=True)
    bend = rng.uniform(0, 6)
    shift = [np.clip(g + bend * noise(rng, size, slope=1.8), 0, size - 1).astype(int) for g in np.mgrid[:size, :size]]
    cells = (nearest[0] * size + nearest[1])[shift[0], shift[1]]
    cells = np.unique(cells, return_inverse=True)[1].reshape(size, size) + 1
    border = (cells != np.roll(cells, 1, 0)) | (cells != np.roll(cells, 1, 1))
    width = rng.uniform(0.5, 2.0)
    lines = gaussian_filter(border.astype(np.float32), width) * 2.5 * width
    contrast = rng.choice([0.05, 0.15, 0.3])
    canvas.grey += (contrast * rng.normal(size=cells.max() + 1))[cells] + 0.04 * canvas.texture
    canvas.grey += rng.uniform(0.1, 0.5) * rng.choice([-1, 1]) * lines * (contrast < 0.2 or rng.random() < 0.5)
    canvas.labels[:] = np.where(border, 0, cells)


def _porous(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint a binder with pores: the holes are the objects."""
    size = canvas.grey.shape[0]
    field = gaussian_filter(noise(rng, size, slope=rng.uniform(1.2, 2.0)), rng.uniform(1.5, 5))
    height = np.quantile(field, rng.uniform(0.7, 0.93))
    pores: Any = label(field > height)
    canvas.labels[:] = pores[0]
    inside = np.clip((field - height) / (field.std() * rng.uniform(0.1, 0.8)), 0, 1)
    canvas.grey += 0.1 * canvas.texture - rng.uniform(0.3, 0.9) * inside
    canvas.grey += rng.choice([0.0, 0.3]) * np.exp(-np.abs(field - height) / (0.1 * field.std()))


def _composite(rng: np.random.Generator, canvas: Canvas) -> None:
    """Paint particles of several materials in a porous binder, as a battery electrode shows them."""
    size = canvas.grey.shape[0]
    canvas.grey += rng.uniform(0.05, 0.3) * noise(rng, size, slope=rng.uniform(0.8, 1.6))
    for _ in range(rng.integers(2, 4)):
        look, families = look_of(rng), families_of(rng)
        for radius in radii_of(rng, int(rng.integers(3, 60)), 60):
            paint(rng, canvas, look, (*rng.uniform(0, size, 2), float(radius), str(rng.choice(families))))


KINDS: dict[str, Callable[[np.random.Generator, Canvas], None]] = {
    "scattered": _scattered,
    "clustered": _clustered,
    "packed": _packed,
    "grains": _grains,
    "porous": _porous,
    "composite": _composite,
}
"""Kind of scene -> what paints it."""
