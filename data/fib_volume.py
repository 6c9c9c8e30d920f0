"""A battery electrode as a FIB-SEM shows it: oxide particles in carbon and binder, with pores, cracks and curtains."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from bodies import REACH, Body, pack, random_body
from sample import Sample
from scipy.ndimage import gaussian_filter
from textures import curtains, enlarge, grains, noise_plane, smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from textures import Field

PIXEL_SIZE_NM = (40.0, 10.0, 10.0)
Z_STEP = PIXEL_SIZE_NM[0] / PIXEL_SIZE_NM[1]
"""Distance of the planes in pixels."""

PORE, BINDER, OXIDE = 11_500.0, 19_500.0, 33_500.0
"""Mean grey values of the three phases, in counts of the detector."""

LARGEST_RADIUS = 125.0
"""Pixels."""

PORE_STEP = 4
"""The pores are laid out on a grid that is so many times coarser in y and x."""


@dataclass(frozen=True)
class Scene:
    """What the microscope looks at: everything that is the same for all planes."""

    shape: tuple[int, int, int]
    seed: int
    bodies: list[Body]
    greys: Field
    """(n,): the grey value of each body."""
    corners: NDArray[np.intp]
    """(n, 2): the row and column of the tiles where the texture of each body begins."""
    tiles: Tiles
    pores: Field
    """(z, rows, columns) on the coarser grid; negative in pores."""


@dataclass(frozen=True)
class Tiles:
    """The inside of particles, as (z, y, x) textures that are larger than any of them."""

    bumps: Field
    """How many pixels the surface lies further out."""
    intact: Field
    """The grey value of a polycrystal, relative to its mean."""
    cracked: Field
    """The same with cracks between grains, and more voids."""


def fib_volume(shape: tuple[int, int, int], seed: int = 7) -> dict[str, Sample]:
    """Return a (z, y, x) volume and its true particles, both uint16."""
    volume, truth = _render(_scene(np.random.default_rng(seed), shape, seed))
    return {
        "fib_volume": Sample(
            planes=volume,
            title="Battery electrode (FIB-SEM)",
            description="A computed cathode of a lithium-ion battery: bright oxide particles in carbon and binder, "
            "with dark pores. Every particle is known, see fib_volume_truth.",
            pixel_size_nm=PIXEL_SIZE_NM,
            facts={"truth": "fib_volume_truth.zarr", "pixel_size_source": "set when the sample was computed"},
        ),
        "fib_volume_truth": Sample(
            planes=truth,
            title="Battery electrode: true particles",
            description="The number of the particle that each voxel of fib_volume belongs to; 0 is between particles. "
            "Cracks and voids inside a particle are part of it.",
            pixel_size_nm=PIXEL_SIZE_NM,
            labels=True,
            facts={"truth_of": "fib_volume.zarr"},
        ),
    }


def _render(scene: Scene) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    volume, truth = np.empty(scene.shape, np.uint16), np.empty(scene.shape, np.uint16)

    def work(z: int) -> None:
        volume[z], truth[z] = _plane(scene, z)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(scene.shape[0])))
    return volume, truth


def _scene(rng: np.random.Generator, shape: tuple[int, int, int], seed: int) -> Scene:
    largest = min(LARGEST_RADIUS, max(shape[1:]) / 7)
    radii = rng.lognormal(np.log(largest * 0.28), 0.62, int(np.prod(shape[1:]) / largest**2 * 7))
    places = pack(rng, np.clip(radii, 9, largest), (shape[0] * Z_STEP, float(shape[1]), float(shape[2])))
    bodies = [random_body(rng, centre, radius, faceted=rng.random() < 0.35) for centre, radius in places]
    widest = int(2 * REACH * largest) + 4
    edge = int(1.4 * widest)
    return Scene(
        shape=shape,
        seed=seed,
        bodies=bodies,
        greys=rng.normal(OXIDE, 1_100, len(bodies)).astype(np.float32),
        corners=rng.integers(0, edge - widest, (len(bodies), 2)),
        tiles=_tiles(rng, (shape[0], edge, edge)),
        pores=_pores(rng, shape),
    )


def _tiles(rng: np.random.Generator, shape: tuple[int, int, int]) -> Tiles:
    values, boundaries = grains(rng, shape, size=30, z_step=Z_STEP)
    _, faults = grains(rng, shape, size=64, z_step=Z_STEP)
    open_faults = faults & (smooth_noise(rng, shape, (4, 14, 14)) > 0.1)
    voids = _soft(smooth_noise(rng, shape, (1.2, 3.5, 3.5)) > 2.75, 0.8)
    intact = 1 + 0.035 * values - 0.05 * _soft(boundaries, 0.8)
    return Tiles(
        bumps=gaussian_filter(2.4 * values, (0.4, 1.6, 1.6)),
        intact=intact - 0.3 * voids,
        cracked=intact - np.minimum(1.25 * _soft(open_faults, 1.1) + 0.6 * voids, 0.62),
    )


def _soft(bits: NDArray[np.bool_], width: float) -> Field:
    return gaussian_filter(bits.astype(np.float32), (0, width, width))


def _pores(rng: np.random.Generator, shape: tuple[int, int, int]) -> Field:
    small = (shape[0], -(-shape[1] // PORE_STEP), -(-shape[2] // PORE_STEP))
    field = smooth_noise(rng, small, (2.2, 2.4, 2.4)) + 0.7 * smooth_noise(rng, small, (6, 9, 9))
    return field - np.quantile(field, 0.3).astype(np.float32)


def _plane(scene: Scene, z: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    rng = np.random.default_rng([scene.seed, z])  # its own, so that planes can be made in any order
    cut = Cut(scene.shape[1:])
    for index, body in enumerate(scene.bodies):
        if abs(z * Z_STEP - body.centre[0]) < REACH * body.radius:
            _add(cut, scene, index, z)
    matrix = _matrix(scene, z, rng)
    cover = np.clip(cut.depth + 0.5, 0, 1)
    rim = 1 + 0.05 * np.exp(-np.abs(cut.depth) / 2.5)  # electrons leave an edge more easily
    contact = 1 - 0.22 * cover * np.exp((cut.second - cut.depth) / 1.6)
    signal = gaussian_filter((matrix + cover * (cut.grey - matrix)) * rim * contact, 0.75, truncate=3)
    return _detect(signal, rng), np.where(cut.depth > 0, cut.number, 0)


class Cut:
    """A plane while particles are added to it: at each pixel the one that it is deepest in."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.depth = np.full(size, -2, np.float32)
        """Pixels inside the surface."""
        self.second = np.full(size, -50, np.float32)
        """The same for the next best particle, which is close where two touch."""
        self.number = np.zeros(size, np.uint16)
        self.grey = np.zeros(size, np.float32)


def _add(cut: Cut, scene: Scene, index: int, z: int) -> None:
    body, tiles = scene.bodies[index], scene.tiles
    box = body.box(scene.shape[1:])
    own = body.depth(z * Z_STEP, *box)
    own += _piece(tiles.bumps[z], scene, index, own.shape) * min(1, body.radius / 40)
    texture = tiles.cracked if index % 3 == 0 and body.radius > 25 else tiles.intact
    wins = own > cut.depth[box]
    cut.second[box] = np.maximum(cut.second[box], np.minimum(cut.depth[box], own))
    np.copyto(cut.depth[box], own, where=wins)
    np.copyto(cut.number[box], np.uint16(index + 1), where=wins)
    np.copyto(cut.grey[box], scene.greys[index] * _piece(texture[z], scene, index, own.shape), where=wins)


def _piece(tile: Field, scene: Scene, index: int, shape: tuple[int, ...]) -> Field:
    """Return the part of a tile that belongs to a body, mirrored so that no two neighbours look the same."""
    top, left = scene.corners[index]
    piece = tile[top : top + shape[0], left : left + shape[1]]
    return piece[:: 1 - 2 * (index & 1), :: 1 - (index & 2)]


def _matrix(scene: Scene, z: int, rng: np.random.Generator) -> Field:
    """Return the grey values of carbon, binder and pores."""
    size = scene.shape[1:]
    field = enlarge(scene.pores[z], PORE_STEP, size)
    lumps, dust = noise_plane(rng, size, 5), noise_plane(rng, size, 2)
    solid = 1 / (1 + np.exp(-(field + 0.12 * lumps + 0.06 * dust) * 14))
    carbon = BINDER + 900 * lumps + 1_100 * dust
    # Through an open pore one sees, dimly, the wall behind it.
    behind = PORE + 1_300 * np.clip(1.2 + field, 0, 1) + 450 * lumps
    return behind + solid * (carbon - behind)


def _detect(signal: Field, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what the detector counts: shading, charging, curtains, noise of electrons and of the amplifier."""
    rows, columns = signal.shape
    down = np.linspace(1.05, 0.94, rows, dtype=np.float32)[:, None]
    across = np.linspace(0.985, 1.015, columns, dtype=np.float32)[None, :]
    seen = signal * (1 + 0.012 * curtains(rng, signal.shape, columns // 8))
    seen *= down * across
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    noise[:, 1:] += 0.35 * noise[:, :-1].copy()  # the amplifier is a little slower than the scan
    noise *= np.sqrt(45 * seen)
    seen += noise
    seen += 60 * rng.standard_normal((rows, 1), dtype=np.float32)  # and drifts from line to line
    return np.clip(seen, 0, 65_535).astype(np.uint16)
