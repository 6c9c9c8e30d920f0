"""Random fields that samples are painted with: smooth noise, grains, curtains. The same seed gives the same field."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter, gaussian_filter1d

Field: TypeAlias = NDArray[np.floating[Any]]
"""Values at the pixels of a plane or volume, in single precision."""


def enlarge(plane: Field, step: int, shape: tuple[int, int]) -> Field:
    """Return a (rows, columns) field with pixels `step` times as fine, interpolated smoothly and cut to `shape`."""
    rows, columns = plane.shape
    large = Image.fromarray(plane.astype(np.float32)).resize((columns * step, rows * step), Image.Resampling.BICUBIC)
    return np.asarray(large)[: shape[0], : shape[1]]


def shrink(plane: Field, step: int) -> Field:
    """Return a (rows, columns) field with pixels `step` times as wide, as means; what is left at the ends counts."""
    return np.asarray(Image.fromarray(plane).reduce(step))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], width: float | tuple[float, ...]) -> Field:
    """Return noise of mean 0 and standard deviation 1, smoothed with a Gaussian whose sigma is `width` pixels."""
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = gaussian_filter(white, width, mode="wrap", truncate=3)
    return (smooth - smooth.mean()) / smooth.std()


def noise_plane(rng: np.random.Generator, shape: tuple[int, int], width: float) -> Field:
    """Return (rows, columns) smooth noise; wide noise is made small and enlarged, which looks the same and is fast."""
    step = max(1, int(width))
    small = (-(-shape[0] // step), -(-shape[1] // step))
    return enlarge(smooth_noise(rng, small, width / step), step, shape)


def grains(
    rng: np.random.Generator, shape: tuple[int, int, int], *, size: float, z_step: float
) -> tuple[Field, NDArray[np.bool_]]:
    """Return the grains of a polycrystal, `size` pixels wide: their values (-1 to 1), and their boundaries.

    Both are (z, y, x); the planes are `z_step` pixels apart. The grains are Voronoi cells of random places, with
    boundaries that are bent a little.
    """
    count = max(2, int(np.prod(shape) * z_step / size**3))
    places = tuple(rng.integers(0, n, count) for n in shape)
    free = np.ones(shape, dtype=bool)
    free[places] = False
    nearest = distance_transform_edt(free, sampling=(z_step, 1, 1), return_distances=False, return_indices=True)
    values = np.zeros(shape, dtype=np.float32)
    values[places] = rng.uniform(-1, 1, count)
    bent = _bend(rng, values[tuple(nearest)], size / 7)  # pyright: ignore[reportArgumentType]  (indices were asked for)
    return bent, _boundaries(bent)


def _bend(rng: np.random.Generator, field: Field, strength: float) -> Field:
    """Return the field with each pixel taken from some pixels away, the same way for all planes."""
    rows, columns = field.shape[1:]
    dy, dx = (strength * smooth_noise(rng, (rows, columns), 1.6 * strength) for _ in range(2))
    y = np.clip(np.arange(rows)[:, None] + dy, 0, rows - 1).astype(np.intp)
    x = np.clip(np.arange(columns)[None, :] + dx, 0, columns - 1).astype(np.intp)
    return field[:, y, x]


def _boundaries(values: Field) -> NDArray[np.bool_]:
    edges = np.zeros(values.shape, dtype=bool)
    edges[:, 1:] |= values[:, 1:] != values[:, :-1]
    edges[:, :, 1:] |= values[:, :, 1:] != values[:, :, :-1]
    return edges


def curtains(rng: np.random.Generator, shape: tuple[int, int], count: int) -> Field:
    """Return the vertical stripes of ion milling, about -1 to 1: each begins at some row and fades further down."""
    step = -(-shape[0] // 64)
    rows = np.arange(64, dtype=np.float32)
    stripes = np.zeros((64, shape[1]), dtype=np.float32)
    starts, columns = rng.uniform(-40, 60, count), rng.integers(0, shape[1], count)
    strengths = rng.normal(0, 1, count).astype(np.float32)
    for start, column, strength in zip(starts, columns, strengths, strict=True):
        stripes[:, column] += strength * np.where(rows > start, np.exp((start - rows) / 30), 0)
    mixed = gaussian_filter1d(stripes, 1.5, axis=1) + 3 * gaussian_filter1d(stripes, 9, axis=1)
    longer = Image.fromarray(mixed).resize((shape[1], 64 * step), Image.Resampling.BICUBIC)
    return np.asarray(longer)[: shape[0]]
