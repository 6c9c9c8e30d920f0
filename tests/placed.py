"""Masks that lie in a plane of 40 × 50 pixels, and the plane of each, pixel by pixel."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from masks import bits

from seg_app.geometry import mask_from_bits
from seg_app.records import Mask

SHAPE = (40, 50)


@st.composite
def placed(draw: st.DrawFn) -> Mask:
    """Masks that lie in a plane of 40 × 50 pixels."""
    inside = draw(bits(max_edge=20))
    height, width = inside.shape
    y0, x0 = draw(st.integers(0, SHAPE[0] - height)), draw(st.integers(0, SHAPE[1] - width))
    mask = mask_from_bits(inside, y0=y0, x0=x0)
    assume(mask is not None)
    assert mask
    return mask


def plane_of(mask: Mask) -> np.ndarray:
    """The mask on its whole plane, pixel by pixel, from its run lengths alone."""
    plane = np.zeros(SHAPE, dtype=bool)
    i = 0
    for number, run in enumerate(mask.counts):
        for _ in range(run):
            plane[mask.y0 + i % mask.height, mask.x0 + i // mask.height] = number % 2 == 1
            i += 1
    return plane
