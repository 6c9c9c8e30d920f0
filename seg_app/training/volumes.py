"""Short synthetic volumes: objects that grow, shrink, move, branch and end from plane to plane."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from seg_app.training.scenes import Canvas, Look, Scene, families_of, look_of, paint, radii_of
from seg_app.training.shapes import Field
from seg_app.training.textures import exposed, ground, noise


@dataclass(frozen=True)
class Volume:
    """Planes and their truth."""

    planes: NDArray[np.uint8]
    """(z, rows, columns) grey values."""
    labels: NDArray[np.uint16]
    """(z, rows, columns); 0 is background, an object has one number on all planes."""


@dataclass(frozen=True)
class _Body:
    """An object through the planes."""

    seed: int
    look: Look
    family: str
    y: float
    x: float
    radius: float
    middle: float
    half: float
    """Planes from the middle to where it ends; infinite for a column."""
    drift: tuple[float, float]
    """Pixels per plane."""
    split: float
    """Pixels per plane by which a second limb departs; 0 where there is none."""

    def radius_at(self, z: int) -> float:
        """Return the radius on a plane, that of an ellipsoid; 0 where it has ended."""
        return self.radius * float(np.sqrt(max(1 - ((z - self.middle) / self.half) ** 2, 0)))


def make_volume(seed: int, *, size: int, planes: int) -> Volume:
    """Return the volume of a seed, (planes, size, size); the same seed gives the same volume."""
    rng = np.random.default_rng(seed)
    bodies = _bodies(rng, size, planes)
    grounds = [ground(rng, size), ground(rng, size)]
    texture = noise(rng, size, slope=rng.uniform(0.3, 1.6))
    sign, exposure, turn = rng.choice([-1, 1]), int(rng.integers(2**31)), rng.uniform(0.02, 0.4)
    fields, labels = [], []
    for z in range(planes):
        back = np.cos(turn * z) * grounds[0] + np.sin(turn * z) * grounds[1]
        canvas = Canvas(back.astype(np.float32), np.zeros((size, size), np.uint16), np.roll(texture, 3 * z, 0))
        _paint_bodies(canvas, bodies, z)
        grain = 0.03 * rng.standard_normal((size, size), dtype=np.float32)
        fields.append(exposed(np.random.default_rng(exposure), sign * canvas.grey) + grain)
        labels.append(canvas.labels)
    low, high = np.percentile(fields[0], (0.5, 99.5))
    grey = 20 + 215 * (np.stack(fields) - low) / max(float(high - low), 1e-3)
    return Volume(np.clip(grey, 0, 255).astype(np.uint8), np.stack(labels))


def _bodies(rng: np.random.Generator, size: int, planes: int) -> list[_Body]:
    look, families, radii = look_of(rng), families_of(rng), radii_of(rng, int(rng.integers(2, 50)), 0.2 * size)
    step = rng.uniform(0, 0.25)
    common = rng.normal(0, 0.05, 2)
    return [
        _Body(
            seed=int(rng.integers(2**31)),
            look=replace(look, opacity=1.0),
            family=str(rng.choice(families)),
            y=rng.uniform(0, size),
            x=rng.uniform(0, size),
            radius=max(float(radius), 5.0),
            middle=rng.uniform(-1, planes),
            half=np.inf if rng.random() < 0.15 else rng.uniform(1.5, 2.5 * planes),
            drift=tuple((common + step * rng.normal(size=2)) * min(radius, 25)),
            split=0.0 if rng.random() < 0.8 else rng.uniform(0.1, 0.5) * min(radius, 25),
        )
        for radius in radii
    ]


def _paint_bodies(canvas: Canvas, bodies: list[_Body], z: int) -> None:
    for number, body in enumerate(bodies, start=1):
        radius = body.radius_at(z)
        if radius < 2:
            continue
        y, x = body.y + body.drift[0] * z, body.x + body.drift[1] * z
        limbs = [(y, x)] if not body.split else [(y, x - body.split * z), (y, x + body.split * z)]
        for limb in limbs:
            paint(np.random.default_rng(body.seed), canvas, body.look, (*limb, radius, body.family), number)


def drifting(rng: np.random.Generator, scene: Scene, *, size: int, planes: int) -> Volume:
    """Return pieces of a micrograph as the planes of a volume: what is seen drifts, turns and grows a little."""
    edge = min(*scene.image.shape, int(np.exp(rng.uniform(np.log(0.7 * size), np.log(2.0 * size)))))
    corner = [rng.uniform(0, n - edge) for n in scene.image.shape]
    turn, growth, (dy, dx) = 0.04 * rng.normal(), 0.03 * rng.normal(), 0.02 * edge * rng.normal(size=2)
    bend = [noise(rng, size, slope=2.0) * 0.004 * edge for _ in range(2)]
    images, labels = [], []
    for z in range(planes):
        places = _places(size, edge, turn * z, np.exp(growth * z))
        y, x = (p + c + d * z + b * z for p, c, d, b in zip(places, corner, (dy, dx), bend, strict=True))
        images.append(map_coordinates(scene.image.astype(np.float32), (y, x), order=1, mode="reflect"))
        labels.append(map_coordinates(scene.labels, (y, x), order=0, mode="constant"))
    level = rng.uniform(0, 10)
    grey = np.stack(images) + level * rng.standard_normal((planes, size, size))
    return Volume(np.clip(grey, 0, 255).astype(np.uint8), np.stack(labels).astype(np.uint16))


def _places(size: int, edge: int, turn: float, scale: float) -> tuple[Field, Field]:
    """Return where the pixels of a plane are in the micrograph, y and x from the corner of the piece."""
    y, x = ((g + 0.5) / size - 0.5 for g in np.mgrid[:size, :size])
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    return edge * (cos * y - sin * x + 0.5), edge * (sin * y + cos * x + 0.5)
