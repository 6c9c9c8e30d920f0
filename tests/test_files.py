"""Files and arrays here, opened as planes: what every format gives, and what is said of the rest."""

import shutil

import numpy as np
import pytest
import xarray as xr
import zarr
from PIL import Image
from tiffs import pixels, tiff

from seg_app.errors import MissingError, UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.files import open_array, open_file
from seg_app.io.readers import FORMATS

PLANE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
STACK = np.stack([PLANE, PLANE + 1, PLANE + 2])
COLOUR = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.zarr"])
def test_truth_values_open_as_zero_and_one(tmp_path, name):
    truth, path = PLANE % 2 == 1, tmp_path / name
    if name == "a.zarr":
        zarr.create_array(path, data=truth)
    else:
        np.save(path, truth) if name == "a.npy" else tiff(path, truth)
    opened = open_file(path)
    assert opened.image.dtype == opened.levels[0].dtype.name == pixels(path).dtype.name == "uint8"
    np.testing.assert_array_equal(pixels(path)[0], truth)


# NumPy and Zarr


def test_an_npy_opens_as_planes(tmp_path):
    np.save(tmp_path / "a.npy", STACK)
    np.testing.assert_array_equal(pixels(tmp_path / "a.npy"), STACK)


def test_an_ome_zarr_folder_opens_with_levels_and_attributes(tmp_path):
    planes = np.arange(600 * 40, dtype=np.float32).reshape(1, 600, 40)
    ome_zarr.write(tmp_path / "a.zarr", planes, pixel_size_nm=(None, 2.0, 3.0), attributes={"databar_rows": 7})
    opened = open_file(tmp_path / "a.zarr")
    assert [level.shape for level in opened.levels] == [(1, 600, 40), (1, 300, 20)]
    assert (opened.calibration.pixel_size_nm, opened.metadata) == ((None, 2.0, 3.0), {"databar_rows": 7})


def test_colour_in_ome_zarr_is_the_last_dimension(tmp_path):
    ome_zarr.write(tmp_path / "a.zarr", COLOUR[np.newaxis])
    np.testing.assert_array_equal(pixels(tmp_path / "a.zarr")[0], COLOUR)


def test_levels_that_are_no_halves_are_left_out(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name, shape in {"0": (4, 40, 40), "1": (2, 20, 20), "2": (4, 13, 13), "3": (4, 10, 10)}.items():
        group.create_array(name, shape=shape, dtype="u1")
    datasets = [{"path": name} for name in "0123"]
    group.attrs["ome"] = {"multiscales": [{"axes": [{"name": n} for n in "zyx"], "datasets": datasets}]}
    assert [level.shape for level in open_file(tmp_path / "a.zarr").levels] == [(4, 40, 40), (4, 10, 10)]


def test_axes_of_one_element_are_left_out(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group["0"] = STACK.reshape(1, 1, *STACK.shape)
    axes = [{"name": name} for name in "tczyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    np.testing.assert_array_equal(pixels(tmp_path / "a.zarr"), STACK)


def test_a_zarr_array_opens_as_planes(tmp_path):
    zarr.open_group(tmp_path, mode="w")["a.zarr"] = STACK
    np.testing.assert_array_equal(pixels(tmp_path / "a.zarr"), STACK)


def test_a_file_is_named_by_its_whole_path(tmp_path):
    image = open_file(tiff(tmp_path / "a.tif", STACK)).image
    assert (image.source, image.path, image.stem) == ("local", (tmp_path / "a.tif").as_posix(), "a")


# Arrays


def test_an_array_is_named_as_told():
    assert open_array(STACK, name="stack").image.path == "stack"


def test_the_dimensions_of_a_data_array_are_taken_by_name():
    level = open_array(xr.DataArray(STACK, dims=("x", "y", "z"))).levels[0]
    assert level.dims == ("z", "y", "x")
    np.testing.assert_array_equal(level.values, STACK.transpose(2, 1, 0))


def test_coordinates_without_a_pixel_size_are_pixels():
    level = open_array(PLANE).levels[0]
    assert level.y[:3].values.tolist() == [0, 1, 2]
    assert level.y.attrs["units"] == "px"


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((0, 4)), np.zeros((2, 2), complex), np.array([["a"]])],
    ids=["line", "empty", "complex", "text"],
)
def test_an_array_that_is_no_image_is_refused(array):
    with pytest.raises(UnreadableError, match="Cannot open array"):
        open_array(array)


# What goes wrong


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(MissingError, match=r"a\.tif"):
        open_file(tmp_path / "a.tif")


def test_an_unknown_format_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(UnreadableError, match=r"Known formats: .*\.jpeg, .*\.zarr"):
        open_file(tmp_path / "a.docx")


@pytest.mark.parametrize("suffix", sorted(set(FORMATS) - {".zarr"}))
@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40), b"II*\0\x08\0\0\0\xff\xff"]
)
def test_garbage_is_unreadable(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=path.name):
        open_file(path)


def test_a_pickle_in_an_npy_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(UnreadableError):
        open_file(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy"])
def test_half_a_file_is_unreadable(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    {
        ".tif": lambda: tiff(path, PLANE),
        ".png": lambda: Image.fromarray(PLANE).save(path),
        ".npy": lambda: np.save(path, STACK),
    }[suffix]()
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UnreadableError, match=path.name):
        open_file(path)


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_half_a_file_says_how_much_is_missing(tmp_path, name):
    path, plane = tmp_path / name, np.zeros((1000, 1000), np.uint8)
    tiff(path, plane) if name == "a.tif" else np.save(path, plane)
    path.write_bytes(path.read_bytes()[:400_000])
    message = rf"{name}: it ends too early: it has 0\.4 of 1\.0 MB .*Copy it again"
    with pytest.raises(UnreadableError, match=message):
        open_file(path)


@pytest.mark.parametrize("suffix", sorted(set(FORMATS) - {".zarr"}))
def test_of_damage_the_user_reads_no_words_of_a_library(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"garbage" * 500)
    with pytest.raises(UnreadableError, match=r"^Cannot read a\.\w+: it is .*\. .*opy it again") as caught:
        open_file(path)
    assert "garb" not in str(caught.value)
    assert not any(word in str(caught.value) for word in ("header=", "pickle", "synchronously", "MRC", "mmap"))


def test_a_level_that_is_missing_is_named(tmp_path):
    ome_zarr.write(tmp_path / "a.zarr", STACK)
    shutil.rmtree(tmp_path / "a.zarr" / "0")
    with pytest.raises(UnreadableError, match="its level '0' is missing"):
        open_file(tmp_path / "a.zarr")


def test_a_damaged_chunk_does_not_take_the_others_with_it(tmp_path):
    ome_zarr.write(tmp_path / "a.zarr", STACK)
    (tmp_path / "a.zarr" / "0" / "c" / "1" / "0" / "0").write_bytes(b"garbage")
    level = open_file(tmp_path / "a.zarr").levels[0]
    with pytest.raises(UnreadableError, match=r"a\.zarr/0"):
        level[1].load()
    np.testing.assert_array_equal(level[2].values, STACK[2])


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_a_zarr_folder_without_its_metadata_is_unreadable(tmp_path, content):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text(content)
    with pytest.raises(UnreadableError, match=r"a\.zarr"):
        open_file(tmp_path / "a.zarr")


def test_a_zarr_group_that_is_no_image_is_unreadable(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(UnreadableError, match="no OME-Zarr image"):
        open_file(tmp_path / "a.zarr")
