"""Zarr folders: bare arrays, groups of several images, and which of them is opened."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from seg_app.errors import MissingError, UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.files import open_file
from seg_app.io.zarr_files import check_claims, is_zarr, zarr_parts

STACK = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)


@pytest.fixture(params=[2, 3])
def group(request, tmp_path):
    """A group of each version, in a folder whose name says nothing."""
    return zarr.open_group(tmp_path / "data", mode="w", zarr_format=request.param)


@pytest.fixture
def path(group):
    return Path(group.store.root)


def test_a_folder_of_any_name_is_known_by_what_is_in_it(path, tmp_path):
    assert is_zarr(path)
    assert not is_zarr(tmp_path)


def test_the_only_array_of_a_group_is_opened(group, path):
    group.create_array("deep/image", data=STACK)
    group.create_array("line", data=STACK[0, 0])
    np.testing.assert_array_equal(open_file(path).levels[0].values, STACK)


def test_several_arrays_are_named_and_can_be_chosen(group, path):
    group.create_array("one", data=STACK)
    group.create_array("two", data=STACK[:2])
    with pytest.raises(UnreadableError, match="several images: one, two"):
        open_file(path)
    assert open_file(path, part="two").image.shape == (2, 30, 40)


def test_the_levels_of_an_image_in_a_group_are_no_images(tmp_path):
    zarr.open_group(tmp_path, mode="w", zarr_format=3)
    ome_zarr.write(tmp_path / "0", STACK, pixel_size_nm=(None, 2.0, 3.0))
    assert zarr_parts(tmp_path) == ["0"]
    assert open_file(tmp_path).calibration.pixel_size_nm == (None, 2, 3)


def test_an_array_that_is_not_there_is_missing(group, path):
    group.create_array("one", data=STACK)
    with pytest.raises(MissingError, match="'three'"):
        open_file(path, part="three")


def test_the_pixel_size_of_a_bare_array_is_an_attribute(group, path):
    group.create_array("one", data=STACK).attrs["pixel_size_nm"] = [20, 4, 5]
    calibration = open_file(path).calibration
    assert (calibration.pixel_size_nm, calibration.source) == ((20, 4, 5), "metadata")


def test_the_dimensions_of_xarray_are_taken_by_their_names(group, path):
    group.create_array("one", data=STACK).attrs["_ARRAY_DIMENSIONS"] = ["x", "y", "z"]
    np.testing.assert_array_equal(open_file(path).levels[0].values, STACK.transpose(2, 1, 0))


@pytest.mark.parametrize("shape", [(10**12, 4), (1, 3 * 10**9, 1), (4096, 4096), (2000, 1, 2000)])
def test_what_would_fill_the_memory_is_told_before_it_is_looked_at(group, path, shape):
    group.create_array("0", data=STACK)
    check_claims(path)
    group.create_array("deep/0", shape=shape, chunks=(1,) * len(shape), dtype="u1")
    with pytest.raises(UnreadableError, match=r"Cannot read data: its header tells of .*(hold|too many)"):
        check_claims(path)
