"""Mask mathematics, each against the plain way: pixel by pixel, pair by pair, and as pycocotools has it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import square
from hypothesis import given
from hypothesis import strategies as st
from masks import bits
from placed import SHAPE, placed, plane_of
from pycocotools import mask as pycocotools_mask

from seg_app.geometry import (
    BitsCache,
    Neighbourhood,
    bits_of,
    contains,
    decode_rle,
    distinct,
    encode_rle,
    iou,
    label_grid,
    mask_from_bits,
    overlap,
    paste,
)
from seg_app.records import Mask, Window

coco: Any = pycocotools_mask  # its type stubs know only some of what it takes
levels = st.integers(0, 4)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Windows of any level, inside the plane, across its edges, and beside it."""
    level = draw(levels)
    y0, x0 = draw(st.integers(-3, SHAPE[0] // 2**level + 3)), draw(st.integers(-3, SHAPE[1] // 2**level + 3))
    return Window(level, y0, x0, y0 + draw(st.integers(0, 20)), x0 + draw(st.integers(0, 20)))


def brute_paste(mask: Mask, window: Window) -> np.ndarray:
    """The mask on a window: for each pixel the bit of the full-resolution pixel in its middle."""
    plane, f = plane_of(mask), 2**window.level
    out = np.zeros(window.shape, dtype=bool)
    for row, column in np.ndindex(*window.shape):
        y, x = (window.y0 + row) * f + f // 2, (window.x0 + column) * f + f // 2
        out[row, column] = 0 <= y < SHAPE[0] and 0 <= x < SHAPE[1] and plane[y, x]
    return out


@given(bits())
def test_run_lengths_give_the_bits_back(inside: np.ndarray):
    assert (decode_rle(encode_rle(inside), inside.shape) == inside).all()


@given(bits())
def test_run_lengths_are_those_of_coco(inside: np.ndarray):
    theirs = coco.frPyObjects({"size": list(inside.shape), "counts": list(encode_rle(inside))}, *inside.shape)
    assert theirs == coco.encode(np.asfortranarray(inside, dtype=np.uint8))


@given(bits())
def test_run_lengths_begin_with_zeros_and_have_no_empty_run_after(inside: np.ndarray):
    first, *others = encode_rle(inside)
    assert (first == 0) == bool(inside[0, 0])
    assert all(others)


@pytest.mark.parametrize(
    ("counts", "shape"), [((1,), (1, 2)), ((3,), (1, 2)), ((3, -1), (1, 2)), ((), (1, 1)), ((2,), (-1, -2))]
)
def test_run_lengths_that_do_not_fill_the_box_are_refused(counts: tuple[int, ...], shape: tuple[int, int]):
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's words for negative numbers are its own
        decode_rle(counts, shape)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_an_empty_box_has_no_bits(shape: tuple[int, int]):
    assert decode_rle(encode_rle(np.zeros(shape, dtype=bool)), shape).shape == shape
    assert decode_rle((), shape).shape == shape


@given(placed())
def test_a_mask_has_the_bits_it_was_made_of(mask: Mask):
    assert (paste(mask, Window(0, 0, 0, *SHAPE)) == plane_of(mask)).all()
    assert mask.area == plane_of(mask).sum()


@given(placed())
def test_the_box_of_a_mask_is_tight(mask: Mask):
    inside = bits_of(mask)
    assert inside.shape == (mask.height, mask.width)
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


def test_no_bits_make_no_mask():
    assert mask_from_bits(np.zeros((3, 4), dtype=bool)) is None
    assert mask_from_bits(np.zeros((0, 4), dtype=bool)) is None


def test_a_mask_takes_its_fields_and_an_id_of_its_own():
    ones = np.ones((1, 2), dtype=bool)
    mask, other = mask_from_bits(ones, z=3, y0=4, x0=5, class_name="pore"), mask_from_bits(ones)
    assert mask
    assert other
    assert (mask.z, mask.y0, mask.x0, mask.class_name, mask.counts) == (3, 4, 5, "pore", (0, 2))
    assert mask.id != other.id
    assert mask_from_bits(ones, id="mine") == Mask("mine", 0, 0, 0, 1, 2, (0, 2))


def test_the_bits_of_a_mask_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        bits_of(Mask("a", 0, 0, 0, 1, 2, (0, 2)))[0, 0] = False


def test_bits_are_kept_up_to_a_number_of_bytes():
    cache = BitsCache(max_bytes=250)
    masks = [Mask("a", 0, 0, 0, 10, 10, (i, 100 - i)) for i in range(3)]
    kept = [cache.bits(mask) for mask in masks]
    assert cache.nbytes == 200
    assert cache.bits(masks[2]) is kept[2]
    assert cache.bits(masks[0]) is not kept[0]
    assert cache.bits(masks[2]) is kept[2]


def test_bits_larger_than_the_cache_are_given_but_not_kept():
    cache = BitsCache(max_bytes=50)
    assert cache.bits(Mask("a", 0, 0, 0, 10, 10, (0, 100))).all()
    assert cache.nbytes == 0


@given(placed(), st.integers(-2, SHAPE[0] + 1), st.integers(-2, SHAPE[1] + 1))
def test_a_mask_contains_its_pixels_only(mask: Mask, y: int, x: int):
    inside = 0 <= y < SHAPE[0] and 0 <= x < SHAPE[1]
    assert contains(mask, y=y, x=x) == (inside and bool(plane_of(mask)[y, x]))


@given(placed(), windows())
def test_a_window_shows_the_mask_as_pixel_by_pixel(mask: Mask, window: Window):
    assert (paste(mask, window) == brute_paste(mask, window)).all()


@given(
    st.lists(placed(), max_size=4),
    st.lists(st.integers(0, SHAPE[0] - 1), max_size=9).map(sorted),
    st.lists(st.integers(0, SHAPE[1] - 1), max_size=9).map(sorted),
)
def test_labels_on_a_grid_show_the_smaller_mask_on_top(masks: list[Mask], rows: list[int], columns: list[int]):
    on_rows, on_columns = np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp)
    plane = np.zeros(SHAPE, dtype=np.int32)
    for i in sorted(range(len(masks)), key=lambda i: -masks[i].area):
        plane[plane_of(masks[i])] = i + 1
    assert label_grid(masks, on_rows, on_columns).tolist() == plane[on_rows][:, on_columns].tolist()


@given(placed(), placed())
def test_iou_is_that_of_the_pixels(a: Mask, b: Mask):
    one, other = plane_of(a), plane_of(b)
    assert iou(a, b) == pytest.approx((one & other).sum() / (one | other).sum())
    assert iou(a, b) == iou(b, a)
    assert iou(a, a) == 1


@given(placed(), placed())
def test_iou_is_that_of_coco(a: Mask, b: Mask):
    one, other = (coco.encode(np.asfortranarray(plane_of(m), dtype=np.uint8)) for m in (a, b))
    assert iou(a, b) == pytest.approx(coco.iou([one], [other], [0])[0, 0])


def test_masks_of_two_planes_have_nothing_in_common():
    assert iou(Mask("a", 0, 0, 0, 1, 1, (0, 1)), Mask("a", 1, 0, 0, 1, 1, (0, 1))) == 0


def test_empty_masks_have_nothing_in_common():
    assert iou(Mask("a", 0, 0, 0, 1, 1, (1,)), Mask("b", 0, 0, 0, 1, 1, (1,))) == 0


def test_masks_that_are_nearly_the_same_are_one():
    ten, nearly, other = square(size=20), square(size=19), square(size=10)
    assert distinct([ten, nearly, other]) == [ten, other]
    assert distinct([nearly, ten]) == [nearly]


def each_by_each(masks: list[Mask], *, alike: float) -> list[Mask]:
    """The plain loop over all pairs."""
    kept: list[Mask] = []
    for mask in masks:
        if all(iou(mask, other) <= alike for other in kept):
            kept.append(mask)
    return kept


@given(st.lists(st.tuples(placed(), st.integers(0, 1)), max_size=8), st.sampled_from([0.0, 0.3, 0.7, 0.9]))
def test_distinct_masks_are_those_of_a_loop_over_all_pairs(drawn: list[tuple[Mask, int]], alike: float):
    masks = [replace(mask, z=z) for mask, z in [*drawn, *drawn[:2]]]
    assert distinct(masks, alike=alike) == each_by_each(masks, alike=alike)


@given(st.lists(placed(), max_size=8), placed())
def test_no_mask_but_its_neighbours_overlaps_another(masks: list[Mask], mask: Mask):
    near = Neighbourhood(masks).of(mask)
    assert [other for other in near if overlap(mask, other)] == [m for m in masks if overlap(mask, m)]
    assert all(box_meets(mask, other) for other in near)


def box_meets(a: Mask, b: Mask) -> bool:
    return a.y0 < b.y1 and b.y0 < a.y1 and a.x0 < b.x1 and b.x0 < a.x1


def test_only_masks_whose_boxes_meet_are_compared(monkeypatch: pytest.MonkeyPatch):
    compared: list[tuple[Mask, Mask]] = []
    monkeypatch.setattr("seg_app.geometry.iou", lambda a, b: compared.append((a, b)) or iou(a, b))
    grid = [square(3 * column, 3 * row, size=4) for row in range(30) for column in range(30)]
    assert distinct(grid) == grid
    assert len(compared) < 4 * len(grid)  # of 404,550 pairs
