"""Mask files for tests: one that can be checked by eye, and all that can be."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seg_app.geometry import encode_rle
from seg_app.records import Box, Calibration, ImageId, Mask, MaskFile, Point, Prompts, Provenance

IMAGE = ImageId("https://tiled.example.org/api", "samples/fib volume", (4, 60, 80), "uint8")

SMALL = MaskFile(
    IMAGE,
    (
        Mask(
            *("a1", 3, 10, 20, 2, 3, (1, 4, 1)),
            number=1,
            class_name="pore <b>",
            score=0.1,
            prompts=Prompts((Point(21.5, 10.0), Point(0.0, 59.0, include=False)), Box(20.0, 10.0, 22.5, 11.0)),
            provenance=Provenance("SAM 2.1 tiny", "ann", "2025-01-02T03:04:05Z"),
        ),
        Mask("b2", 0, 0, 0, 1, 1, (0, 1)),
    ),
    Calibration((25.0, 5.5, 5.5), "instrument"),
)


def file_of(path: str, source: str = "local") -> MaskFile:
    """Return the same masks of another image."""
    return replace(SMALL, image=replace(IMAGE, path=path, source=source))


texts = st.text(max_size=8)
reals = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def bits(draw: st.DrawFn, max_edge: int = 12) -> np.ndarray:
    """(rows, columns) bool arrays."""
    rows, columns = draw(st.integers(1, max_edge)), draw(st.integers(1, max_edge))
    flat = draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    return np.array(flat).reshape(rows, columns)


pairs_of_bits = array_shapes(min_dims=2, max_dims=2, max_side=9).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, int, int] = (4, 60, 80)) -> Mask:
    """Masks of an image, boxes not always tight."""
    inside = draw(bits())
    height, width = inside.shape
    return Mask(
        id=draw(texts),
        z=draw(st.integers(0, shape[0] - 1)),
        y0=draw(st.integers(0, shape[1] - height)),
        x0=draw(st.integers(0, shape[2] - width)),
        height=height,
        width=width,
        counts=encode_rle(inside),
        number=draw(st.integers(0, 2**31 - 1)),
        class_name=draw(texts),
        score=draw(st.none() | reals),
        prompts=draw(prompts),
        provenance=draw(st.builds(Provenance, texts, texts, texts)),
    )


prompts = st.builds(
    Prompts,
    st.lists(st.builds(Point, reals, reals, st.booleans()), max_size=3).map(tuple),
    st.none() | st.builds(Box, reals, reals, reals, reals),
)
calibrations = st.builds(Calibration, st.none() | st.tuples(st.none() | reals, reals, reals), texts)
images = st.builds(ImageId, texts, texts, st.just((4, 60, 80)), texts)
several = st.lists(masks(), max_size=3, unique_by=lambda mask: mask.id)
"""An id names one mask of a set."""
files = st.builds(MaskFile, images, several.map(tuple), calibrations)
