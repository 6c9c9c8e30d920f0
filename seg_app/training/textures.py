"""Surfaces, grounds and the marks that an electron microscope leaves on a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seg_app.training.shapes import Field


def noise(rng: np.random.Generator, size: int, *, slope: float) -> Field:
    """Return (size, size) noise of mean 0 and deviation 1 whose amplitude falls with frequency to the power -slope.

    It wraps around at the edges. 0 is white noise, 1 is rough, 2 are clouds.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(spectrum / frequency**slope, s=(size, size))
    return ((field - field.mean()) / field.std()).astype(np.float32)


def ground(rng: np.random.Generator, size: int) -> Field:
    """Return a (size, size) background around 0: flat, clouded, rough, or scratched."""
    amount = rng.choice([0.0, 0.02, 0.06, 0.15])
    field = amount * noise(rng, size, slope=rng.uniform(0.3, 2.0))
    if rng.random() < 0.15:
        ridges = np.abs(noise(rng, size, slope=1.6))
        field = field + rng.choice([-1, 1]) * rng.uniform(0.05, 0.2) * np.exp(-ridges * rng.uniform(5, 20))
    if rng.random() < 0.2:
        # another layer of the support behind the particles: an edge that is no object
        field = field + rng.uniform(0.05, 0.2) * (noise(rng, size, slope=2.2) > rng.uniform(-0.5, 1.0))
    return field.astype(np.float32)


def exposed(rng: np.random.Generator, image: Field) -> Field:
    """Return the picture that a detector makes of a (rows, columns) field: drift, charging, blur and noise."""
    size = image.shape[0]
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    image = image + rng.uniform(-0.3, 0.3) * y + rng.uniform(-0.3, 0.3) * x
    if rng.random() < 0.2:
        streaks = gaussian_filter(rng.standard_normal((size, 1)), (rng.uniform(0.5, 4), 0))
        image = image + rng.uniform(0.01, 0.06) * streaks
    image = gaussian_filter(image, rng.choice([0.3, 0.7, 1.0, 1.6]))
    grain = gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), rng.choice([0.0, 0.4, 0.8]))
    level = rng.choice([0.01, 0.03, 0.06, 0.12, 0.25], p=[0.25, 0.3, 0.25, 0.15, 0.05])
    return image + level * grain / grain.std()


def to_grey(rng: np.random.Generator, image: Field) -> NDArray[np.uint8]:
    """Return a field as uint8 grey values, stretched with a random part of it cut off at both ends."""
    low, high = np.percentile(image, (rng.uniform(0, 2), 100 - rng.uniform(0, 2)))
    room = rng.uniform(0, 0.3, 2)
    grey = (image - low) / max(high - low, 1e-3) * (1 - room.sum()) + room[0]
    return (255 * np.clip(grey, 0, 1) ** rng.uniform(0.7, 1.4)).astype(np.uint8)
