"""A volume: any window of any level, stored or not, and the range of its grey values."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_app.errors import UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.tiled_folders import register_folder
from seg_app.io.tiled_server import EmbeddedTiled
from seg_app.models.grey import to_uint8
from seg_app.models.opening import open_volume
from seg_app.models.volume import Volume
from seg_app.records import ImageId, Window

# Each pixel says where it is: row * 1000 + column.
PLACES = np.arange(21)[:, np.newaxis] * 1000 + np.arange(30)
STACK = np.stack([PLACES, PLACES + 1_000_000]).astype(np.int32)
COLOUR = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


@pytest.fixture
def volume():
    return Volume.from_array(STACK, name="stack")


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    """An OME-Zarr folder with the levels 1100, 550 and 275, of which only those are even means of the first."""
    path = tmp_path_factory.mktemp("volume") / "pyramid.zarr"
    ome_zarr.write(path, np.add.outer(np.arange(1100), np.zeros(60)).astype(np.float32)[np.newaxis])
    return path


def test_a_volume_knows_its_size(volume):
    assert (volume.n_planes, volume.height, volume.width) == volume.shape == (2, 21, 30)
    assert (volume.dtype, volume.is_rgb, volume.pixel_size_nm) == (np.int32, False, None)


def test_a_volume_says_which_image_it_is(volume):
    assert volume.image == ImageId("local", "stack", (2, 21, 30), "int32")


def test_a_window_of_the_full_resolution_is_those_pixels(volume):
    np.testing.assert_array_equal(volume.read(1, Window(0, 3, 5, 9, 30)), STACK[1, 3:9, 5:30])


def test_a_level_that_is_not_stored_takes_pixels_from_the_middle(volume):
    # Pixel (1, 2) of level 2 stands for rows 4 to 7 and columns 8 to 11.
    assert volume.read(0, Window(2, 1, 2, 2, 3)).tolist() == [[6010]]


def test_the_last_pixel_of_a_level_may_stand_for_less_than_the_others(volume):
    # Rows 20 and columns 28, 29 are left for the last pixel of level 2; the middle of what it stands for is outside.
    assert volume.read(0, Window(2, 5, 7, 6, 8)).tolist() == [[20029]]


@pytest.mark.parametrize("level", range(6))
def test_a_whole_level_has_the_shape_of_the_level(volume, level):
    rows, columns = volume.level_shape(level)
    assert volume.read(0, Window(level, 0, 0, rows, columns)).shape == (rows, columns)


@given(st.data())
def test_every_window_has_its_own_shape_and_shows_what_is_near(data):
    volume = Volume.from_array(STACK)
    level = data.draw(st.integers(0, 5))
    rows, columns = volume.level_shape(level)
    y0, x0 = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, rows)), data.draw(st.integers(x0 + 1, columns))
    pixels = volume.read(0, Window(level, y0, x0, y1, x1))
    assert pixels.shape == (y1 - y0, x1 - x0)
    centres = (np.arange(y0, y1) + 0.5) * 2**level - 0.5
    assert (np.abs(pixels[:, 0] // 1000 - centres) <= 2**level).all()


def test_a_stored_level_is_used(pyramid):
    volume = Volume.from_file(pyramid)
    assert [level.shape[1] for level in volume.levels] == [1100, 550, 275]
    assert volume.read(0, Window(1, 10, 0, 12, 1)).tolist() == [[20.5], [22.5]]


def test_the_coarsest_finer_level_stands_in_for_one_that_is_not_stored(pyramid):
    # Row 1 of level 4 stands for rows 4 to 7 of the stored level 2; row 6 of these is the mean of rows 24 to 27.
    assert Volume.from_file(pyramid).read(0, Window(4, 1, 0, 2, 1)).tolist() == [[25.5]]


@pytest.mark.parametrize(("longest", "levels"), [(64, 1), (512, 1), (600, 1), (1024, 2), (2048, 3), (24_576, 7)])
def test_the_coarsest_level_is_about_512_pixels_long(longest, levels):
    assert Volume.from_array(np.broadcast_to(np.uint8(0), (3, longest))).n_levels == levels


@pytest.mark.parametrize(
    ("z", "window"),
    [
        (2, Window(0, 0, 0, 1, 1)),
        (-1, Window(0, 0, 0, 1, 1)),
        (0, Window(0, 0, 0, 22, 1)),
        (0, Window(0, -1, 0, 1, 1)),
        (0, Window(1, 0, 0, 1, 16)),
        (0, Window(0, 4, 0, 4, 1)),
        (0, Window(-1, 0, 0, 1, 1)),
    ],
)
def test_what_is_outside_cannot_be_read(volume, z, window):
    with pytest.raises(ValueError, match=r"no plane|Clip it"):
        volume.read(z, window)


@pytest.mark.parametrize("suffix", ["", ".npy"])
def test_an_array_or_a_path_opens_as_a_volume(tmp_path, suffix):
    np.save(tmp_path / "a.npy", STACK)
    assert open_volume(str(tmp_path / "a.npy") if suffix else STACK).shape == (2, 21, 30)


# Colour


def test_a_window_in_colour_keeps_its_colours():
    volume = Volume.from_array(COLOUR)
    assert (volume.is_rgb, volume.shape) == (True, (1, 6, 8))
    np.testing.assert_array_equal(volume.read(0, Window(0, 1, 2, 3, 4)), COLOUR[1:3, 2:4])


def test_colour_is_shown_as_it_is():
    volume = Volume.from_array(COLOUR)
    assert volume.percentiles() == volume.data_range() == (0, 255)


# Contrast


def test_percentiles_leave_out_the_rare_extremes():
    grey = np.full((100, 100), 50.0)
    grey[:50] = 10
    grey[0, 0], grey[99, 99] = -1e6, 1e6
    assert Volume.from_array(grey).percentiles() == (10, 50)


def test_what_is_not_a_number_does_not_count():
    assert Volume.from_array(np.array([[np.nan, 3.0], [np.inf, 5.0]])).percentiles(low=0, high=100) == (3, 5)


def test_a_plane_without_any_number_has_a_range():
    assert Volume.from_array(np.full((2, 2), np.nan)).percentiles() == (0, 1)


@pytest.mark.parametrize("value", [0, 255, -7.5, 1e30])
def test_a_constant_image_has_a_range(value):
    low, high = Volume.from_array(np.full((2, 2), value)).percentiles()
    assert low == value < high


def test_planes_all_along_the_volume_are_sampled():
    stack = np.arange(100)[:, np.newaxis, np.newaxis] + np.zeros((2, 2))
    assert Volume.from_array(stack).percentiles(low=0, high=100) == (0, 99)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.array([[13, 242]], np.uint8), (10, 250)),
        (np.array([[0, 255]], np.uint8), (0, 255)),
        (np.array([[1234, 60123]], np.uint16), (1000, 61000)),
        (np.array([[255, 255]], np.uint8), (255, 256)),
        (np.array([[-0.123, 0.456]]), (-0.13, 0.46)),
    ],
)
def test_the_data_range_is_rounded_outwards_but_stays_a_range_of_the_dtype(values, wanted):
    assert Volume.from_array(values).data_range() == pytest.approx(wanted)


def test_limits_become_black_and_white():
    assert to_uint8(np.array([[100, 150, 200]], np.uint16), (100, 200)).tolist() == [[0, 128, 255]]


def test_what_is_outside_of_the_limits_is_clipped():
    assert to_uint8(np.array([[-1e9, 0, 1, 1e9, np.inf, -np.inf]]), (0, 1)).tolist() == [[0, 0, 255, 255, 255, 0]]


def test_what_is_not_a_number_is_black():
    assert to_uint8(np.array([[np.nan, 1.0]]), (0, 1)).tolist() == [[0, 255]]


def test_large_integers_are_told_apart():
    assert to_uint8(np.array([[2**31, 2**31 + 1]], np.uint32), (2**31, 2**31 + 1)).tolist() == [[0, 255]]


def test_a_boolean_image_is_black_and_white():
    assert to_uint8(np.array([[False, True]]), (0, 1)).tolist() == [[0, 255]]


def test_a_boolean_volume_has_a_range():
    volume = Volume.from_array(STACK % 2 == 1)
    assert (volume.dtype, volume.percentiles(), volume.data_range()) == (np.uint8, (0, 1), (0, 1))


def test_grey_can_be_given_as_colour():
    assert to_uint8(np.array([[7]], np.uint8), (0, 255), rgb=True).tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("rgb", [False, True])
def test_opacity_is_left_out(rgb):
    assert to_uint8(np.full((2, 3, 4), 9, np.uint8), (0, 255), rgb=rgb).shape == (2, 3, 3)


def test_the_result_may_be_written_to_without_changing_the_image():
    pixels = np.zeros((2, 2), np.uint8)
    to_uint8(pixels, (0, 255))[:] = 1
    assert not pixels.any()


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), (float("nan"), 1)])
def test_limits_must_be_in_order(limits):
    with pytest.raises(ValueError, match="must be below"):
        to_uint8(np.zeros((2, 2)), limits)


# On a server


@pytest.fixture(scope="module")
def source(tmp_path_factory, pyramid):
    broken = pyramid.with_name("broken.zarr")
    ome_zarr.write(broken, np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5))
    (broken / "0" / "c" / "1" / "0" / "0").write_bytes(b"garbage")
    server = EmbeddedTiled.start(tmp_path_factory.mktemp("tiled"), readable=[pyramid.parent])
    with closing(server.connect()) as source:
        register_folder(source, pyramid.parent)
        yield source
    server.stop()


def test_a_volume_on_a_server_is_the_volume_in_the_folder(source, pyramid):
    here, there = Volume.from_file(pyramid), Volume.from_tiled(source, "samples/pyramid")
    window = Window(1, 100, 5, 200, 25)
    np.testing.assert_array_equal(there.read(0, window), here.read(0, window))


def test_an_address_opens_as_a_volume(source):
    volume = open_volume(f"{source.uri}/api/v1/metadata/samples/pyramid", api_key=source.client.context.api_key)
    assert volume.image.path == "samples/pyramid"


def test_several_windows_can_be_read_at_once(source):
    volume = Volume.from_tiled(source, "samples/pyramid")
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda y: volume.read(0, Window(0, y, 0, y + 1, 1)).item(), range(30)))
    assert rows == list(range(30))


def test_a_damaged_plane_is_unreadable_and_the_next_one_is_not(source):
    volume = Volume.from_tiled(source, "samples/broken")
    with pytest.raises(UnreadableError, match="broken"):
        volume.read(1, Window(0, 0, 0, 4, 5))
    assert volume.read(2, Window(0, 0, 0, 1, 2)).tolist() == [[40, 41]]


def test_a_damaged_plane_does_not_hinder_the_contrast(source):
    assert Volume.from_tiled(source, "samples/broken").percentiles(low=0, high=100) == (0, 59)


def test_one_of_several_images_of_a_file_is_opened_by_its_name(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"], file["two"] = np.zeros((4, 5, 6)), np.ones((2, 5, 6))
    assert open_volume(tmp_path / "a.h5", part="two").shape == (2, 5, 6)


def test_the_contrast_of_a_large_plane_without_levels_is_that_of_scattered_windows():
    pixels = np.random.default_rng(0).normal(100, 10, (1, 3000, 3000)).astype(np.float32)
    np.testing.assert_allclose(Volume.from_array(pixels).percentiles(), np.percentile(pixels, (0.5, 99.5)), rtol=0.01)


def test_every_sampled_plane_of_a_large_volume_counts_for_the_contrast():
    planes = np.broadcast_to(np.arange(9, dtype=np.uint8)[:, None, None], (9, 2100, 600))
    assert Volume.from_array(planes).percentiles(low=0, high=100) == (0, 8)
