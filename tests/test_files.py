"""Files and arrays here, opened as planes: what every format gives, and what is said of the rest."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.files import open_array, open_file
from seg_app.io.readers import FORMATS

# ome-zarr uses its own deprecated class when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler:DeprecationWarning")

PLANE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
STACK = np.stack([PLANE, PLANE + 1, PLANE + 2])
COLOUR = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def pixels(path):
    return open_file(path).levels[0].values


def tiff(path: Path, array, **options: Any) -> Path:
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, array, **options)
    return path


# Any format


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


def claiming(path: Path, mode: str, side: int) -> Path:
    """Write a picture of one pixel whose header tells of more."""
    Image.new(mode, (1, 1)).save(path)
    data = bytearray(path.read_bytes())
    if path.suffix == ".png":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    else:
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.png", "1"), ("a.png", "I;16"), ("a.png", "RGBA"), ("a.jpg", "RGB")])
def test_a_picture_of_16384_pixels_a_side_opens(tmp_path, name, mode):
    assert open_file(claiming(tmp_path / name, mode, 16384)).image.shape == (1, 16384, 16384)


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [("a.png", "1", r"1\.6 GB"), ("a.png", "I;16", r"3\.2 GB"), ("a.jpg", "RGB", r"4\.8 GB")],
)
def test_a_picture_that_would_fill_the_memory_is_not_opened(tmp_path, name, mode, size):
    with pytest.raises(UnreadableError, match=rf"{name}: 40000 × 40000 pixels \({size}\).*TIFF"):
        open_file(claiming(tmp_path / name, mode, 40000))


# TIFF


@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"compression": "zlib", "tile": (16, 16)}, {"imagej": True}],
)
def test_a_stack_of_any_tiff_layout_opens_as_planes(tmp_path, options):
    np.testing.assert_array_equal(pixels(tiff(tmp_path / "a.tif", STACK, **options)), STACK)


def test_pages_that_were_written_one_by_one_are_all_there(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in STACK:
            file.write(plane, photometric="minisblack")
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), STACK)


def test_a_single_page_is_one_plane(tmp_path):
    np.testing.assert_array_equal(pixels(tiff(tmp_path / "a.tiff", PLANE)), PLANE[np.newaxis])


def test_a_window_of_a_compressed_tiff_is_that_window(tmp_path):
    level = open_file(tiff(tmp_path / "a.tif", STACK, compression="zlib")).levels[0]
    np.testing.assert_array_equal(level[1, 5:7, ::-10].values, STACK[1, 5:7, ::-10])


def test_the_levels_of_a_tiff_are_its_levels(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(PLANE, subifds=1, tile=(16, 16))
        file.write(PLANE[::2, ::2], subfiletype=1, tile=(16, 16))
    opened = open_file(tmp_path / "a.tif")
    assert [level.shape for level in opened.levels] == [(1, 30, 40), (1, 15, 20)]
    np.testing.assert_array_equal(opened.levels[1].values[0], PLANE[::2, ::2])


def test_colour_in_a_tiff_stays_colour(tmp_path):
    np.testing.assert_array_equal(pixels(tiff(tmp_path / "a.tif", COLOUR, photometric="rgb"))[0], COLOUR)


def test_the_pixel_size_comes_from_imagej(tmp_path):
    metadata = {"unit": "um", "spacing": 0.02, "axes": "ZYX"}
    path = tiff(tmp_path / "a.tif", STACK, imagej=True, resolution=(250, 200), metadata=metadata)
    calibration = open_file(path).calibration
    assert calibration.pixel_size_nm == pytest.approx((20.0, 5.0, 4.0))
    assert calibration.source == "ImageJ"


def test_the_pixel_size_comes_from_ome(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 4.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.005}
    calibration = open_file(tiff(tmp_path / "a.ome.tif", STACK, metadata=metadata)).calibration
    assert calibration.pixel_size_nm == pytest.approx((None, 5.0, 4.0))
    assert calibration.source == "OME-TIFF"


def test_the_pixel_size_comes_from_an_fei_header(tmp_path):
    header = b"[Scan]\r\nPixelWidth=4.2e-009\r\nPixelHeight=4.3e-009\r\n\0"
    path = tiff(tmp_path / "a.tif", PLANE, extratags=[(34682, 2, len(header), header, True)], metadata=None)
    assert open_file(path).calibration.pixel_size_nm == pytest.approx((None, 4.3, 4.2))


def test_a_printing_resolution_is_no_pixel_size(tmp_path):
    path = tiff(tmp_path / "a.tif", PLANE, resolution=(300, 300), resolutionunit="INCH")
    assert open_file(path).calibration.pixel_size_nm is None


# Other formats


@pytest.mark.parametrize("array", [PLANE.astype(np.uint8), PLANE, COLOUR], ids=["8 bits", "16 bits", "colour"])
def test_a_png_opens_as_one_plane(tmp_path, array):
    Image.fromarray(array).save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), array[np.newaxis])


@pytest.mark.parametrize(
    ("mode", "shape"), [("1", (1, 4, 5)), ("P", (1, 4, 5, 3)), ("LA", (1, 4, 5)), ("RGBA", (1, 4, 5, 4))]
)
def test_every_kind_of_png_opens(tmp_path, mode, shape):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png").shape == shape


def test_a_jpeg_opens_as_colour(tmp_path):
    Image.fromarray(np.full((4, 5, 3), 200, np.uint8)).save(tmp_path / "a.JPG")
    assert abs(int(pixels(tmp_path / "a.JPG").max()) - 200) < 3


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
        ".tif": lambda: tiff(path, STACK),
        ".png": lambda: Image.fromarray(PLANE).save(path),
        ".npy": lambda: np.save(path, STACK),
    }[suffix]()
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UnreadableError, match=path.name):
        open_file(path)


def test_a_damaged_page_does_not_take_the_others_with_it(tmp_path):
    path = tiff(tmp_path / "a.tif", STACK, compression="zlib")
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    level = open_file(path).levels[0]
    with pytest.raises(UnreadableError, match=r"a\.tif"):
        level[2].load()
    np.testing.assert_array_equal(level[0].values, STACK[0])


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
