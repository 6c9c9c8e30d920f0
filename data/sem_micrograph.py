"""A well dispersed powder as the secondary electrons of an SEM show it, above the databar that the microscope draws."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from databar import databar
from powder import landscape
from sample import Sample
from scipy.ndimage import gaussian_filter
from skimage.measure import label
from textures import enlarge, noise_plane, shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from textures import Field

PIXEL_SIZE_NM = 3.375

SMALLEST_OBJECT = 60
"""Pixels; less of a particle than this, seen between others, is not counted as an object."""

BAND, HALO = 128, 12
"""Rows that are scanned at a time, which is faster than all at once, and the rows around them that they depend on."""


def sem_micrograph(shape: tuple[int, int], seed: int = 11) -> dict[str, Sample]:
    """Return a uint8 micrograph, whose lowest rows are the databar, and its true particles (uint16).

    Both have one plane of the (rows, columns) of `shape`.
    """
    rng = np.random.default_rng(seed)
    bar = shape[0] // 16
    height, owner = landscape(rng, (shape[0] - bar, shape[1]))
    scan = _scan(_surface(rng, height, owner), seed)
    image = np.vstack([scan, databar((bar, shape[1]), PIXEL_SIZE_NM)])
    truth = np.pad(_visible_parts(owner), ((0, bar), (0, 0)))
    return {
        "sem_micrograph": Sample(
            planes=image[None],
            title="Powder (SEM)",
            description="A computed micrograph of a powder, dispersed well, as to measure its sizes, with the databar "
            "and the tags of a Thermo Fisher microscope. Every particle is known, see sem_micrograph_truth.",
            pixel_size_nm=(None, PIXEL_SIZE_NM, PIXEL_SIZE_NM),
            facts={
                "truth": "sem_micrograph_truth.zarr",
                "pixel_size_source": "Scan.PixelWidth",
                "databar_rows": bar,
                "fei_metadata": _tags(scan.shape, bar),
            },
        ),
        "sem_micrograph_truth": Sample(
            planes=truth[None],
            title="Powder: true particles",
            description="The number of the particle that each pixel of sem_micrograph shows; 0 is the tape and the "
            "databar. A particle that others divide in two counts as two.",
            pixel_size_nm=(None, PIXEL_SIZE_NM, PIXEL_SIZE_NM),
            labels=True,
            facts={"truth_of": "sem_micrograph.zarr"},
        ),
    }


@dataclass(frozen=True)
class Surface:
    """What the beam meets: fields of (rows, columns), and a value for each particle."""

    height: Field
    """Pixels."""
    owner: NDArray[np.uint16]
    """The particle on top: 1, 2, ...; 0 is the tape, which is number 0 of the values below too."""
    openness: Field
    """How freely electrons leave: about 0.5 between high neighbours, 1.3 on a peak."""
    bumps: Field
    """Pixels; added to the height, more for a rough particle."""
    tape: Field
    """The signal of the tape."""
    roughness: Field
    """(n,): how much of the bumps each particle has."""
    material: Field
    """(n,): the signal of each particle where it is level."""

    def rows(self, rows: slice) -> Surface:
        """Return a part of the surface."""
        fields = {name: getattr(self, name)[rows] for name in ("height", "owner", "openness", "bumps", "tape")}
        return replace(self, **fields)


def _surface(rng: np.random.Generator, height: Field, owner: NDArray[np.uint16]) -> Surface:
    size, count = height.shape, int(owner.max()) + 1
    roughness = np.clip(rng.normal(0.7, 0.45, count), 0.15, 2).astype(np.float32)
    roughness[0] = 0
    return Surface(
        height=height,
        owner=owner,
        openness=_openness(height),
        bumps=4 * noise_plane(rng, size, 22) + 1.3 * noise_plane(rng, size, 6) + 0.4 * noise_plane(rng, size, 2),
        tape=0.17 + 0.012 * noise_plane(rng, size, 14) + 0.01 * noise_plane(rng, size, 90),
        roughness=roughness,
        material=rng.normal(0.4, 0.045, count).astype(np.float32),
    )


def _openness(height: Field) -> Field:
    relative = np.zeros_like(height)
    for step, weight in ((4, 0.35), (16, 0.65)):
        small = shrink(height, step)
        relative += weight * enlarge((small - gaussian_filter(small, 4)) / (6 * step), step, height.shape)
    return 0.93 + 0.42 * np.tanh(relative)


def _scan(surface: Surface, seed: int) -> NDArray[np.uint8]:
    """Return what is stored, band by band: each has its own noise, so that bands can be made in any order."""
    image = np.empty(surface.height.shape, np.uint8)
    y = np.linspace(-1, 1, len(image), dtype=np.float32)

    def work(top: int) -> None:
        first = max(top - HALO, 0)
        grey = _grey(surface.rows(slice(first, top + BAND + HALO)))[top - first : top - first + BAND]
        image[top : top + BAND] = _detect(np.random.default_rng([seed, top]), grey, y[top : top + BAND, None])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(0, len(image), BAND)))
    return image


def _grey(surface: Surface) -> Field:
    """Return grey values without noise: steep faces and edges are bright, gaps between particles dark."""
    height = surface.height + surface.bumps * surface.roughness[surface.owner]
    dy, dx = np.gradient(gaussian_filter(height, 1.2, truncate=3))
    secant = np.sqrt(1 + dy**2 + dx**2)
    tilt = np.minimum(secant - 1, 1.5)  # the yield grows with 1 / cos(angle of the surface)
    side = (0.75 * dx - 0.55 * dy) / secant  # the detector is at the upper left
    powder = surface.material[surface.owner] + 0.18 * tilt - 0.17 * side
    signal = np.where(surface.owner > 0, powder, surface.tape + 0.03 * tilt - 0.06 * side)
    return 255 * gaussian_filter(signal * surface.openness, 0.9, truncate=3)


def _detect(rng: np.random.Generator, grey: Field, y: Field) -> NDArray[np.uint8]:
    """Return grey values with the noise of few electrons, darker to the corners; y is -1 (top) to 1, in a column."""
    rows, columns = grey.shape
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    shaded = grey * (1.02 - 0.06 * (x**2 + y**2) + 0.03 * x)
    lines = 0.7 * rng.standard_normal((rows, 1), dtype=np.float32)
    noise = rng.standard_normal(grey.shape, dtype=np.float32) * np.sqrt(8 + 0.35 * np.maximum(shaded, 0))
    return np.clip(shaded + lines + noise, 3, 252).astype(np.uint8)


def _visible_parts(owner: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return a number for each connected part of a particle, 1, 2, ..., without the smallest ones."""
    parts = np.asarray(label(owner, connectivity=1))
    large = np.bincount(parts.ravel()) >= SMALLEST_OBJECT
    large[0] = False
    return np.where(large, np.cumsum(large), 0).astype(np.uint16)[parts]


def _tags(scan: tuple[int, ...], bar: int) -> dict[str, Any]:
    """Return the tags as `tifffile` gives those of such a microscope; lengths are metres."""
    size = PIXEL_SIZE_NM * 1e-9
    return {
        "User": {"Date": "01/15/2025", "Time": "10:30:00 AM", "User": "sample"},
        "System": {"Type": "SEM", "SystemType": "Computed sample", "Source": "FEG"},
        "Beam": {"HV": 5000.0, "Spot": 3.0, "Beam": "EBeam", "Scan": "EScan"},
        "EBeam": {"HV": 5000.0, "BeamCurrent": 5e-11, "WD": 0.0041, "HFW": scan[1] * size, "VFW": scan[0] * size},
        "Scan": {"InternalScan": True, "Dwelltime": 3e-6, "PixelWidth": size, "PixelHeight": size},
        "Detectors": {"Number": 1, "Name": "ETD", "Mode": "SE"},
        "Image": {"ResolutionX": scan[1], "ResolutionY": scan[0], "DriftCorrected": "Off"},
        "PrivateFei": {"BitShift": 0, "DatabarSelected": "HV curr det mode WD mag", "DatabarHeight": bar},
    }
