"""A lab's Tiled with its own readers: what stands for an image there opens, and what does not says why."""

import asyncio

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr
from tiled.client.register import register
from tiled.client.xarray import write_xarray_dataset

from seg_app.errors import UnreadableError
from seg_app.io import ome_zarr

STACK = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)
LARGE = np.arange(2 * 520 * 700, dtype=np.uint16).reshape(2, 520, 700)


@pytest.fixture(scope="module")
def lab(embedded):
    """The source of a server that was filled as labs do it: by Tiled's own registration and its own client."""
    source, folder = embedded
    files = folder / "files"
    files.mkdir()
    write_tomograms(files)
    write_ome_zarr(files)
    write_sequences(files)
    tifffile.imwrite(files / "per%cent.tif", STACK[0], photometric="minisblack")
    asyncio.run(register(source.client, files))
    write_containers(source.client)
    write_datasets(source.client.create_container("datasets"))
    return source


def write_tomograms(files):
    with h5py.File(files / "tomogram.h5", "w") as file:
        file["entry/data/data"], file["entry/instrument/flats"] = STACK, STACK[:1]
    with h5py.File(files / "named.h5", "w") as file:
        file["scan/flats"], file["scan/plot/counts"] = STACK[:1], STACK
        file.attrs["default"], file["scan"].attrs["default"] = "scan", "plot"
        plot = file.require_group("scan/plot")
        plot.attrs["signal"], plot.attrs["axes"] = "counts", ["z", "y", "x"]
        for name, size, step_um in zip("zyx", STACK.shape, (2, 0.5, 0.25), strict=True):
            plot[name] = np.arange(size) * step_um
            plot[name].attrs["units"] = "um"
    with h5py.File(files / "several.h5", "w") as file:
        file["one"], file["two"] = STACK, STACK[:2]


def write_ome_zarr(files):
    ome_zarr.write(files / "five.zarr", LARGE, pixel_size_nm=(20.0, 4.0, 4.0))
    group = zarr.create_group(files / "four.zarr", zarr_format=2)
    scales = {"0": [0.02, 0.004, 0.004], "1": [0.02, 0.008, 0.008]}
    for name, level in {"0": LARGE, "1": LARGE[:, ::2, ::2]}.items():
        group.create_array(name, data=level, chunks=(1, 256, 256), chunk_key_encoding={"name": "v2", "separator": "/"})
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    datasets = [
        {"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for name, scale in scales.items()
    ]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


def write_sequences(files):
    """Write three volumes of files: one in order, one with numbers without zeros, one of pixels of two types."""
    for name, numbers in {"good": range(3), "unpadded": range(8, 12), "mixed": range(3)}.items():
        (files / name).mkdir()
        for n in numbers:
            dtype = np.uint16 if (name, n) == ("mixed", 1) else np.uint8
            tifffile.imwrite(files / name / f"s{n}.tif", np.full((64, 96), 1000 if dtype == np.uint16 else n, dtype))


def write_containers(client):
    client.write_array(np.arange(4 * 5 * 4, dtype=np.uint8).reshape(4, 5, 4), key="rgba")
    client.write_array(np.array(3.0), key="number")
    one = client.create_container("one", metadata={"sample": "steel"})
    one.write_array(STACK, key="scan", metadata={"pixel_size_nm": [8, 4, 4]})
    one.write_array(np.zeros(7), key="dark current")
    none = client.create_container("none")
    none.write_array(np.zeros(7), key="line")
    tomogram = client.create_container("by spec", specs=["NXtomoproc"])
    tomogram.create_container("entry").create_container("data").write_array(STACK, key="data")


def write_datasets(client):
    units, uneven = {"units": "µm"}, np.array([0.0, 1, 3, *range(4, 41)])[:40]
    coords = {"z": [0, 1, 2], "y": ("y", np.arange(30) * 0.002, units), "x": ("x", np.arange(40) * 0.001, units)}
    shade = ("y", "x"), np.ones((30, 40))
    image = ("z", "y", "x"), STACK, {"detector": "BSE"}
    datasets = {
        "even": xr.Dataset({"image": image}, coords | {"shade": shade}, {"sample": "steel"}),
        "uneven": xr.Dataset({"image": image}, coords | {"x": ("x", uneven, units)}),
        "several": xr.Dataset({"bse": image, "se": image}, coords),
    }
    for name, dataset in datasets.items():
        write_xarray_dataset(client, dataset, key=name)


@pytest.fixture
def requests(lab):
    """The requests that the source sends from now on."""
    sent, hooks = [], lab.client.context.http_client.event_hooks
    lab.client.context.http_client.event_hooks = {**hooks, "request": [*hooks["request"], sent.append]}
    yield sent
    lab.client.context.http_client.event_hooks = hooks


def kinds(source, path):
    return {entry.name: entry.kind for entry in source.browse(path)}


# OME-Zarr, as Tiled itself registers it


@pytest.mark.parametrize("name", ["four", "five"])
def test_an_ome_zarr_image_opens_with_its_levels_and_its_scale(lab, name):
    opened = lab.open(name)
    assert kinds(lab, "")[name] == "image"
    assert [level.shape for level in opened.levels] == [(2, 520, 700), (2, 260, 350)]
    assert opened.calibration.pixel_size_nm == pytest.approx((20, 4, 4))
    np.testing.assert_array_equal(opened.levels[0][1, 500:, 600:].values, LARGE[1, 500:, 600:])


@pytest.mark.parametrize("name", ["four", "five"])
def test_a_window_of_an_ome_zarr_image_is_one_request(lab, requests, name):
    level = lab.open(name).levels[1]
    del requests[:]
    assert level[0, 10:20, 300:].shape == (10, 50)
    level[0, 10:20, 300:].load()
    assert [request.url.params["slice"] for request in requests] == ["0:1:1,10:20:1,300:350:1"]


# Containers with one array


def test_a_container_with_one_array_of_planes_stands_for_it(lab):
    opened = lab.open("one")
    assert opened.image.path == "one/scan"
    assert opened.metadata == {"sample": "steel"}
    assert opened.calibration.pixel_size_nm == (8, 4, 4)
    np.testing.assert_array_equal(opened.levels[0].values, STACK)


@pytest.mark.parametrize(("path", "reason"), [("none", "a container of none"), ("several", "of several: one, two")])
def test_a_container_that_stands_for_no_image_says_what_is_in_it(lab, path, reason):
    with pytest.raises(UnreadableError, match=f"{reason}. Choose an array"):
        lab.open(path)


# NeXus


@pytest.mark.parametrize(
    "path", ["tomogram", "tomogram/entry/data", "by spec", "named", "named/scan", "named/scan/plot"]
)
def test_the_volume_of_a_nexus_tree_is_opened(lab, path):
    np.testing.assert_array_equal(lab.open(path).levels[0].values, STACK)


@pytest.mark.parametrize("path", ["named", "named/scan/plot/counts"])
def test_the_axes_of_nexus_tell_the_size_of_a_pixel(lab, path):
    calibration = lab.open(path).calibration
    assert calibration.pixel_size_nm == pytest.approx((2000, 500, 250))
    assert calibration.source == "NeXus axes"


def test_a_tomogram_is_shown_as_an_image_where_its_spec_says_that_it_is_one(lab):
    assert kinds(lab, "")["by spec"] == "image"
    assert kinds(lab, "")["tomogram"] == "folder"


# xarray


def test_a_dataset_with_one_image_stands_for_it(lab):
    opened = lab.open("datasets/even")
    assert opened.image.path == "datasets/even/image"
    assert opened.metadata == {"sample": "steel", "detector": "BSE"}
    np.testing.assert_array_equal(opened.levels[0].values, STACK)


@pytest.mark.parametrize("path", ["datasets/even", "datasets/even/image", "datasets/several/se"])
def test_the_step_of_coordinates_is_the_size_of_a_pixel(lab, path):
    calibration = lab.open(path).calibration
    assert calibration.pixel_size_nm == (None, pytest.approx(2), pytest.approx(1))
    assert calibration.source == "xarray coordinates"


def test_coordinates_that_are_not_even_tell_no_size(lab):
    assert lab.open("datasets/uneven").calibration.pixel_size_nm is None


def test_coordinates_are_no_images(lab):
    assert kinds(lab, "datasets/even") == {"image": "image"}


def test_the_images_of_a_dataset_with_several_are_listed(lab):
    assert kinds(lab, "datasets/several") == {"bse": "image", "se": "image"}
    with pytest.raises(UnreadableError, match="several: bse, se"):
        lab.open("datasets/several")


# Volumes of files, as Tiled itself registers them


def test_planes_that_are_not_in_the_order_of_their_numbers_are_told(lab):
    opened = lab.open("unpadded")
    assert opened.levels[0][:, 0, 0].values.tolist() == [10, 11, 8, 9]
    assert opened.metadata["misplaced_files"] == ["s10.tif", "s8.tif"]


def test_a_plane_of_another_type_is_told(lab):
    opened = lab.open("mixed")
    assert opened.levels[0][1].values.max() == 1000 % 256
    assert opened.metadata["odd_files"] == ["s1.tif"]


def test_of_a_good_volume_nothing_is_told_and_its_files_are_asked_for_once(lab, requests):
    assert not {"misplaced_files", "odd_files"} & lab.open("good").metadata.keys()
    lab.open("good")
    assert sum("include_data_sources" in request.url.params for request in requests) == 1


# Odd nodes


def test_an_array_of_colour_with_transparency_is_a_plane(lab):
    opened = lab.open("rgba")
    assert opened.levels[0].dims == ("z", "y", "x", "c")
    np.testing.assert_array_equal(opened.levels[0].values.ravel(), np.arange(80))


def test_a_number_is_no_image(lab):
    assert "number" not in kinds(lab, "")
    with pytest.raises(UnreadableError, match="is no image"):
        lab.open("number")


def test_a_percent_sign_in_a_name_is_no_obstacle(lab):
    assert kinds(lab, "")["per%cent"] == "image"
    np.testing.assert_array_equal(lab.open("per%cent").levels[0].values, STACK[:1])
