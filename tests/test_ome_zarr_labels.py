"""OME-Zarr labels: the reader of the format's makers finds them with colours and scale; those of others are read."""

import contextlib
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from builders import IMAGE, square
from disks import full
from format_contract import FormatContract, mutated
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from seg_app.errors import MissingError, NameTakenError, SegAppError, StorageError, UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.formats import ome_zarr_labels
from seg_app.io.registry import load_masks, save_masks
from seg_app.records import Calibration, ImageId, MaskFile

MASKS = (square(10, 20, number=5, class_name="pore"), square(3, 4, z=2, number=21, score=0.5))
FILE = MaskFile(IMAGE, MASKS, Calibration((25.0, 10.0, 5.0), "instrument"))


class TestOmeZarr(FormatContract):
    suffix = ".zarr"
    overlaps = False
    examples = 20

    def there_and_back(self, file: MaskFile) -> MaskFile:
        with tempfile.TemporaryDirectory() as folder:
            return load_masks(self.written(file, Path(folder)))

    def part(self, path: Path) -> Path:
        return path / "labels" / "masks" / "zarr.json"

    def fill_disk(self, monkeypatch) -> None:
        monkeypatch.setattr(ome_zarr_labels, "painted_planes", full)


@pytest.fixture(params=[2, 3])
def image(request, tmp_path) -> Path:
    """An OME-Zarr image of 0.4 or 0.5, with two levels."""
    folder = tmp_path / "image.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=request.param)
    for level, size in enumerate([(3, 64, 96), (3, 32, 48)]):
        group.create_array(str(level), shape=size, dtype="u1")
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    datasets = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [1, 2**n, 2**n]}]} for n in range(2)
    ]
    multiscales = [{"axes": axes, "datasets": datasets, "version": ome_zarr_labels.VERSIONS[request.param]}]
    metadata = {"multiscales": multiscales}
    group.attrs.update(metadata if request.param == 2 else {"ome": {"version": "0.5", **metadata}})
    return folder


def nodes_of(path: Path) -> dict:
    """Return what the reader of ome-zarr finds: name -> node."""
    return {node.metadata.get("name") or "image": node for node in Reader(parse_url(path))()}


def test_labels_are_found_beside_their_image_with_levels_colours_and_properties(image):
    assert save_masks(image, FILE) == []
    node = nodes_of(image)["masks"]
    first, second = (np.asarray(level) for level in node.data)
    assert (first.shape, first.dtype, second.shape) == ((3, 64, 96), np.uint32, (3, 32, 48))
    assert (first[0, 20:24, 10:14] == 5).all()
    assert np.count_nonzero(first) == 32
    np.testing.assert_array_equal(second, first[:, ::2, ::2])
    assert node.metadata["color"] == {5: [1, 209 / 255, 102 / 255, 1], 21: [1, 140 / 255, 66 / 255, 1]}
    assert node.metadata["properties"][5]["class"] == "pore"
    assert [axis["unit"] for axis in node.metadata["axes"]] == ["nanometer"] * 3
    scales = [level[0]["scale"] for level in node.metadata["coordinateTransformations"]]
    assert scales == [[25, 10, 5], [25, 20, 10]]


def test_the_image_beside_labels_stays_as_it_was(image):
    before = {path: path.read_bytes() for path in image.rglob("*") if path.is_file()}
    save_masks(image, FILE)
    assert {path: path.read_bytes() for path in before} == before


def test_labels_in_an_image_are_loaded(image):
    save_masks(image, FILE)
    assert load_masks(image) == FILE


def test_labels_may_have_a_name_and_several_have_one_each(image):
    save_masks(image / "labels" / "pores", FILE)
    save_masks(image / "labels" / "grains", MaskFile(IMAGE))
    assert load_masks(image / "labels" / "pores") == FILE
    assert load_masks(image / "labels" / "grains").masks == ()
    with pytest.raises(UnreadableError, match=r"it has the labels pores, grains\. Load .*pores"):
        load_masks(image)


def test_nothing_is_overwritten(image):
    save_masks(image, FILE)
    with pytest.raises(NameTakenError, match=r"labels.masks exists.* Save as .*labels.<name>"):
        save_masks(image, MaskFile(IMAGE))
    assert load_masks(image) == FILE


def test_masks_of_another_image_are_refused_and_leave_nothing(image):
    before = sorted(image.rglob("*"))
    with pytest.raises(StorageError, match=r"has \(3, 64, 96\) voxels"):
        save_masks(image, MaskFile(ImageId("local", "b", (1, 5, 5), "uint8")))
    assert sorted(image.rglob("*")) == before


def test_a_failure_leaves_the_image_as_it_was(image, monkeypatch):
    before = sorted(image.rglob("*"))
    monkeypatch.setattr(ome_zarr_labels, "painted_planes", full)
    with pytest.raises(StorageError, match="No space left"):
        save_masks(image, FILE)
    assert sorted(image.rglob("*")) == before


def test_labels_without_an_image_have_levels_of_their_own(tmp_path):
    large = MaskFile(ImageId("local", "a", (1, 900, 1300), "uint8"), (square(),))
    save_masks(tmp_path / "new.zarr", large)
    shapes = [level.shape for level in nodes_of(tmp_path / "new.zarr" / "labels" / "masks")["masks"].data]
    assert shapes == [(1, 900, 1300), (1, 450, 650), (1, 225, 325)]


@pytest.mark.parametrize("axes", ["yx", "zyx", "tczyx"])
def test_labels_of_other_programs_are_objects(tmp_path, axes):
    labels = np.array([[0, 7, 7], [3, 0, 7]], np.int16).reshape((1,) * (len(axes) - 2) + (2, 3))
    group = zarr.open_group(tmp_path / "a.zarr", mode="w").create_group("labels/cells")
    group.create_array("0", data=labels)
    scale = [{"type": "scale", "scale": [2.0] * len(axes)}]
    units = [{"name": axis, "unit": "micrometer"} for axis in axes]
    group.attrs["ome"] = {
        "multiscales": [{"axes": units, "datasets": [{"path": "0", "coordinateTransformations": scale}]}],
        "image-label": {"properties": [{"label-value": 7, "class": "grain"}]},
    }
    file = load_masks(tmp_path / "a.zarr" / "labels" / "cells")
    assert [(mask.number, mask.area, mask.class_name) for mask in file.masks] == [(3, 1, ""), (7, 3, "grain")]
    assert (file.image.shape, file.calibration.pixel_size_nm[1:]) == ((1, 2, 3), (2000, 2000))


def test_what_this_program_writes_as_labels_of_samples_is_read(tmp_path):
    ome_zarr.write(tmp_path / "a.zarr", np.array([[[0, 4], [4, 4]]], np.uint16), labels=True)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    group.attrs["ome"] = {**group.attrs["ome"], "image-label": {}}
    assert [(mask.number, mask.area) for mask in load_masks(tmp_path / "a.zarr").masks] == [(4, 3)]


@pytest.mark.parametrize("inside", ["labels/none", "labels", "a/b/c"])
def test_labels_that_are_not_there_are_missing_or_unreadable(image, inside):
    with pytest.raises(SegAppError):
        load_masks(image / inside)


def test_an_image_without_labels_says_so(image):
    with pytest.raises(MissingError, match="has no labels"):
        load_masks(image)


def test_a_folder_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingError, match="There is no folder"):
        load_masks(tmp_path / "a.zarr")


def test_damaged_chunks_are_read_or_unreadable_and_nothing_else(image):
    save_masks(image, FILE)
    (chunk, *_) = [
        path for path in (image / "labels" / "masks" / "0").rglob("*") if path.is_file() and path.suffix == ""
    ]
    data, chance = chunk.read_bytes(), random.Random(0)
    for _ in range(50):
        chunk.write_bytes(mutated(data, chance))
        with contextlib.suppress(UnreadableError):
            assert isinstance(load_masks(image), MaskFile)
