"""What is in a folder, in the order of a person, under names that a server can have."""

import os

import h5py
import numpy as np
import pytest
import tifffile

from seg_app.errors import MissingError
from seg_app.io import ome_zarr
from seg_app.io.folders import Place, look_into, name_on_server, parts_of


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def test_numbers_count_as_numbers(tmp_path):
    touch(tmp_path, "b10.npy", "b9.npy", "A1.npy")
    assert list(look_into(tmp_path)) == ["A1.npy", "b9.npy", "b10.npy"]


def test_hidden_files_side_cars_and_other_files_are_left_out(tmp_path):
    touch(tmp_path, ".hidden.tif", "a.hdr", "a.txt", "notes.docx", "a.npy")
    assert list(look_into(tmp_path)) == ["a.npy"]


def test_a_numbered_volume_is_one_entry_beside_the_others(tmp_path):
    for n in range(3):
        tifffile.imwrite(tmp_path / f"slice_{n}.tif", np.zeros((8, 9), np.uint8))
    touch(tmp_path, "other.npy")
    places = look_into(tmp_path)
    assert [place.title for place in places.values()] == ["other.npy", "slice_*.tif"]
    assert len(places["slice_.tif"].files) == 3


def test_only_what_was_named_counts_whatever_it_is(tmp_path):
    touch(tmp_path, "a.npy", "b.npy", "c.docx")
    assert list(look_into(tmp_path, ("b.npy", "c.docx"))) == ["b.npy", "c.docx"]


def test_a_zarr_image_has_the_name_without_its_suffix(tmp_path):
    ome_zarr.write(tmp_path / "a.zarr", np.zeros((1, 8, 9), np.uint8))
    assert look_into(tmp_path) == {"a": Place(tmp_path / "a.zarr")}


def test_two_things_of_one_name_are_two(tmp_path):
    (tmp_path / "a").mkdir()
    ome_zarr.write(tmp_path / "a.zarr", np.zeros((1, 8, 9), np.uint8))
    assert {place.path.name for place in look_into(tmp_path).values()} == {"a", "a.zarr"}


def test_the_images_of_a_file_have_their_paths_as_titles(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x/y"], file["z"] = np.zeros((4, 5)), np.zeros((4, 5))
    parts = parts_of(Place(tmp_path / "a.h5"))
    assert {key: place.title for key, place in parts.items()} == {"x.y": "x/y", "z": "z"}


def test_a_folder_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingError, match="Cannot look into"):
        look_into(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["slice (1) [a].tif", "µm_中.tif", "a+b,c=d&e@f.tif"])
def test_a_harmless_name_stays_as_it_is(name):
    assert name_on_server(name) == name


@pytest.mark.parametrize(
    "name", ["a/b", "a?b.tif", "a#b.tif", "a%b.tif", "..", "<b>.tif", "a*b.tif", "x" * 300, "a\nb"]
)
def test_any_other_name_becomes_one_that_a_server_can_have(name):
    assert not set("/?#%<>*\n") & set(name_on_server(name))
    assert len(name_on_server(name).encode()) < 200
    assert name_on_server(name).strip(".")
    assert name_on_server(name) != name_on_server(f"{name}_")


def test_a_name_that_is_no_text_becomes_one():
    assert name_on_server(os.fsdecode(b"a\xff.tif")).isascii()
