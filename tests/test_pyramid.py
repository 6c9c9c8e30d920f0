"""The levels of large planes that are stored without: means, made once, kept, and made again where they are damaged."""

import threading

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from seg_app.io import pyramid
from seg_app.io.ome_zarr import half
from seg_app.io.pyramid import Workshop
from seg_app.models import Volume
from seg_app.records import Window
from seg_app.sam.diskcache import SUFFIX, DiskCache

NOISE = np.random.default_rng(0).integers(0, 256, (2, 2600, 2100), np.uint8)
WHOLE = {1: Window(1, 0, 0, 1300, 1050), 2: Window(2, 0, 0, 650, 525)}
"""The levels of the noise; it has two that are not stored."""


@pytest.fixture
def workshop(tmp_path):
    return Workshop(DiskCache(tmp_path / "levels", 10**9))


@pytest.fixture(autouse=True)
def _without_rests(monkeypatch):
    monkeypatch.setattr(pyramid.Pyramid, "_rest", lambda self, _: self._check())


class Counting:
    """An array that counts the pixels that are read from it."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype, self.ndim, self.read = pixels, pixels.shape, pixels.dtype, pixels.ndim, 0

    def __getitem__(self, key):
        part = self.pixels[key]
        self.read += part.size
        return part


def opened(pixels, workshop, *, name="noise"):
    """Return a volume of an array, and an event that is set when a plane has its levels."""
    volume, made = Volume.from_array(pixels, name=name), threading.Event()
    volume.param.watch(lambda _: made.set(), "sharpened")
    volume.make_levels(workshop)
    return volume, made


def made_levels(pixels, workshop, *, z=0):
    """Return a volume of which a plane has its levels."""
    volume, made = opened(pixels, workshop)
    rows, columns = volume.level_shape(1)
    volume.read(z, Window(1, rows - 1, columns - 1, rows, columns))
    assert made.wait(30)
    return volume


def tiles(workshop):
    return sorted(workshop.tiles._folder.glob(f"*{SUFFIX}"))


@pytest.fixture
def kept(workshop):
    """A workshop that has the levels of the first plane."""
    made_levels(NOISE, workshop)
    return workshop


def test_the_first_picture_is_every_other_pixel(workshop):
    volume, _ = opened(NOISE, workshop)
    np.testing.assert_array_equal(volume.read(0, WHOLE[1]), NOISE[0, 1::2, 1::2])


def test_levels_are_the_means_that_an_ome_zarr_image_has(workshop):
    volume, once = made_levels(NOISE, workshop), half(NOISE[:1])
    np.testing.assert_array_equal(volume.read(0, WHOLE[1]), once[0])
    np.testing.assert_array_equal(volume.read(0, WHOLE[2]), half(once)[0])


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_levels_have_the_type_of_the_image(workshop, dtype):
    pixels = NOISE[:1, :, :300].astype(dtype)
    np.testing.assert_array_equal(made_levels(pixels, workshop).read(0, Window(1, 0, 0, 1300, 150)), half(pixels)[0])


def test_levels_have_the_colours_of_the_image(workshop):
    colours = NOISE[0, :, :2100].reshape(2600, 700, 3)
    volume = made_levels(colours, workshop)
    np.testing.assert_array_equal(volume.read(0, Window(1, 1020, 0, 1030, 350)), half(colours[None])[0, 1020:1030])


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A volume of odd sizes with its levels, over a row and a column of tiles."""
    return made_levels(NOISE[:1, :2599, :2099], Workshop(DiskCache(tmp_path_factory.mktemp("odd"), 10**9)))


@hypothesis_settings(max_examples=25)
@given(st.data())
def test_every_window_is_a_part_of_its_level(odd, data):
    level = data.draw(st.integers(1, 2))
    rows, columns = odd.level_shape(level)
    y0, x0 = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, rows)), data.draw(st.integers(x0 + 1, columns))
    whole = odd.read(0, Window(level, 0, 0, rows, columns))
    np.testing.assert_array_equal(odd.read(0, Window(level, y0, x0, y1, x1)), whole[y0:y1, x0:x1])


def test_the_next_opening_has_the_levels_at_once_and_reads_three_rows(kept):
    pixels = Counting(NOISE)
    volume = Volume.from_array(pixels, name="noise")
    volume.make_levels(kept)
    np.testing.assert_array_equal(volume.read(0, WHOLE[1]), half(NOISE[:1])[0])
    assert pixels.read == 3 * 2100


def test_every_pixel_of_a_plane_is_read_once(workshop):
    pixels = Counting(NOISE)
    made_levels(pixels, workshop)
    # beside the first window, and the rows that tell whether it has changed
    assert pixels.read == 2600 * 2100 + 1 + 3 * 2100


def test_an_image_that_has_changed_has_other_levels(kept):
    changed = NOISE.copy()
    changed[0, 1300:] = 7
    volume, _ = opened(changed, kept)
    np.testing.assert_array_equal(volume.read(0, WHOLE[1]), changed[0, 1::2, 1::2])


def test_an_image_of_another_name_has_other_levels(kept):
    volume, _ = opened(NOISE, kept, name="other")
    np.testing.assert_array_equal(volume.read(0, WHOLE[1]), NOISE[0, 1::2, 1::2])


def test_another_plane_has_other_levels(kept):
    volume = made_levels(NOISE, kept, z=1)
    np.testing.assert_array_equal(volume.read(1, WHOLE[1]), half(NOISE[1:])[0])


@pytest.mark.parametrize("level", [1, 2])
def test_a_damaged_tile_is_made_again(kept, level):
    damaged = next(tile for tile in tiles(kept) if f"-{level}-" in tile.name)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])
    volume, made = opened(NOISE, kept)
    volume.read(0, WHOLE[level])
    assert made.wait(30)
    assert damaged.read_bytes()[: len(whole)] == whole


def test_what_is_kept_is_bounded(tmp_path):
    workshop = Workshop(DiskCache(tmp_path / "levels", 2_000_000))
    made_levels(NOISE, workshop)
    assert 0 < sum(tile.stat().st_size for tile in tiles(workshop)) <= 2_000_000


def test_a_disk_that_keeps_nothing_costs_a_few_readings_and_no_more(tmp_path):
    pixels = Counting(NOISE)
    volume, made = opened(pixels, Workshop(DiskCache(tmp_path / "levels", 1)))
    for _ in range(pyramid.MOST_TRIES):
        made.clear()
        volume.read(0, Window(1, 0, 0, 1, 1))
        assert made.wait(30)
    volume._pyramid.want(0, 1)
    assert volume._pyramid._thread is None
    np.testing.assert_array_equal(volume.read(0, WHOLE[1]), NOISE[0, 1::2, 1::2])


def test_a_closed_image_makes_no_levels(workshop):
    volume, _ = opened(NOISE, workshop)
    volume.close()
    volume.read(0, WHOLE[1])
    assert (volume._pyramid._thread, tiles(workshop)) == (None, [])


def test_looking_again_while_levels_are_made_makes_them_once(workshop):
    volume, _ = opened(NOISE, workshop)
    with workshop.turn:  # as while another image has its turn
        for _ in range(3):
            volume.read(0, WHOLE[1])
        thread = volume._pyramid._thread
    thread.join(30)
    assert volume.sharpened == 1


def test_of_the_planes_that_wait_only_the_last_gets_levels(workshop):
    volume, _ = opened(np.concatenate([NOISE, NOISE + 1]), workshop)
    with workshop.turn:  # as while another image has its turn
        for z in range(4):
            volume.read(z, WHOLE[2])
        thread = volume._pyramid._thread
    thread.join(30)
    made = [volume._pyramid.read(z, WHOLE[2]) is not None for z in range(4)]
    assert made[3]
    assert sum(made) <= 2  # the other one is what the thread met first


def test_closing_ends_what_is_being_made(workshop):
    volume, made = opened(NOISE, workshop)
    with workshop.turn:  # as while another image has its turn
        volume.read(0, WHOLE[1])
        thread = volume._pyramid._thread
        volume.close()
    thread.join(30)
    assert (made.is_set(), tiles(workshop)) == (False, [])


def test_what_was_begun_is_gone_on_with(workshop):
    plane = opened(NOISE, workshop)[0]._pyramid._plane(0)
    calls = iter([None, None, RuntimeError("closed")])

    def check():
        if error := next(calls):
            raise error

    with pytest.raises(RuntimeError):
        list(plane.make(check))
    pixels = Counting(NOISE)
    made_levels(pixels, workshop)
    assert pixels.read < 2600 * 2100


def test_a_plane_that_cannot_be_read_has_no_levels(workshop):
    class Broken(Counting):
        def __getitem__(self, key):
            raise OSError("the disk is gone")

    volume, _ = opened(Broken(NOISE), workshop)
    assert volume._pyramid.read(0, WHOLE[1]) is None


def test_small_images_and_stored_levels_need_no_levels(workshop):
    volume, _ = opened(NOISE[:, :2048, :2048], workshop)
    volume.read(0, Window(1, 0, 0, 1024, 1024))
    assert volume._pyramid._missing == frozenset()
    assert volume._pyramid._thread is None


def read_with_levels(volume, window):
    """Return a window of the first plane, from the levels that are made of it."""
    made = threading.Event()
    watcher = volume.param.watch(lambda _: made.set(), "sharpened")
    volume.read(0, window)
    assert made.wait(30)
    volume.param.unwatch(watcher)
    return volume.read(0, window)


def test_levels_that_are_made_at_another_time_are_found_when_the_image_is_opened_there(workshop):
    film = xr.DataArray(np.stack([NOISE, NOISE + 100]), dims=tuple("tzyx"))
    film[1, :, 325::975] = film[0, :, 325::975]  # the rows by which a plane is known
    volume = Volume.from_array(film, name="film")
    volume.make_levels(workshop)
    volume.become(volume.looked_at(t=1))
    later = read_with_levels(volume, WHOLE[2])
    for t, seen in ((1, later), (0, None)):
        anew = Volume.from_array(film, name="film").at(t=t)
        anew.make_levels(workshop)
        found = anew._pyramid.read(0, WHOLE[2])
        np.testing.assert_equal(found, seen)
