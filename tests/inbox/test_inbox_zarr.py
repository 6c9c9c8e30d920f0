"""Zarr folders that a user hands over: kept with all that is in them, and never a way to what lies elsewhere."""

import json
from pathlib import PurePath

import numpy as np
import pytest
import zarr
from handing_over import deliver, files_of, kept

from seg_app.errors import UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.files import open_file

PLANES = np.arange(2 * 30 * 1000, dtype=np.uint16).reshape(2, 30, 1000)


@pytest.fixture
def cells(tmp_path):
    """The files of an OME-Zarr image of two levels, which has a scale."""
    ome_zarr.write(tmp_path / "cells.ome.zarr", PLANES, pixel_size_nm=(20, 4, 5))
    return files_of(tmp_path / "cells.ome.zarr")


@pytest.mark.parametrize("name", ["cells.ome.zarr", "cells"])
def test_a_zarr_folder_is_kept_as_it_is_and_has_its_levels_and_scale(inbox, cells, name):
    files = {path.replace("cells.ome.zarr", name): data for path, data in cells.items()}
    folder, troubles = deliver(inbox, files)
    assert files_of(folder / name) == files
    image = open_file(folder / name)
    assert (troubles, len(image.levels), image.calibration.pixel_size_nm) == ([], 2, (20, 4, 5))
    np.testing.assert_array_equal(image.levels[0].values, PLANES)
    assert (folder.name, inbox.files_in(folder.name)) == (PurePath(name).stem, [name])
    inbox.discard(folder.name)
    assert kept(inbox) == []


def test_an_array_of_zarr_2_is_kept(inbox, tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=PLANES, chunks=(1, 30, 1000), zarr_format=2)
    folder, _ = deliver(inbox, files_of(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(open_file(folder / "a.zarr").levels[0].values, PLANES)


def test_a_zarr_folder_that_cannot_be_read_says_why_and_nothing_is_kept_of_it(inbox, cells, image):
    damaged = {path: data for path, data in cells.items() if "/1/" not in path}
    with pytest.raises(UnreadableError, match=r"Cannot read cells\.ome\.zarr: its level '1' is missing"):
        deliver(inbox, damaged)
    assert list(inbox.folder.iterdir()) == []
    folder, (trouble,) = deliver(inbox, {**damaged, "grain.tif": image})
    assert ([path.name for path in folder.iterdir()], "cells.ome" in trouble) == (["grain.tif"], True)


def test_a_chunk_of_a_zarr_folder_that_was_cut_off_is_said(inbox, cells):
    first = "cells.ome.zarr/0/c/0/0/0"
    with pytest.raises(UnreadableError, match="cut off"):
        deliver(inbox, {**cells, first: cells[first][:100]})
    assert list(inbox.folder.iterdir()) == []


@pytest.mark.parametrize("way", ["../secret.zarr", "../../ada/secret/secret.zarr", "{inbox}/secret.zarr"])
def test_a_zarr_folder_that_names_what_lies_elsewhere_shows_nothing_of_it(inbox, tmp_path, way):
    zarr.create_array(tmp_path / "secret.zarr", data=PLANES)
    folder, _ = deliver(inbox, files_of(tmp_path / "secret.zarr"))
    attributes = {"multiscales": [{"axes": ["z", "y", "x"], "datasets": [{"path": way.format(inbox=folder)}]}]}
    zarr.open_group(tmp_path / "spy.zarr", mode="w", zarr_format=2, attributes=attributes)
    with pytest.raises(UnreadableError, match="spy"):
        deliver(inbox, files_of(tmp_path / "spy.zarr"))
    assert [path.name for path in inbox.folder.iterdir()] == ["secret"]


@pytest.mark.parametrize("dtype", ["|O", "|u1"])
def test_a_pickle_in_a_zarr_folder_is_never_run(inbox, tmp_path, dtype):
    filters = [{"id": "vlen-utf8"}, {"id": "pickle"}] if dtype == "|O" else [{"id": "pickle"}]
    about = {"zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "dtype": dtype, "filters": filters}
    about |= {"fill_value": None, "order": "C", "compressor": None}
    pickled = f"cos\nmkdir\n(S'{tmp_path / 'run'}'\ntR.".encode()
    with pytest.raises(UnreadableError):
        deliver(inbox, {"a.zarr/.zarray": json.dumps(about).encode(), "a.zarr/0.0": pickled})
    assert not (tmp_path / "run").exists()


def test_a_zarr_folder_that_tells_of_more_than_it_holds_is_refused(inbox, tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(1, 3 * 10**9, 1), dtype="u1", chunks=(1, 64, 1))
    with pytest.raises(UnreadableError, match=r"Cannot read a\.zarr: its header tells of 3000000000 bytes"):
        deliver(inbox, files_of(tmp_path / "a.zarr"))
    assert list(inbox.folder.iterdir()) == []
