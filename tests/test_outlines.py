"""Outlines of masks: closed, half way between pixels, and thinned no further than allowed."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from placed import placed, plane_of

from seg_app.geometry import bits_of, mask_from_bits, outline
from seg_app.records import Mask


def enclosed_area(rings: list[np.ndarray]) -> float:
    """Outer rings less holes, which run the other way round (shoelace formula)."""
    return abs(sum((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2 for x, y in (ring.T for ring in rings)))


# The area that marching squares leave of a square between four pixels, by the number that is inside.
AREA_OF_CELL = {0: 0.0, 1: 1 / 8, 2: 1 / 2, 3: 7 / 8, 4: 1.0}


@given(placed())
def test_outlines_enclose_the_area_of_the_mask_less_its_corners(mask: Mask):
    plane = np.pad(bits_of(mask), 1).astype(int)
    a, b, c, d = plane[:-1, :-1], plane[:-1, 1:], plane[1:, :-1], plane[1:, 1:]
    diagonal = (a + b + c + d == 2) & (a == d)
    areas = np.vectorize(AREA_OF_CELL.get)(a + b + c + d).astype(float)
    areas[diagonal] = 1 / 4
    assert enclosed_area(outline(mask)) == pytest.approx(areas.sum())


@given(placed(), st.floats(0, 5))
def test_every_outline_is_closed(mask: Mask, tolerance: float):
    rings = outline(mask, tolerance=tolerance)
    assert rings
    assert all((ring[0] == ring[-1]).all() and len(ring) > 3 for ring in rings)


@given(placed())
def test_outlines_run_half_way_between_pixels(mask: Mask):
    points = np.concatenate(outline(mask))
    plane = np.pad(plane_of(mask), 1)
    x, y = points.T + 1
    low = plane[np.floor(y).astype(int), np.floor(x).astype(int)]
    high = plane[np.ceil(y).astype(int), np.ceil(x).astype(int)]
    assert (((x % 1 == 0.5) & (y % 1 == 0)) | ((x % 1 == 0) & (y % 1 == 0.5))).all()
    assert (low != high).all()


def test_a_single_pixel_has_its_outline_around_its_centre():
    (ring,) = outline(Mask("a", 0, 7, 4, 1, 1, (0, 1)))
    assert {tuple(point) for point in ring} == {(4, 6.5), (4, 7.5), (3.5, 7), (4.5, 7)}


def test_a_hole_has_an_outline_of_its_own():
    ring = np.ones((9, 9), dtype=bool)
    ring[4, 4] = False
    mask = mask_from_bits(ring)
    assert mask
    assert len(outline(mask)) == 2


@given(placed(), st.floats(0.1, 3))
def test_thinning_moves_no_point_further_than_allowed(mask: Mask, tolerance: float):
    for ring, thin in zip(outline(mask), outline(mask, tolerance=tolerance), strict=True):
        assert max(distance(point, thin) for point in ring) <= tolerance + 1e-9


def distance(point: np.ndarray, ring: np.ndarray) -> float:
    """From a point to the nearest place of a closed line."""
    start, along = ring[:-1], np.diff(ring, axis=0)
    length = (along**2).sum(axis=1)
    part = np.clip(((point - start) * along).sum(axis=1) / np.where(length == 0, 1, length), 0, 1)
    return float(np.sqrt(((start + part[:, None] * along - point) ** 2).sum(axis=1)).min())


LOADED_BEFORE = """
import sys
import numpy as np
from seg_app.geometry import load_outlining, mask_from_bits, outline
mask = mask_from_bits(np.ones((4, 4), bool), y0=0, x0=0)
load_outlining()
before = set(sys.modules)
assert outline(mask)
print(*(set(sys.modules) - before))
"""


def test_an_outline_loads_nothing_more_once_outlining_is_loaded():
    done = subprocess.run([sys.executable, "-c", LOADED_BEFORE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
