import errno
from pathlib import Path

import numpy as np
import ome_zarr_models
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from skimage.measure import block_reduce

from seg_app.errors import NameTakenError, StorageError
from seg_app.io import ome_zarr

PLANES = np.random.default_rng(1).integers(900, 5000, (2, 3, 1027), dtype=np.uint16)
COLOUR = np.random.default_rng(2).integers(0, 255, (1, 20, 30, 3), dtype=np.uint8)
DTYPES = ["uint8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]


@pytest.fixture
def image(tmp_path: Path) -> zarr.Group:
    ome_zarr.write(
        tmp_path / "image.zarr", PLANES, pixel_size_nm=(40, 10, 5), attributes={"title": "A", "Scan": {"a": 1}}
    )
    return zarr.open_group(tmp_path / "image.zarr", mode="r")


@pytest.fixture
def colour(tmp_path: Path) -> zarr.Group:
    ome_zarr.write(tmp_path / "colour.zarr", COLOUR)
    return zarr.open_group(tmp_path / "colour.zarr", mode="r")


def multiscales(axes: list, scale: list[float], **fields) -> dict:
    """Return OME-Zarr 0.4 attributes of an image with one level."""
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    return {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [dataset], **fields}]}


def axes(names: str, unit: str | None) -> list[dict]:
    return [{"name": name, "type": "space"} | ({"unit": unit} if unit else {}) for name in names]


# --- Writing


def test_plain_zarr_reads_the_image(image: zarr.Group):
    assert np.array_equal(image["0"][:], PLANES)


def test_each_level_has_half_the_size_rounded_up(image: zarr.Group):
    assert [image[str(n)].shape for n in range(3)] == [(2, 3, 1027), (2, 2, 514), (2, 1, 257)]
    assert "3" not in image


def test_each_level_is_the_mean_of_the_one_before(image: zarr.Group):
    for n in (1, 2):
        assert np.array_equal(image[str(n)][:], ome_zarr.half(image[str(n - 1)][:]))


def test_the_levels_of_labels_have_no_new_values(tmp_path: Path):
    ome_zarr.write(tmp_path / "labels.zarr", PLANES, labels=True)
    level = zarr.open_group(tmp_path / "labels.zarr", mode="r")["1"]
    assert np.array_equal(level[:], PLANES[:, ::2, ::2])


def test_a_chunk_is_part_of_one_plane(image: zarr.Group):
    assert image["0"].chunks == (1, 3, 1024)


@pytest.mark.parametrize("name", ["image", "colour"])
def test_the_metadata_is_valid(name: str, request: pytest.FixtureRequest):
    read = ome_zarr_models.open_ome_zarr(request.getfixturevalue(name))
    assert isinstance(read, ome_zarr_models.v05.Image)


def test_a_level_lies_on_the_image(image: zarr.Group):
    # The centre of the first pixel of level 1 is between the first two pixels, which are 10 nm high and 5 nm wide.
    scale, translation = image.attrs["ome"]["multiscales"][0]["datasets"][1]["coordinateTransformations"]
    assert scale["scale"] == [40, 20, 10]
    assert translation["translation"] == [0, 5, 2.5]


def test_colours_come_first_and_are_in_one_chunk(colour: zarr.Group):
    assert colour["0"].metadata.dimension_names == ("c", "z", "y", "x")
    assert colour["0"].chunks == (3, 1, 20, 30)
    assert np.array_equal(np.moveaxis(colour["0"][:], 0, 3), COLOUR)


def test_further_attributes_are_kept(image: zarr.Group):
    assert image.attrs["title"] == "A"
    assert image.attrs["Scan"] == {"a": 1}


@pytest.mark.parametrize("size", [(40.0, 10.0, 5.0), (None, 10.0, 5.0), None])
def test_the_voxel_size_is_read_back(tmp_path: Path, size: ome_zarr.VoxelSize | None):
    ome_zarr.write(tmp_path / "a.zarr", PLANES[:, :, :9], pixel_size_nm=size)
    assert ome_zarr.read_scale_nm(dict(zarr.open_group(tmp_path / "a.zarr", mode="r").attrs)) == size


def test_an_existing_image_is_never_overwritten(tmp_path: Path):
    ome_zarr.write(tmp_path / "a.zarr", PLANES)
    with pytest.raises(NameTakenError, match=r"a\.zarr exists"):
        ome_zarr.write(tmp_path / "a.zarr", PLANES + 1)
    assert np.array_equal(zarr.open_group(tmp_path / "a.zarr", mode="r")["0"][:], PLANES)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_space(_planes):
        assert list(tmp_path.glob(".a.zarr.*.part/0")), "the first level was not yet written"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ome_zarr, "half", no_space)
    with pytest.raises(StorageError, match="No space left"):
        ome_zarr.write(tmp_path / "a.zarr", PLANES)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_of_the_caller_leaves_nothing_behind(tmp_path: Path):
    with pytest.raises(TypeError, match="JSON"):
        ome_zarr.write(tmp_path / "a.zarr", PLANES, attributes={"title": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_of_storage(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Cannot write"):
        ome_zarr.write(tmp_path / "file" / "a.zarr", PLANES)


def test_a_plane_alone_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="2 dimensions"):
        ome_zarr.write(tmp_path / "a.zarr", PLANES[0])


# --- Halving


def test_halves_round_upwards():
    assert ome_zarr.half(np.array([[[0, 1], [2, 3]]], np.uint8)).tolist() == [[[2]]]


def test_the_last_of_an_odd_row_counts_twice():
    assert ome_zarr.half(np.array([[[1, 1, 5], [3, 3, 7]]], np.float32)).tolist() == [[[2, 6]]]


@given(npst.arrays(st.sampled_from(DTYPES), (1, 4, 6), elements=st.integers(0, 120)))
def test_half_is_the_mean_of_blocks(planes: np.ndarray):
    halved = ome_zarr.half(planes)
    assert halved.dtype == planes.dtype
    assert np.abs(halved - block_reduce(planes.astype(float), (1, 2, 2), np.mean)).max() <= 0.5


@pytest.mark.parametrize("dtype", DTYPES[:-2])
def test_the_brightest_pixels_do_not_overflow(dtype: str):
    largest = min(np.iinfo(dtype).max, 2**60)
    assert (ome_zarr.half(np.full((1, 2, 2), largest, dtype)) == largest).all()


def test_colours_are_halved_each_for_itself():
    flat = np.full((1, 4, 4, 3), (10, 20, 30), np.uint8)
    assert np.array_equal(ome_zarr.half(flat), flat[:, :2, :2])


# --- The voxel size


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("nanometer", (40, 5, 5)),
        ("nanometre", (40, 5, 5)),
        ("micrometer", (40e3, 5e3, 5e3)),
        ("µm", (40e3, 5e3, 5e3)),
        ("angstrom", (4, 0.5, 0.5)),
        ("millimeter", (40e6, 5e6, 5e6)),
        ("pixel", None),
        (None, None),
    ],
)
def test_units_become_nanometres(unit: str | None, expected: tuple | None):
    assert ome_zarr.read_scale_nm(multiscales(axes("zyx", unit), [40, 5, 5])) == expected


def test_the_metadata_of_0_5_lie_under_ome():
    attributes = {"ome": {"version": "0.5", **multiscales(axes("zyx", "nanometer"), [40, 5, 5])}}
    assert ome_zarr.read_scale_nm(attributes) == (40, 5, 5)


def test_axes_are_found_by_their_names():
    named = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        *axes("yx", "nanometer"),
    ]
    assert ome_zarr.read_scale_nm(multiscales(named, [9, 1, 3, 4])) == (None, 3, 4)


def test_the_scale_of_all_levels_counts_too():
    common = [{"type": "scale", "scale": [1, 2, 2]}]
    attributes = multiscales(axes("zyx", "nanometer"), [40, 5, 5], coordinateTransformations=common)
    assert ome_zarr.read_scale_nm(attributes) == (40, 10, 10)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"multiscales": []},
        {"multiscales": "?"},
        {"ome": None},
        multiscales(["z", "y", "x"], [1, 1, 1]),
        multiscales(axes("zyx", "nanometer"), [1, 1]),
        multiscales(axes("zyx", "nanometer"), [1, 0, -1]),
        multiscales(axes("zyx", "nanometer"), [1, float("nan"), float("inf")]),
        multiscales([{"unit": "nanometer"}] * 3, [1, 1, 1]),
        multiscales(axes("zyx", 5), [1, 1, 1]),  # pyright: ignore[reportArgumentType]
    ],
)
def test_an_image_without_a_usable_scale_has_none(attributes: dict):
    assert ome_zarr.read_scale_nm(attributes) is None
