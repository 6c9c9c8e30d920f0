"""Closed outlines around a click: the best edges on rays in all directions, found by dynamic programming.

The grey values are unrolled about the click (angle × radius); a closed outline is then a path through all
angles, and the one along the strongest edges is found exactly (as in the live-wire and star-convex methods).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seg_app.sam.patches import Patch, tight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import Box, Prompts
    from seg_app.sam.landscape import Landscape

ANGLES = np.arange(120) * 2 * np.pi / 120
COS, SIN = np.cos(ANGLES), np.sin(ANGLES)
SMALLEST_RADIUS_PX = 2.5
RADIUS_RATIO = 1.05
ROUNDS = 3
"""How many outlines are looked for of each kind of edge; each round bars the outline of the one before."""
REACH = 3
"""How many radii an outline may gain or lose from one angle to the next."""
BORDER_REWARD = 0.5
"""What leaving the window is worth, where a perfect edge is worth 1: objects are cut by the window."""
EDGE_GAIN = 2.5
"""How soon an edge counts as perfect: a step of half the contrast gains 0.85."""
FAINT_EDGE_GAIN = 8.0
CLEAREST = 97
KINDS = ("bright inside", "dark inside", "either", "either, faint ones too")
BARRED = -9.0
PATCH_PX = 112
REFINED_SHARE = 0.3
REFINED_STEPS = np.linspace(-1, 1, 31)


@dataclass(frozen=True)
class Star:
    """An outline as one radius in each direction of ANGLES from a centre, in pixels of the window."""

    x: float
    y: float
    radii: NDArray[np.float64]
    search: tuple[int, int]
    """Which of KINDS its edges are, and in which round it was found."""

    @property
    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The outline as (x, y) arrays."""
        return self.x + self.radii * COS, self.y + self.radii * SIN


def star_patches(land: Landscape, prompts: Prompts, centre: tuple[float, float]) -> list[Patch]:
    """Return what the best closed outlines around a centre (x, y) enclose, as far as it lies in the window.

    Outlines keep including points inside and excluding ones outside, and stay in the box.
    """
    stars = [_recentred(star, land.shape) for star in _coarse_stars(land, prompts, centre)]
    patches = [_patch_of(star, land) for star in _refined(land, prompts, stars)]
    return [patch for patch in patches if patch is not None]


def _coarse_stars(land: Landscape, prompts: Prompts, centre: tuple[float, float]) -> list[Star]:
    x, y = centre
    count = np.log(0.75 * max(land.shape) / SMALLEST_RADIUS_PX) / np.log(RADIUS_RATIO)
    ladder = (SMALLEST_RADIUS_PX * RADIUS_RATIO ** np.arange(max(int(count), 8))).astype(np.float64)
    radii = np.broadcast_to(ladder, (len(ANGLES), len(ladder)))
    # a step between two angles spans 0.05 radii: finer detail would only alias
    levels = [land.level_of(radius * 0.06, fits=1.4) for radius in ladder]
    gain = np.stack(_gains(land, (x, y), radii, np.array(levels)))
    gain[:, _forbidden(radii, prompts, (x, y))] = BARRED
    return [
        Star(x, y, ladder[path], (kind, turn))
        for turn, paths in enumerate(_rounds(gain))
        for kind, path in enumerate(paths)
    ]


def _rounds(gain: NDArray[np.float32]) -> list[NDArray[np.intp]]:
    found = []
    near = np.arange(gain.shape[2])
    for _ in range(ROUNDS):
        found.append(best_loops(gain, slope_cost=0.15))
        gain[np.abs(near - found[-1][..., None]) <= 4] = -1.0
    return found


def _gains(
    land: Landscape, centre: tuple[float, float], radii: NDArray[np.float64], levels: NDArray[np.intp]
) -> list[NDArray[np.float32]]:
    """Return for each kind of edge what an outline gains at (angle, radius), at most 1."""
    x, y = centre[0] + radii * COS[:, None], centre[1] + radii * SIN[:, None]
    grey = np.empty(radii.shape, dtype=np.float32)
    for level in np.unique(levels):
        columns = levels == level
        grey[:, columns] = land.sample(y[:, columns], x[:, columns], level=int(level))
    raw = _steps(grey)
    # a speck hardly counts in the contrast of the window, but its edge may be the strongest around
    raw /= max(land.contrast, float(np.percentile(np.abs(raw), CLEAREST)))
    outside = (x < 0) | (y < 0) | (x > land.shape[1] - 1) | (y > land.shape[0] - 1)
    raw[outside] = 0.0
    step, faint = np.tanh(EDGE_GAIN * raw), np.abs(np.tanh(FAINT_EDGE_GAIN * raw))
    leaving = outside & ~np.roll(outside, 1, axis=1)
    kinds = (np.where(step > 0, step, 0.3 * step), np.where(step < 0, -step, -0.3 * step), np.abs(step), faint)
    return [np.where(leaving, BORDER_REWARD, kind).astype(np.float32) for kind in kinds]


def _steps(grey: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the mean of two radii inside less that of two outside of every radius."""
    padded = np.pad(grey, ((0, 0), (2, 2)), mode="edge")
    return (padded[:, :-4] + padded[:, 1:-3] - padded[:, 3:-1] - padded[:, 4:]) / 2


def _forbidden(radii: NDArray[np.float64], prompts: Prompts, centre: tuple[float, float]) -> NDArray[np.bool_]:
    """Return where (angle, radius) an outline would contradict the prompts."""
    forbidden = np.zeros(radii.shape, dtype=bool)
    for point in prompts.points:
        x, y = point.x - centre[0], point.y - centre[1]
        distance = np.hypot(x, y)
        turn = np.abs(np.angle(np.exp(1j * (ANGLES - np.arctan2(y, x)))))
        # two pixels to either side of the point, and at least the next ray
        ray = turn <= max(1.5 * (ANGLES[1] - ANGLES[0]), np.arctan2(2.0, max(distance, 1e-3)))
        forbidden[ray] |= (radii[ray] < distance + 1) if point.include else (radii[ray] > distance - 1)
    if prompts.box is not None:
        forbidden |= radii > _ray_lengths(prompts.box, centre)[:, None] + 1
    return forbidden


def _ray_lengths(box: Box, centre: tuple[float, float]) -> NDArray[np.float64]:
    endless = np.full(len(ANGLES), np.inf)  # beside an edge, and on it
    with np.errstate(over="ignore"):
        across = np.where(COS > 0, box.x1 - centre[0], centre[0] - box.x0)
        across = np.divide(across, np.abs(COS), out=endless.copy(), where=COS != 0)
        down = np.where(SIN > 0, box.y1 - centre[1], centre[1] - box.y0)
        down = np.divide(down, np.abs(SIN), out=endless.copy(), where=SIN != 0)
    return np.maximum(np.minimum(across, down), SMALLEST_RADIUS_PX)


def best_loops(gain: NDArray[np.float32], *, slope_cost: float) -> NDArray[np.intp]:
    """Return for each of n arrays (angle, radius) the closed path of the highest gain, as (n, angle) radius indices.

    A path gains what it passes and pays `slope_cost` for each radius that it moves from an angle to the next.
    """
    count, angles, _ = gain.shape
    # a lap and a half are walked, and the middle one is taken: there the path has forgotten where it began
    quarter = angles // 4
    end, back = _walked(np.concatenate([gain, gain[:, : 2 * quarter]], axis=1), slope_cost)
    path = np.empty((len(back), count), dtype=np.intp)
    path[-1], rows = end, np.arange(count)
    for angle in range(len(back) - 1, 0, -1):
        path[angle - 1] = path[angle] + back[angle, rows, path[angle]]
    return np.roll(path[quarter : quarter + angles], quarter, axis=0).T


def _walked(gain: NDArray[np.float32], slope_cost: float) -> tuple[NDArray[np.intp], NDArray[np.int8]]:
    """Return where the best path ends, and from how many radii further it came: (angle, n, radius)."""
    count, angles, radii = gain.shape
    moves = np.arange(-REACH, REACH + 1)
    source = np.arange(radii) + moves[:, None] + REACH
    total, back = gain[:, 0].copy(), np.zeros((angles, count, radii), dtype=np.int8)
    padded = np.full((count, radii + 2 * REACH), -1e9, dtype=np.float32)
    for angle in range(1, angles):
        padded[:, REACH:-REACH] = total
        choices = padded[:, source] - (slope_cost * np.abs(moves)).astype(np.float32)[:, None]
        best = choices.argmax(axis=1)
        back[angle] = moves[best]
        total = np.take_along_axis(choices, best[:, None], axis=1)[:, 0] + gain[:, angle]
    return total.argmax(axis=1), back


def _recentred(star: Star, shape: tuple[int, int]) -> Star:
    """Return the outline seen from its centre of gravity, from which the rays meet it less aslant."""
    x, y = star.radii * COS, star.radii * SIN
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    # centroid of a polygon, https://en.wikipedia.org/wiki/Centroid#Of_a_polygon
    dx, dy = (((v + np.roll(v, -1)) * cross).sum() / (3 * cross.sum()) for v in (x, y))
    if not (0 <= star.x + dx < shape[1] and 0 <= star.y + dy < shape[0]):
        return star
    return Star(star.x + dx, star.y + dy, _radii_from(x - dx, y - dy), star.search)


def _radii_from(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest radius of a closed line about (0, 0) in each direction."""
    place, corner = np.arange(0, len(x), 1 / 6), np.arange(len(x))
    x, y = (np.interp(place, corner, v, period=len(v)) for v in (x, y))
    angle = np.round(np.arctan2(y, x) / (ANGLES[1] - ANGLES[0])).astype(int) % len(ANGLES)
    radii = np.zeros(len(ANGLES))
    np.maximum.at(radii, angle, np.hypot(x, y))
    met = np.flatnonzero(radii)
    return np.interp(np.arange(len(ANGLES)), met, radii[met], period=len(ANGLES))


def _refined(land: Landscape, prompts: Prompts, stars: list[Star]) -> list[Star]:
    """Return the outlines, each searched again in a band around it on a fine grid."""
    bands, gains = [], []
    for star in stars:
        reach = np.maximum(REFINED_SHARE * star.radii, 3.0)
        band = np.maximum(star.radii[:, None] + reach[:, None] * REFINED_STEPS, 0.5)
        # faint edges are only for finding the way: up close they would draw the outline to the noise
        level = land.level_of(float(np.median(reach)) * 2 / len(REFINED_STEPS), fits=1.9)
        gain = _gains(land, (star.x, star.y), band, np.full(len(REFINED_STEPS), level))[min(star.search[0], 2)]
        gain[_forbidden(band, prompts, (star.x, star.y))] = BARRED
        bands.append(band)
        gains.append(gain - 0.01 * np.abs(REFINED_STEPS).astype(np.float32))
    paths = best_loops(np.stack(gains), slope_cost=0.08)
    return [
        Star(star.x, star.y, np.take_along_axis(band, path[:, None], axis=1)[:, 0], star.search)
        for star, band, path in zip(stars, bands, paths, strict=True)
    ]


def _patch_of(star: Star, land: Landscape) -> Patch | None:
    x, y = star.corners
    level = land.level_of(max(np.ptp(x), np.ptp(y)), fits=PATCH_PX)
    scale, shape = 2**level, land.levels[level].shape
    rows = np.arange(max(0, int(y.min() / scale)), min(shape[0], int(y.max() / scale) + 2))
    columns = np.arange(max(0, int(x.min() / scale)), min(shape[1], int(x.max() / scale) + 2))
    dy, dx = rows[:, None] * scale - star.y, columns[None] * scale - star.x
    bits = np.hypot(dx, dy) <= np.interp(np.arctan2(dy, dx), ANGLES, star.radii, period=2 * np.pi)
    if not bits.any():
        return None
    return tight(Patch(level, int(rows[0]), int(columns[0]), bits, star.search))
