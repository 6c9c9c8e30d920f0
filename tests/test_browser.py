"""The data browser: its words, and what it knows of folders that change."""

import shutil

import numpy as np
import pytest

from seg_app.io import LocalFolder, MaskStore, register_folder
from seg_app.models import Desk, Worker
from seg_app.sam import connect_sam
from seg_app.views import load_extensions
from seg_app.views.browser import Browser, question, size_of
from seg_app.views.courier import Courier


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((24, 2048, 3072), "3072 × 2048 × 24"),
        ((1, 4096, 6144), "6144 × 4096"),
        ((480, 640), "640 × 480"),
        ((480, 640, 3), "640 × 480"),
        ((3, 1, 512, 512), "512 × 512"),
        ((5, 480, 640, 3), "640 × 480 × 5"),
    ],
)
def test_sizes_are_columns_rows_and_planes(shape, size):
    assert size_of(shape) == size


@pytest.fixture
def folder(embedded, tmp_path):
    """A folder that the server shows, with an image in a folder of its own."""
    folder = embedded[1] / tmp_path.name
    put(folder / "coins" / "1.npy")
    return folder


@pytest.fixture
def browser(source, folder, tmp_path):
    """A browser in which everything is unfolded."""
    load_extensions()
    register_folder(source, folder)
    store = MaskStore(LocalFolder(tmp_path / "masks"))
    worker = Worker()
    browser = Browser(Desk(source, connect_sam("classical:"), store=store, journals=tmp_path), worker, Courier())
    finish(browser)
    browser._tree.expanded = [(0,), (0, 0)]
    finish(browser)
    yield browser
    worker.close()


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((20, 30), np.uint8))


def finish(browser):
    for _ in range(2):  # what was read may ask for more
        browser._worker.run("Waiting", lambda: None).result(30)


def names(items):
    """Return the tree as its labels: those of images alone, those of folders with what is in them."""
    return [{one["label"]: names(one["items"])} if "items" in one else one["label"] for one in items]


def test_files_that_came_are_listed_in_every_folder_that_was_looked_into(browser, folder):
    before = names(browser._tree.items)
    put(folder / "coins" / "2.npy")
    put(folder / "grain.npy")
    browser.reread()
    finish(browser)
    assert before == [{"samples": [{"coins": ["1.npy"]}]}]
    assert names(browser._tree.items) == [{"samples": [{"coins": ["1.npy", "2.npy"]}, "grain.npy"]}]


def test_a_folder_that_comes_before_others_leaves_them_unfolded(browser, folder):
    put(folder / "battery" / "1.npy")
    browser.reread()
    finish(browser)
    assert names(browser._tree.items) == [{"samples": [{"battery": ["…"]}, {"coins": ["1.npy"]}]}]
    assert sorted(browser._tree.expanded) == [(0,), (0, 1)]


def test_a_folder_that_was_folded_stays_folded(browser, folder):
    browser._tree.expanded = []
    put(folder / "coins" / "2.npy")
    browser.reread()
    finish(browser)
    assert browser._tree.expanded == []


def test_a_folder_that_is_gone_is_no_trouble(browser, folder):
    shutil.rmtree(folder / "coins")
    put(folder / "grain.npy")
    browser.reread()
    finish(browser)
    assert (names(browser._tree.items), browser._worker.trouble) == ([{"samples": ["grain.npy"]}], "")


def test_the_list_stays_where_the_server_cannot_say_what_there_is(browser, folder):
    before = browser._tree.items
    shutil.rmtree(folder)
    browser.reread()
    finish(browser)
    assert (browser._tree.items, bool(browser._worker.trouble)) == (before, True)


def test_the_folders_above_the_image_that_is_opened_are_unfolded_once(browser, folder):
    put(folder / "deep" / "er" / "1.npy")
    browser.reread()
    finish(browser)
    browser._tree.expanded = []
    (entry,) = browser._desk.browse("samples/deep/er")
    browser._desk.open(entry.path)
    finish(browser)
    assert set(browser._tree.expanded) >= {(0,), (0, 1), (0, 1, 0)}
    assert browser._tree.active == [(0, 1, 0, 0)]
    browser._tree.expanded = []
    browser.reread()
    finish(browser)
    assert browser._tree.expanded == []


def test_a_click_on_the_name_of_a_folder_unfolds_and_folds_it_and_the_open_image_stays_marked(browser):
    (entry,) = browser._desk.browse("samples/coins")
    browser._desk.open(entry.path)
    finish(browser)
    marked, unfolded = browser._tree.active, browser._tree.expanded
    browser._tree.active = [(0, 0)]
    assert browser._tree.expanded == [place for place in unfolded if place != (0, 0)]
    browser._tree.active = [(0, 0)]
    assert set(browser._tree.expanded) == set(unfolded)
    assert browser._tree.active == marked


def test_whoever_deletes_files_is_told_all_of_them():
    assert question(["a.tif", "b.tif"]).startswith("Delete “a.tif”, “b.tif” from the server?")
    assert "“d” and 2 more files from the server?" in question([*"abcdef"])
