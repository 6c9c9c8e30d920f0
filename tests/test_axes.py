"""Further axes: times and channels of files and arrays, each an image of planes, of which only what is seen is read."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr

from seg_app.errors import UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.axes import names_of, path_at
from seg_app.io.files import open_array, open_file
from seg_app.io.levels import Stored, opened
from seg_app.io.tiled_folders import register_folder
from seg_app.models.volume import Volume
from seg_app.records import Window

# Each pixel says where it is: t, c, z, y, x are its digits.
FILM = np.add.outer(np.arange(2) * 10_000, np.arange(3) * 1000 + 10_000).astype(np.uint16)
FILM = FILM[..., None, None, None] + np.add.outer(
    np.arange(4) * 100, np.add.outer(np.arange(5) * 10, np.arange(6))
).astype(np.uint16)


def ome_tiff(path: Path) -> Path:
    names = {"axes": "TCZYX", "Channel": {"Name": ["BSE", "SE", "EDS"]}}
    tifffile.imwrite(path / "film.ome.tif", FILM, ome=True, photometric="minisblack", metadata=names)
    return path / "film.ome.tif"


def imagej(path: Path) -> Path:
    stored = FILM.transpose(0, 2, 1, 3, 4)  # its only order
    tifffile.imwrite(path / "film.tif", stored, imagej=True, photometric="minisblack", metadata={"axes": "TZCYX"})
    return path / "film.tif"


def ome_zarr_folder(path: Path) -> Path:
    group = zarr.open_group(path / "film.zarr", mode="w")
    group["0"], group["1"] = FILM, FILM[..., ::2, ::2]
    axes, datasets = [{"name": name} for name in "tczyx"], [{"path": "0"}, {"path": "1"}]
    channels = [{"label": name} for name in ("BSE", "SE", "EDS")]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": datasets}], "omero": {"channels": channels}}
    return path / "film.zarr"


@pytest.mark.parametrize("write", [ome_tiff, imagej, ome_zarr_folder])
def test_each_time_and_channel_of_a_file_is_a_volume(tmp_path, write):
    whole = open_file(write(tmp_path)).whole
    assert [(axis.name, axis.size) for axis in whole.axes if axis.name == "t"] == [("t", 2)]
    for t, c in ((0, 0), (1, 2)):
        np.testing.assert_array_equal(whole.at({"t": t, "c": c}).levels[0].values, FILM[t, c])


@pytest.mark.parametrize("write", [ome_tiff, ome_zarr_folder])
def test_channels_are_called_as_the_file_calls_them(tmp_path, write):
    labels = {axis.name: axis.labels for axis in open_file(write(tmp_path)).whole.axes}
    assert labels == {"t": (), "c": ("BSE", "SE", "EDS")}


def test_the_levels_of_a_film_are_levels_at_each_time(tmp_path):
    level = open_file(ome_zarr_folder(tmp_path)).whole.at({"t": 1}).levels[1]
    np.testing.assert_array_equal(level.values, FILM[1, 0, :, ::2, ::2])


def test_names_of_channels_in_an_imagej_file_are_taken(tmp_path):
    metadata = {"axes": "CYX", "Labels": ["BSE", "SE", "EDS"]}
    tifffile.imwrite(tmp_path / "a.tif", FILM[0, :, 0], imagej=True, photometric="minisblack", metadata=metadata)
    (axis,) = open_file(tmp_path / "a.tif").whole.axes
    assert (axis.title, axis.labels) == ("Channel", ("BSE", "SE", "EDS"))


def test_the_images_of_several_detectors_are_channels_of_one_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", FILM[0, :, 0], metadata={"axes": "CYX"}, compression="zlib")
    image = open_file(tmp_path / "a.ome.tif")
    assert image.image.shape == (1, 5, 6)
    np.testing.assert_array_equal(image.whole.at({"c": 2}).levels[0].values[0], FILM[0, 2, 0])


def test_a_film_of_micrographs_is_stepped_through_like_a_stack():
    image = open_array(xr.DataArray(FILM[:, :, 0], dims=("t", "c", "y", "x"), attrs={"pixel_size_nm": [9, 4, 4]}))
    assert (image.whole.planes, [axis.name for axis in image.whole.axes]) == ("t", ["c"])
    assert image.levels[0].dims == ("z", "y", "x")
    assert image.calibration.pixel_size_nm == (None, 4.0, 4.0)
    np.testing.assert_array_equal(image.whole.at({"c": 1}).levels[0].values, FILM[:, 1, 0])


@pytest.mark.parametrize("source", ["array", "npy", "h5"])
def test_the_first_axis_of_four_without_names_is_the_index(tmp_path, source):
    array, path = FILM[0], tmp_path / f"a.{source}"
    if source == "npy":
        np.save(path, array)
    elif source == "h5":
        with h5py.File(path, "w") as file:
            file["data"] = array
    image = open_array(array, name=str(path)) if source == "array" else open_file(path)
    assert [(axis.name, axis.title, axis.size) for axis in image.whole.axes] == [("index", "Index", 3)]
    np.testing.assert_array_equal(image.whole.at({"index": 2}).levels[0].values, array[2])


def test_coordinates_name_the_places_of_axes():
    image = open_array(xr.DataArray(FILM[0], dims=("channel", "z", "y", "x"), coords={"channel": ["a", "b", "c"]}))
    assert image.whole.axes[0].labels == ("a", "b", "c")


def test_eight_bit_channels_with_names_are_no_colours():
    grey = FILM[0].astype(np.uint8)
    colour = open_array(xr.DataArray(grey, dims=("c", "z", "y", "x")))
    named = open_array(xr.DataArray(grey, dims=("c", "z", "y", "x"), coords={"c": ["BSE", "SE", "EDS"]}))
    assert (colour.levels[0].ndim, colour.whole.axes) == (4, ())
    assert (named.levels[0].ndim, named.whole.axes[0].size) == (3, 3)


def test_only_the_window_that_is_looked_at_is_read():
    keys = []
    stored = Stored(FILM.shape, FILM.dtype, lambda key: keys.append(key) or FILM[key], ("t", "c", "z", "y", "x"))
    Volume.of(opened("local", "film", [stored], attributes={}).whole.at({"t": 1, "c": 2})).read(
        3, Window(0, 1, 2, 4, 5)
    )
    assert keys == [(slice(1, 2, 1), slice(2, 3, 1), slice(3, 4, 1), slice(1, 4, 1), slice(2, 5, 1))]


def test_a_volume_at_another_place_is_another_volume():
    volume = Volume.from_array(xr.DataArray(FILM, dims=tuple("tczyx")), name="film")
    later = volume.at(t=1)
    assert (volume.index, later.index) == ({"t": 0, "c": 0}, {"t": 1, "c": 0})
    assert later.at(c=2).read(3, Window(0, 4, 5, 5, 6)).tolist() == [[int(FILM[1, 2, 3, 4, 5])]]
    assert volume.read(0, Window(0, 0, 0, 1, 1)).tolist() == [[10_000]]


def test_a_volume_says_what_one_steps_through():
    film, stack = xr.DataArray(FILM[:, 0, 0], dims=tuple("tyx")), xr.DataArray(FILM[0, 0], dims=tuple("zyx"))
    assert (Volume.from_array(film).stepped, Volume.from_array(stack).stepped) == ("Time", "Plane")


def test_a_volume_that_grows_has_more_planes_and_those_it_had():
    volume = Volume.from_array(FILM[0, 0, :2], name="scan")
    assert volume.read(1, Window(0, 0, 0, 1, 1)).tolist() == [[10_100]]
    seen = []
    volume.param.watch(lambda event: seen.append(event.new.shape), "image")
    volume.grow(open_array(FILM[0, 0], name="scan"))
    assert seen == [(4, 5, 6)]
    assert [volume.read(z, Window(0, 0, 0, 1, 1)).item() for z in (1, 3)] == [10_100, 10_300]


def test_a_place_beyond_the_end_is_the_last_one():
    assert open_array(FILM[0]).whole.at({"index": 9, "other": 1}).index == {"index": 2}


def test_channels_are_one_image_and_times_are_several():
    whole = open_array(xr.DataArray(FILM, dims=tuple("tczyx")), name="lab/film.1.tif").whole
    paths = {(t, c): whole.at({"t": t, "c": c}).image.path for t in (0, 1) for c in (0, 1)}
    assert set(paths.values()) == {"lab/film.1.tif/film_1_t0", "lab/film.1.tif/film_1_t1"}
    assert paths[1, 0] == paths[1, 1]
    assert whole.at({"t": 1}).image.stem == "film_1_t1"


def test_an_image_without_further_axes_keeps_its_name():
    assert path_at("a/b.tif", "b", {"c": 1}) == path_at("a/b.tif", "b", {}) == "a/b.tif"


@pytest.mark.parametrize(
    ("names", "shape", "expected"),
    [
        (None, (5, 4, 3, 2), ("index", "z", "y", "x")),
        (None, (6, 5, 4, 3, 2), ("index", "index 2", "z", "y", "x")),
        (("time", "plane", "y", "x"), (5, 4, 3, 2), ("t", "z", "y", "x")),
        (("Angle", "Y", "X"), (4, 9, 9), ("angle", "y", "x")),
        (("c", "y", "x", "c"), (5, 4, 3, 2), ("index", "z", "y", "x")),
        (("dim_0", "dim_1"), (3, 2), ("y", "x")),
    ],
)
def test_every_axis_has_a_name(names, shape, expected):
    assert names_of(names, shape, np.dtype(np.uint16)) == expected


def test_numbered_files_of_several_channels_are_no_planes_of_a_volume(tmp_path):
    for n in range(3):
        tifffile.imwrite(tmp_path / f"a_{n}.ome.tif", FILM[0, :, 0], metadata={"axes": "CYX"})
    with pytest.raises(UnreadableError, match=r"It has: a_0\.ome\.tif"):
        open_file(tmp_path)


@pytest.mark.parametrize("write", [ome_tiff, ome_zarr_folder])
def test_the_embedded_server_has_all_axes_of_a_file(source, embedded, tmp_path, write):
    folder = embedded[1] / tmp_path.name
    folder.mkdir()
    write(folder)
    register_folder(source, folder)
    (entry,) = source.browse("samples")
    assert entry.shape == FILM.shape
    whole = source.open(entry.path).whole
    assert [(axis.name, axis.size, axis.labels) for axis in whole.axes] == [
        ("t", 2, ()),
        ("c", 3, ("BSE", "SE", "EDS")),
    ]
    np.testing.assert_array_equal(whole.at({"t": 1, "c": 2}).levels[0].values, FILM[1, 2])


def test_the_size_of_a_voxel_is_found_among_five_axes(tmp_path):
    path = ome_zarr_folder(tmp_path)
    group = zarr.open_group(path)
    multiscales = dict(group.attrs["ome"])  # pyright: ignore[reportArgumentType, reportCallIssue]
    first = multiscales["multiscales"][0]
    first["axes"] = [{"name": n, **({"unit": "nanometer"} if n in "zyx" else {})} for n in "tczyx"]
    first["datasets"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [1, 1, 30, 5, 4]}]
    group.attrs["ome"] = multiscales
    assert ome_zarr.read_scale_nm(dict(group.attrs)) == open_file(path).calibration.pixel_size_nm == (30.0, 5.0, 4.0)
