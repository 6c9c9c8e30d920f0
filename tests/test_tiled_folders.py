"""Folders on the embedded server: listed as they are now, read in parts, and what cannot be read says why."""

import errno
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from seg_app.errors import MissingError, UnreachableError, UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.readers import FORMATS
from seg_app.io.tiled_folders import Shown, register_folder, register_paths, shown_folders

STACK = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)


@pytest.fixture
def folder(embedded, request):
    """A folder of its own for each test."""
    folder = embedded[1] / request.node.name.replace("[", "_")[-40:]
    folder.mkdir()
    return folder


@pytest.fixture
def names(source, folder):
    """Return a function that lists the entries of the folder."""
    register_folder(source, folder)
    return lambda: [entry.name for entry in source.browse("samples")]


def tiff(path: Path, array=STACK, **options) -> Path:
    tifffile.imwrite(path, array, photometric="minisblack", **options)
    return path


# What is in a folder


def test_an_ome_zarr_image_is_listed_with_its_title_and_size(source, folder):
    planes = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    ome_zarr.write(folder / "tiny.zarr", planes, attributes={"title": "Tiny"})
    register_folder(source, folder)
    (entry,) = source.browse("samples")
    assert (entry.path, entry.title, entry.shape, entry.dtype) == ("samples/tiny", "Tiny", (2, 3, 4), "uint8")


def test_a_tiff_is_listed_and_opens(source, folder, names):
    tiff(folder / "stack.tif", compression="zlib")
    assert names() == ["stack.tif"]
    np.testing.assert_array_equal(source.open("samples/stack.tif").levels[0].values, STACK)


def test_a_tiff_with_levels_opens_with_its_levels_and_its_size(source, folder):
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=True) as file:
        size = {"axes": "YX", "PhysicalSizeX": 4.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.005}
        file.write(STACK[0], subifds=1, tile=(16, 16), metadata=size)
        file.write(STACK[0, ::2, ::2], subfiletype=1, tile=(16, 16))
    register_folder(source, folder)
    opened = source.open("samples/a.ome.tif")
    assert [level.shape for level in opened.levels] == [(1, 30, 40), (1, 15, 20)]
    assert opened.calibration.pixel_size_nm == pytest.approx((None, 5.0, 4.0))
    assert opened.calibration.source == "OME-TIFF"


def test_a_new_file_is_there_at_once(folder, names):
    assert names() == []
    tiff(folder / "new.tif")
    assert names() == ["new.tif"]


def test_a_file_that_was_written_anew_is_read_anew(source, folder, names):
    tiff(folder / "a.tif")
    assert names() == ["a.tif"]
    assert source.open("samples/a.tif").image.shape == (3, 30, 40)
    tiff(folder / "a.tif", STACK[:2])
    assert source.open("samples/a.tif").image.shape == (2, 30, 40)


def test_a_folder_in_a_folder_is_a_folder(source, folder):
    (folder / "inner").mkdir()
    tiff(folder / "inner" / "a.tif")
    register_folder(source, folder)
    assert [entry.kind for entry in source.browse("samples")] == ["folder"]
    assert source.open("samples/inner/a.tif").image.shape == (3, 30, 40)


def test_a_folder_of_more_than_one_page_of_entries_is_listed_completely(folder, names):
    for n in range(310):
        np.save(folder / f"{n}.npy", STACK[0, :2, :2])
    assert names() == [f"{n}.npy" for n in range(310)]


@pytest.mark.parametrize("name", ["a #1.tif", "100%.tif", "what?.tif", "<b>.tif", "[1] x.tif", "a..b.tif", "µ 中.tif"])
def test_a_name_is_no_obstacle(source, folder, name):
    tiff(folder / name)
    register_folder(source, folder)
    (entry,) = source.browse("samples")
    assert entry.title == name
    np.testing.assert_array_equal(source.open(entry.path).levels[0][1].values, STACK[1])


def test_what_cannot_be_read_says_why_and_does_not_stop_the_others(source, folder):
    register_folder(source, folder)
    tiff(folder / "good.tif")
    (folder / "bad.tif").write_bytes(b"no image")
    (folder / "empty.png").touch()
    entries = {entry.name: entry for entry in source.browse("samples")}
    assert [name for name in entries if not entries[name].problem] == ["good.tif"]
    assert "bad.tif: it is no TIFF file" in (entries["bad.tif"].problem or "")
    with pytest.raises(UnreadableError, match=r"empty\.png: it is empty"):
        source.open("samples/empty.png")


def test_a_damaged_plane_says_which_file_it_is_of(source, folder):
    path = tiff(folder / "a.tif", compression="zlib")
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    register_folder(source, folder)
    level = source.open("samples/a.tif").levels[0]
    with pytest.raises(UnreadableError, match=r"Cannot read a\.tif"):
        level[2].load()
    np.testing.assert_array_equal(level[0].values, STACK[0])


def test_a_plane_that_the_server_cannot_read_just_now_is_not_said_to_be_damaged(source, folder, too_many):
    tiff(folder / "a.tif", compression="zlib")
    register_folder(source, folder)
    level = source.open("samples/a.tif").levels[0]
    message = r"Cannot read a\.tif: .*Too many open files\. It may be whole"
    with too_many(), pytest.raises(UnreachableError, match=message):
        level[2].load()
    np.testing.assert_array_equal(level[2].values, STACK[2])


@pytest.fixture
def too_many(monkeypatch):
    """A block in which no TIFF can be opened, because too many files are open."""

    @contextmanager
    def block():
        with monkeypatch.context() as patch:
            patch.setattr(tifffile, "TiffFile", Mock(side_effect=OSError(errno.EMFILE, "Too many open files")))
            yield

    return block


def test_a_file_that_the_server_cannot_open_just_now_is_opened_the_next_time(source, folder, too_many):
    tiff(folder / "a.tif")
    register_folder(source, folder)
    with too_many():
        (entry,) = source.browse("samples")
        assert "Too many open files. It may be whole: try again." in entry.problem
    assert source.open("samples/a.tif").image.shape == STACK.shape
    assert source.browse("samples")[0].problem is None


def test_numbered_files_that_the_server_cannot_open_just_now_are_a_volume_the_next_time(source, folder, too_many):
    for n, plane in enumerate(STACK):
        tifffile.imwrite(folder / f"a_{n}.tif", plane)
    register_folder(source, folder)
    with too_many(), pytest.raises(UnreachableError, match="Too many open files"):
        source.browse("samples")
    (entry,) = source.browse("samples")
    opened = source.open(entry.path)
    assert (opened.image.shape, opened.metadata.get("damaged_files")) == (STACK.shape, None)


def test_a_folder_that_is_gone_says_so(source, folder):
    register_folder(source, folder)
    folder.rmdir()
    with pytest.raises(UnreadableError, match="Cannot look into"):
        source.browse("samples")


# Every format


def mrc(path):
    with mrcfile.new(path) as file:
        file.set_data(STACK)
        file.voxel_size = 20.0


def hdf5(path, names=("data",)):
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = STACK
            file[name].attrs["element_size_um"] = [0.01, 0.004, 0.002]


def grey(path):
    Image.fromarray((STACK[0] % 256).astype(np.uint8)).save(path)


def imagej(path):
    scale = {"spacing": 0.01, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(path, STACK, imagej=True, resolution=(500, 250), metadata=scale)


def sequence(path):
    for n in range(3):
        Image.fromarray(STACK[n]).save(path.with_name(f"s{n + 9}.png"))


SIZE_NM = (10, 4, 2)
FILES = {
    **dict.fromkeys(("a.mrc", "a.rec", "a.st", "a.ali"), (mrc, (2, 2, 2))),
    **dict.fromkeys(("a.h5", "a.hdf5", "a.hdf", "a.nxs"), (hdf5, SIZE_NM)),
    **dict.fromkeys(("a.tif", "a.tiff"), (imagej, SIZE_NM)),
    **dict.fromkeys(("a.png", "a.jpg", "a.jpeg"), (grey, None)),
    "a.npy": (partial(np.save, arr=STACK), None),
    "v2.zarr": (partial(zarr.create_array, data=STACK, zarr_format=2), None),
    "v3.zarr": (partial(zarr.create_array, data=STACK, zarr_format=3), None),
    "ome.zarr": (partial(ome_zarr.write, planes=STACK, pixel_size_nm=SIZE_NM), SIZE_NM),
    "s*.png": (sequence, None),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_every_format_is_on_tiled_what_it_is_here(source, folder, name):
    write, size_nm = FILES[name]
    write(folder / name)
    register_folder(source, folder)
    (entry,) = source.browse("samples")
    opened = source.open(entry.path)
    expected = np.asarray(Image.open(folder / name))[np.newaxis] if write is grey else STACK
    assert entry.kind == "image"
    assert opened.image.shape == expected.shape
    assert opened.calibration.pixel_size_nm == (pytest.approx(size_nm) if size_nm else None)
    np.testing.assert_array_equal(opened.levels[0].values, expected)


def test_no_format_is_left_out():
    assert {Path(name).suffix for name in FILES} == FORMATS.keys()


def test_a_file_of_two_images_is_a_folder_of_them(source, folder):
    hdf5(folder / "two.h5", names=("one", "deep/two"))
    register_folder(source, folder)
    assert [(entry.path, entry.kind) for entry in source.browse("samples")] == [("samples/two.h5", "folder")]
    assert [entry.title for entry in source.browse("samples/two.h5")] == ["deep/two", "one"]
    for entry in source.browse("samples/two.h5"):
        opened = source.open(entry.path)
        assert opened.calibration.pixel_size_nm == pytest.approx(SIZE_NM)
        np.testing.assert_array_equal(opened.levels[0].values, STACK)


# Which folders


def test_a_folder_that_has_moved_is_shown_from_there(source, folder):
    tiff(folder / "a.tif")
    register_folder(source, folder)
    register_folder(source, folder.rename(folder.with_name("elsewhere")))
    assert source.open("samples/a.tif").image.shape == (3, 30, 40)


def test_a_folder_outside_of_those_that_may_be_read_is_not_served(source, tmp_path):
    register_folder(source, tmp_path)
    with pytest.raises(UnreadableError, match="not served"):
        source.browse("samples")


def test_data_written_under_the_name_of_a_folder_are_kept(source, folder, caplog):
    source.client.create_container("samples").write_array(np.zeros((2, 3)), key="tiny")
    register_folder(source, folder)
    assert "other data of that name" in caplog.text
    assert [entry.name for entry in source.browse("samples")] == ["tiny"]


def test_a_container_of_an_older_version_gives_way(source, folder):
    source.client.create_container("samples")
    tiff(folder / "a.tif")
    register_folder(source, folder)
    assert [entry.name for entry in source.browse("samples")] == ["a.tif"]


def test_files_that_were_named_are_shown_before_the_samples_and_alone(source, folder):
    for name in "abc":
        tiff(folder / f"{name}.tif")
    register_folder(source, folder)
    register_paths(source, shown_folders([folder / "c.tif", folder / "a.tif"]))
    first, samples = source.browse("")
    assert (first.title, samples.title) == (folder.name, "samples")
    assert [entry.title for entry in source.browse(first.path)] == ["a.tif", "c.tif"]


def test_what_was_named_another_time_is_forgotten_and_its_files_are_not(source, folder):
    path = tiff(folder / "a.tif")
    register_paths(source, shown_folders([path]))
    register_paths(source, [])
    assert source.browse("") == []
    assert path.exists()


def test_two_folders_of_one_name_are_two(tmp_path):
    first, second = Shown(tmp_path / "a" / "run"), Shown(tmp_path / "b" / "run")
    assert first.key != second.key
    assert first.key.startswith("run-")


def test_a_folder_that_is_named_shows_all_its_files(tmp_path):
    path = tiff(tmp_path / "a.tif")
    assert shown_folders([path, tmp_path]) == [Shown(tmp_path)]


def test_a_zarr_folder_is_an_image(tmp_path):
    ome_zarr.write(tmp_path / "a.zarr", STACK)
    assert shown_folders([tmp_path / "a.zarr"]) == [Shown(tmp_path, ("a.zarr",))]


def test_a_path_that_leads_nowhere_is_missing(tmp_path):
    with pytest.raises(MissingError, match="Check the path"):
        shown_folders([tmp_path / "nothing"])
