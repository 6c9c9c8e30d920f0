"""Label images: who gets a pixel, who keeps a number, and what is told of it."""

import numpy as np
import pytest
from builders import square

from seg_app.labels import label_values, losses, masks_of_labels, painted, painted_planes, unpainted

SHAPE = (3, 64, 96)


def test_the_smaller_mask_is_on_top():
    labels = painted([square(1, 1, 2), square(0, 0, 4)], [7, 8], (5, 5))
    assert labels[:4, :4].tolist() == [[8, 8, 8, 8], [8, 7, 7, 8], [8, 7, 7, 8], [8, 8, 8, 8]]


def test_numbers_are_labels_and_who_has_none_gets_a_free_one():
    assert label_values([square(number=4), square(), square(number=4), square(number=4, z=1)]) == [4, 5, 6, 4]


def test_one_number_on_two_planes_is_one_object():
    masks = [square(0, 0, number=2), square(0, 0, number=2, z=2)]
    assert [int(plane.max()) for plane in painted_planes(masks, SHAPE)] == [2, 0, 2]
    assert losses(masks) == []


def test_pixels_under_smaller_masks_are_counted():
    masks = [square(1, 1, 2, z=1), square(0, 0, 4), square(1, 1, 2), square(2, 2, 4), square(9, 9, 2)]
    assert unpainted(masks) == [0, 7, 0, 1, 0]


def test_labels_are_painted_masks():
    masks = [square(3, 4, 5, number=9), square(20, 20, 2, number=2**31 - 1)]
    again = masks_of_labels(painted(masks, label_values(masks), SHAPE[1:]))
    assert [(m.number, m.y0, m.x0, m.counts) for m in again] == [(m.number, m.y0, m.x0, m.counts) for m in masks]


def test_labels_of_any_size_are_told_apart():
    labels = np.array([[0, 2**20 + 1, 2**20 + 1], [2**31 - 1, 0, 7]])
    assert [(m.number, m.area) for m in masks_of_labels(labels)] == [(7, 1), (2**20 + 1, 2), (2**31 - 1, 1)]
    assert [(m.number, m.area) for m in masks_of_labels(labels[:1, 1:])] == [(2**20 + 1, 2)]


def test_what_is_known_of_a_label_is_kept():
    (mask,) = masks_of_labels(np.array([[0, 5]]), z=2, values={(2, 5): {"id": "a", "class_name": "pore"}})
    assert (mask.id, mask.class_name, mask.z, mask.number) == ("a", "pore", 2, 0)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint32, np.int64])
def test_background_is_zero_and_less(dtype):
    labels = np.array([[0, 3], [3, 0]]).astype(dtype) - (np.dtype(dtype).kind == "i")
    assert [(mask.number, mask.area) for mask in masks_of_labels(labels)] in ([(3, 2)], [(2, 2)])


def test_an_empty_plane_has_no_masks():
    assert list(masks_of_labels(np.zeros((4, 4), np.uint16))) == []


def test_a_plane_may_be_all_of_one_object():
    assert [mask.area for mask in masks_of_labels(np.full((2, 2), 6, np.uint16))] == [4]
