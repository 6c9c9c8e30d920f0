"""TIFF: every layout opens as planes with their scale, also where pages differ, are lost or damaged."""

import re

import numpy as np
import pytest
import tifffile
from tiffs import pixels, tiff

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.files import open_file
from seg_app.io.readers import read_parts
from seg_app.io.tiff import MISSING, tiff_parts

STACK = np.arange(4 * 30 * 40, dtype=np.uint16).reshape(4, 30, 40)
PLANE = STACK[0]
COLOUR = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


@pytest.fixture
def mixed(path):
    """Pages written one by one: two of 40 × 30, a small one, a third of 40 × 30."""
    with tifffile.TiffWriter(path) as file:
        for plane in (STACK[0], STACK[1], STACK[2, :5, :6], STACK[3]):
            file.write(plane, photometric="minisblack", compression="zlib")
    return path


def test_pages_of_one_size_are_a_volume_and_the_others_are_told(mixed):
    opened = open_file(mixed)
    np.testing.assert_array_equal(opened.levels[0].values, STACK[[0, 1, 3]])
    assert opened.metadata["other_images"] == ["6 × 5 uint16"]


def test_the_others_can_be_opened_by_their_names(mixed):
    assert tiff_parts(mixed) == ["40 × 30 uint16", "6 × 5 uint16"]
    np.testing.assert_array_equal(open_file(mixed, part="6 × 5 uint16").levels[0].values[0], STACK[2, :5, :6])
    with pytest.raises(MissingError, match="no image '7 × 7'"):
        open_file(mixed, part="7 × 7")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "predictor": True}, {"byteorder": ">", "tile": (16, 16)}]
)
def test_every_type_is_read_exactly(path, dtype, options):
    tifffile.imwrite(path, STACK.astype(dtype), photometric="minisblack", **options)
    level = open_file(path).levels[0]
    assert (level.dtype, level.dtype.isnative) == (np.dtype(dtype), True)
    np.testing.assert_array_equal(level.values, STACK.astype(dtype))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_are_read_however_they_are_stored(path, planar):
    colour = np.arange(30 * 40 * 3, dtype=np.uint8).reshape(30, 40, 3)
    stored = colour if planar == "contig" else colour.transpose(2, 0, 1)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, compression="zlib")
    np.testing.assert_array_equal(open_file(path).levels[0].values[0], colour)


def test_colour_pages_that_were_written_one_by_one_are_planes(path):
    colour = np.arange(2 * 30 * 40 * 3, dtype=np.uint8).reshape(2, 30, 40, 3)
    with tifffile.TiffWriter(path) as file:
        for plane in colour:
            file.write(plane, photometric="rgb", compression="zlib")
    np.testing.assert_array_equal(open_file(path).levels[0].values, colour)


def test_a_window_of_a_plane_reads_only_that_plane(path):
    tifffile.imwrite(path, STACK, photometric="minisblack", compression="zlib")
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        start, size = tif.pages[1].dataoffsets[0], tif.pages[1].databytecounts[0]
    path.write_bytes(whole[:start] + bytes(size) + whole[start + size :])
    level = open_file(path).levels[0]
    np.testing.assert_array_equal(level[3, 5:7, ::-10].values, STACK[3, 5:7, ::-10])
    np.testing.assert_array_equal(level[0].values, STACK[0])


def test_pages_that_are_lost_are_told(path):
    tifffile.imwrite(path, STACK, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as tif:
        second = tif.pages[1].offset
    whole = path.read_bytes()
    path.write_bytes(whole[:second] + bytes(500) + whole[second + 500 :])
    assert "failed to reshape" in " ".join(open_file(path).metadata["remarks"])


@pytest.mark.parametrize("is_big", [False, True])
def test_pages_that_go_in_a_circle_are_damage_and_no_reader_follows_them(path, is_big):
    tifffile.imwrite(path, STACK[0], compression="zlib", bigtiff=is_big, byteorder="<", metadata=None)
    data = bytearray(path.read_bytes())
    start, count, entry = (slice(8, 16), 8, 20) if is_big else (slice(4, 8), 2, 12)
    first = int.from_bytes(data[start], "little")
    last = first + count + entry * int.from_bytes(data[first : first + count], "little")
    data[last : last + start.stop - start.start] = data[start]
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match=r"a\.tif: its pages need more room than it has"):
        open_file(path)
    with pytest.raises(UnreadableError, match="more room"):
        read_parts(path)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "rowsperstrip": 7, "bigtiff": True},
        {"compression": "zlib", "metadata": None, "byteorder": ">"},
        {"compression": "zlib", "imagej": True},
        {"compression": "zstd", "tile": (16, 16)},
        {"compression": "zlib", "ome": True},
        {"metadata": None},
        {"imagej": True},
    ],
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
def test_of_what_was_not_copied_to_its_end_whole_planes_are_shown_and_the_rest_is_said(path, options, share):
    whole = tiff(path, STACK, **options).read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    try:
        image = open_file(path)
    except UnreadableError as error:  # the first page says of no others, or is cut off itself
        told = str(error)
    else:
        told = "" if whole_planes(image) == len(STACK) else image.metadata["remarks"][0]
    assert re.search("ends too early|damaged|^$", told)


def whole_planes(image) -> int:
    """Return how many planes of STACK are there, each pixel as it should be; the one after them says that it is not."""
    for z in range(image.levels[0].shape[0]):
        try:
            np.testing.assert_array_equal(image.levels[0][z].values, STACK[z])
        except UnreadableError:
            return z
    return image.levels[0].shape[0]


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "jpeg2000"}])
def test_planes_that_were_written_one_by_one_are_there_until_the_one_that_is_cut_off(path, options):
    with tifffile.TiffWriter(path) as file:
        for plane in STACK:
            file.write(plane, contiguous=False, photometric="minisblack", **options)
    path.write_bytes(path.read_bytes()[:-9])
    image = open_file(path)
    assert (image.levels[0].shape[0], whole_planes(image)) == (4, 3)
    assert image.metadata["remarks"] == [MISSING.format("4 planes, the last of which may be cut off")]


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}])
def test_of_a_stack_without_compression_whole_planes_are_there(path, options):
    whole = tiff(path, STACK, **options).read_bytes()
    path.write_bytes(whole[: -STACK[0].nbytes])
    image = open_file(path)
    assert whole_planes(image) == image.levels[0].shape[0] > 1
    assert image.metadata["remarks"] == [MISSING.format(f"{len(image.levels[0])} whole planes")]


def test_a_single_plane_that_is_cut_off_says_so(path):
    path.write_bytes(tiff(path, PLANE, compression="zlib").read_bytes()[:-9])
    with pytest.raises(UnreadableError, match="ends too early"):
        open_file(path)


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


def test_a_damaged_page_does_not_take_the_others_with_it(tmp_path):
    path = tiff(tmp_path / "a.tif", STACK, compression="zlib")
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    level = open_file(path).levels[0]
    with pytest.raises(UnreadableError, match=r"a\.tif"):
        level[3].load()
    np.testing.assert_array_equal(level[0].values, STACK[0])
