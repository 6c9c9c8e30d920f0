"""Looking through the folders of Drops."""

import os

import h5py
import numpy as np
import pytest
from builders import square
from drops_files import ODD, PIXELS, put

from seg_app.errors import MissingError, UnsafeNameError
from seg_app.io.drops_images import paths_of
from seg_app.models import Explorer
from seg_app.records import Link


def titles(explorer):
    return [row.title for row in explorer.rows]


def click(explorer, title):
    (row,) = (row for row in explorer.rows if row.title == title)
    explorer.open(row)


@pytest.mark.parametrize(
    ("typed", "paths"),
    [
        ("/labdaq", ["drops/labdaq", "labdaq"]),
        ("/drops/labdaq/", ["drops/labdaq"]),
        ("run 7", ["drops/ada/run 7"]),
        ("", ["drops/ada"]),
        ("/", ["drops"]),
        ("/labdaq//x.tif ", ["drops/labdaq/x.tif", "labdaq/x.tif"]),
    ],
)
def test_a_path_is_taken_as_the_lab_writes_it(typed, paths):
    assert paths_of(typed, "drops/ada") == paths


def test_it_begins_in_the_folder_of_the_user_with_folders_first(explorer):
    assert explorer.folder == "drops/ada"
    assert titles(explorer) == [ODD, "a.png", "damaged.png", "notes.docx"]


def test_without_a_folder_of_the_user_it_begins_above(desk):
    desk.drops.home = "drops/bob"
    explorer = Explorer(desk)
    explorer.begin()
    assert (explorer.folder, titles(explorer)) == ("drops", ["ada", "labdaq"])


def test_the_newest_files_come_first_where_that_is_wanted(explorer, root):
    os.utime(root / "drops/ada/notes.docx", (2e9, 2e9))
    explorer.reload()
    explorer.newest_first = True
    assert titles(explorer)[:2] == [ODD, "notes.docx"]


def test_a_click_on_a_folder_of_any_name_looks_into_it(explorer):
    click(explorer, ODD)
    assert titles(explorer) == ["b.png"]
    assert explorer.crumbs == ["drops", "drops/ada", f"drops/ada/{ODD}"]


@pytest.mark.parametrize("typed", ["/labdaq/empty", "/drops/labdaq/empty"])
def test_an_empty_folder_is_shown_as_one(explorer, typed):
    explorer.go(typed)
    assert (explorer.folder, explorer.rows) == ("drops/labdaq/empty", [])


def test_a_file_opens_by_its_path(explorer, desk):
    explorer.go("/labdaq/c.png")
    assert desk.session.volume.image.path == "drops/labdaq/c.png"
    assert explorer.folder == "drops/ada"


@pytest.mark.parametrize(("typed", "error"), [("/nothing", MissingError), ("../bob", UnsafeNameError)])
def test_a_path_that_leads_nowhere_leaves_everything_as_it_was(explorer, desk, typed, error):
    explorer.go("/labdaq/c.png")
    before = (explorer.folder, explorer.rows, desk.session)
    with pytest.raises(error):
        explorer.go(typed)
    assert (explorer.folder, explorer.rows, desk.session) == before


def test_a_file_of_several_images_is_looked_into(explorer, desk, root):
    with h5py.File(root / "drops/ada/two.h5", "w") as file:
        file["first"], file["second"] = PIXELS, PIXELS[:10]
    explorer.reload()
    click(explorer, "two.h5")
    assert titles(explorer) == ["first", "second"]
    click(explorer, "second")
    assert desk.session.volume.image.path == "drops/ada/two.h5/second"


def test_numbered_files_are_offered_as_a_volume_too_and_each_of_them_stays(explorer, desk, root):
    for n in (1, 2, 10):
        put(root / f"drops/ada/run/slice_{n}.png", np.full((10, 20), n, np.uint8))
    explorer.go("run")
    assert titles(explorer) == ["slice_*.png", "slice_1.png", "slice_10.png", "slice_2.png"]
    click(explorer, "slice_*.png")
    assert desk.session.volume.shape == (3, 10, 20)
    click(explorer, "slice_2.png")
    assert desk.session.volume.image.path == "drops/ada/run/slice_2.png"
    assert desk.begin(Link(drops="drops/ada/run/slice_*.png")).volume.n_planes == 3


def test_masks_lie_by_the_path_of_their_image(explorer, desk, root):
    click(explorer, "a.png")
    desk.session.masks.add([square(2, 3)])
    desk.session.save()
    assert (root / "drops/ada/masks/drops/drops/ada/a.png/a.npz").is_file()
