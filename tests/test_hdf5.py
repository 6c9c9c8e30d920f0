"""HDF5 and NeXus: which dataset is opened, its voxel size, and that no other chunk is read."""

import h5py
import hdf5plugin
import numpy as np
import pytest

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.files import open_file
from seg_app.io.hdf5 import hdf5_parts

STACK = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.nxs"


def test_the_only_image_is_opened(path):
    with h5py.File(path, "w") as file:
        file["deep/in/it"], file["a number"], file["text"] = STACK, 5, "words"
    np.testing.assert_array_equal(open_file(path).levels[0].values, STACK)


@pytest.mark.parametrize("name", ["entry/data/data", "entry1/data/data", "exchange/data"])
def test_the_volume_of_a_tomogram_is_opened_beside_other_images(path, name):
    with h5py.File(path, "w") as file:
        file["flats"], file[name] = STACK[:1], STACK
    assert open_file(path).image.shape == (3, 30, 40)


def test_the_default_of_nexus_is_opened(path):
    with h5py.File(path, "w") as file:
        file["other"], file["scan/plot/counts"] = STACK[:1], STACK
        file.attrs["default"], file["scan"].attrs["default"], file["scan/plot"].attrs["signal"] = (
            "scan",
            "plot",
            "counts",
        )
    assert open_file(path).image.shape == (3, 30, 40)


def test_a_link_is_followed(path):
    with h5py.File(path, "w") as file:
        file["raw"], file["flats"], file["entry/data/data"] = STACK, STACK[:1], h5py.SoftLink("/raw")
    assert open_file(path).image.shape == (3, 30, 40)


def test_a_circle_of_defaults_ends(path):
    with h5py.File(path, "w") as file:
        file["a/b"] = STACK
        file.attrs["default"], file["a"].attrs["default"] = "a", "/a"
    assert open_file(path).image.shape == (3, 30, 40)


def test_several_images_are_named_and_can_be_chosen(path):
    with h5py.File(path, "w") as file:
        file["one"], file["two"] = STACK, STACK[:2]
    with pytest.raises(UnreadableError, match=r"one, two\. Choose one by part="):
        open_file(path)
    assert (open_file(path, part="two").image.shape, hdf5_parts(path)) == ((2, 30, 40), ["one", "two"])


def test_a_part_that_is_not_there_is_missing(path):
    with h5py.File(path, "w") as file:
        file["one"] = STACK
    with pytest.raises(MissingError, match=r"no image 'two'.*It has: one"):
        open_file(path, part="two")


def test_a_file_without_images_says_so(path):
    with h5py.File(path, "w") as file:
        file["line"] = np.arange(5)
    with pytest.raises(UnreadableError, match="no image in it"):
        open_file(path)


def test_a_damaged_chunk_does_not_take_the_others_with_it(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", data=STACK, chunks=(1, 30, 40), compression="gzip")
        place = data.id.get_chunk_info(1)
    with path.open("r+b") as raw:
        raw.seek(place.byte_offset)
        raw.write(bytes(place.size))
    level = open_file(path).levels[0]
    with pytest.raises(UnreadableError, match=r"scan\.nxs"):
        level[1].load()
    np.testing.assert_array_equal(level[2].values, STACK[2])


def test_the_voxel_size_comes_from_an_attribute(path):
    with h5py.File(path, "w") as file:
        file["a"] = STACK
        file["a"].attrs["pixel_size_nm"] = [50.0, 4.0, 4.5]
    calibration = open_file(path).calibration
    assert (calibration.pixel_size_nm, calibration.source) == ((50, 4, 4.5), "HDF5 attribute")


def test_the_voxel_size_comes_from_an_element_size(path):
    with h5py.File(path, "w") as file:
        file["a"] = STACK
        file["a"].attrs["element_size_um"] = [0.05, 0.004, 0.004]
    assert open_file(path).calibration.pixel_size_nm == pytest.approx((50, 4, 4))


def nexus(path, x, units="um"):
    with h5py.File(path, "w") as file:
        file["data/data"], file["data/z"], file["data/y"], file["data/x"] = STACK, np.arange(3), np.arange(30), x
        file["data"].attrs["axes"] = ["z", "y", "x"]
        for name in "zyx":
            file[f"data/{name}"].attrs["units"] = units
    return open_file(path).calibration


def test_the_voxel_size_comes_from_the_axes_of_nexus(path):
    calibration = nexus(path, np.arange(40) * 0.5)
    assert (calibration.pixel_size_nm, calibration.source) == (pytest.approx((1e3, 1e3, 500)), "NeXus axes")


@pytest.mark.parametrize(("x", "units"), [(np.arange(40) ** 2, "um"), (np.arange(40), "px"), (np.zeros(40), "um")])
def test_axes_that_are_no_even_lengths_tell_nothing(path, x, units):
    assert nexus(path, x, units).pixel_size_nm is None


@pytest.mark.parametrize(("filters", "told"), [(32019, "id 32019"), ("jpeg", "jpeg id 32019")])
def test_a_filter_that_is_not_installed_is_named(path, monkeypatch, filters, told):
    with h5py.File(path, "w") as file:
        options = {"compression": 32019, "allow_unknown_filter": True}
        file.create_dataset("data", STACK.shape, STACK.dtype, chunks=(1, 30, 40), **options)
    if filters == "jpeg":
        monkeypatch.setattr("seg_app.io.hdf5._filters", lambda _: {1: "deflate", 32019: "jpeg"})
    with pytest.raises(UnreadableError, match=rf"scan\.nxs: .* not installed here \({told}\)\. Save it with gzip"):
        open_file(path)


def test_all_filters_of_detectors_are_installed(path):
    with h5py.File(path, "w") as file:
        packed = {"bitshuffle": hdf5plugin.Bitshuffle(), "blosc": hdf5plugin.Blosc(), "zstd": hdf5plugin.Zstd()}
        for name, options in packed.items():
            file.create_dataset(name, data=STACK, chunks=(1, 30, 40), **options)
    assert [open_file(path, part=name).image.shape for name in packed] == [STACK.shape] * 3
