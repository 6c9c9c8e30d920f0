"""Which masks are one object through the planes: numbered, extended, joined and split."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import tifffile
from builders import IMAGE, square

from seg_app.errors import SegAppError
from seg_app.io.formats import label_tiff
from seg_app.models import MaskSet
from seg_app.records import MaskFile


def rod(number: int, planes: range, **fields):
    """The masks of an object on some planes."""
    return tuple(square(4 * number, 5, z=z, number=number, **fields) for z in planes)


@pytest.fixture
def masks():
    """Three objects: 1 on planes 0 to 2, 2 on planes 0 and 1, 3 on plane 2."""
    masks = MaskSet()
    masks.add((*rod(1, range(3), class_name="pore"), *rod(2, range(2)), *rod(3, range(2, 3), class_name="grain")))
    return masks


def numbers(masks):
    """Number and plane of each mask."""
    return [(mask.number, mask.z) for mask in masks.masks]


def ids(masks, *chosen):
    return [mask.id for mask in masks.masks if mask.number in chosen]


ALL = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 2)]


def test_objects_that_are_added_again_stay_objects_with_numbers_of_their_own(masks):
    assert numbers(masks) == ALL
    masks.add((*rod(1, range(2)), square(number=1), square(), square()))
    assert numbers(masks)[6:] == [(4, 0), (4, 1), (5, 0), (6, 0), (7, 0)]


def test_what_extends_an_object_has_its_number_unless_it_is_on_that_plane_already(masks):
    new = masks.extend((square(z=2, number=2), square(z=2, number=2), square(z=1, number=2), square(z=1)))
    assert [(mask.number, mask.z) for mask in new] == [(2, 2), (4, 2), (5, 1), (6, 1)]


def test_a_class_is_that_of_the_whole_object(masks):
    masks.classify(ids(masks, 2)[:1], "grain")
    assert [mask.class_name for mask in masks.masks] == ["pore"] * 3 + ["grain"] * 3


def test_objects_are_in_the_order_of_their_numbers(masks):
    masks.split(ids(masks, 1), 1)
    masks.load((square(number=9), *masks.masks))
    assert [parts[0].number for parts in masks.objects] == [1, 2, 3, 4, 9]


def test_each_object_has_its_masks_in_the_order_of_acceptance(masks):
    masks.extend((square(z=2, number=2),))
    assert [[mask.z for mask in parts] for parts in masks.objects] == [[0, 1, 2], [0, 1, 2], [2]]


def test_objects_on_different_planes_become_one_as_one_change(masks):
    masks.join(ids(masks, 2)[:1] + ids(masks, 3))
    assert numbers(masks) == [*ALL[:5], (2, 2)]
    assert masks.masks[-1].class_name == ""
    masks.undo()
    assert numbers(masks) == ALL
    assert masks.masks[-1].class_name == "grain"


@pytest.mark.parametrize(("chosen", "why"), [((1, 3), "on plane 3"), ((1,), "or more"), ((), "two objects")])
def test_what_is_no_object_is_not_made_one(masks, chosen, why):
    with pytest.raises(SegAppError, match=why):
        masks.join(ids(masks, *chosen))
    assert numbers(masks) == ALL


def test_an_object_is_another_one_from_a_plane_on(masks):
    masks.split(ids(masks, 1, 2, 3), 1)
    assert numbers(masks) == [(1, 0), (4, 1), (4, 2), (2, 0), (5, 1), (3, 2)]
    masks.undo()
    assert numbers(masks) == ALL


@pytest.mark.parametrize(("chosen", "z"), [((1,), 0), ((2,), 2), ((3,), 2), ((), 1)])
def test_what_is_on_one_side_only_is_not_split(masks, chosen, z):
    with pytest.raises(SegAppError, match=f"before plane {z + 1} and"):
        masks.split(ids(masks, *chosen), z)
    assert numbers(masks) == ALL


def test_a_label_image_has_one_value_for_an_object_and_brings_it_back(masks):
    file = MaskFile(replace(IMAGE, shape=(3, 64, 96)), masks.masks)
    again = MaskSet()
    again.load(label_tiff.decode(label_tiff.encode(file)).masks)
    assert numbers(again) == ALL
    assert label_tiff.losses(file) == []


def test_labels_of_another_program_are_objects_through_the_planes():
    labels = np.zeros((3, 64, 96), np.uint16)
    labels[:, 3:9, 3:9], labels[1:, 30:40, 30:50] = 7, 9
    packed = BytesIO()
    tifffile.imwrite(packed, labels, photometric="minisblack")
    masks = MaskSet()
    masks.load(label_tiff.decode(packed.getvalue()).masks)
    assert [[(mask.number, mask.z) for mask in parts] for parts in masks.objects] == [
        [(7, 0), (7, 1), (7, 2)],
        [(9, 1), (9, 2)],
    ]
