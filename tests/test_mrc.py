"""MRC: planes in the order of the file, and a voxel size where the header has a real one."""

import mrcfile
import numpy as np
import pytest

from seg_app.errors import UnreadableError
from seg_app.io.files import open_file

STACK = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)


def mrc(path, pixels=STACK, size_angstrom=0.0):
    with mrcfile.new(path) as file:
        file.set_data(pixels)
        if size_angstrom:
            file.voxel_size = size_angstrom
    return path


@pytest.mark.parametrize("name", ["a.mrc", "a.rec", "a.st", "A.MRC"])
@pytest.mark.parametrize("dtype", ["uint16", "int8", "float32"])
def test_planes_are_as_they_are_stored(tmp_path, name, dtype):
    pixels = STACK.astype(dtype)
    np.testing.assert_array_equal(open_file(mrc(tmp_path / name, pixels)).levels[0].values, pixels)


def test_the_voxel_size_is_in_the_header(tmp_path):
    calibration = open_file(mrc(tmp_path / "a.mrc", size_angstrom=125.0)).calibration
    assert (calibration.pixel_size_nm, calibration.source) == (pytest.approx((12.5, 12.5, 12.5)), "MRC header")


def test_a_micrograph_has_no_distance_of_planes(tmp_path):
    calibration = open_file(mrc(tmp_path / "a.mrc", STACK[0], 20.0)).calibration
    assert calibration.pixel_size_nm == pytest.approx((None, 2, 2))


@pytest.mark.parametrize("placeholder", [0.0, 1.0])
def test_a_placeholder_is_no_size(tmp_path, placeholder):
    assert open_file(mrc(tmp_path / "a.mrc", size_angstrom=placeholder)).calibration.pixel_size_nm is None


def test_a_file_that_was_cut_off_is_unreadable(tmp_path):
    path = mrc(tmp_path / "a.mrc")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableError, match=r"a\.mrc"):
        open_file(path)
