"""Images on Drops: found, fetched once, opened as files here are; what goes wrong is said."""

import os
from dataclasses import replace

import h5py
import numpy as np
import pytest
import requests
from builders import square
from drops_server import DropsServer
from skimage.io import imsave

from seg_app.errors import (
    MissingError,
    RefusedError,
    SegAppError,
    StorageError,
    UnreachableError,
    UnreadableError,
    UnsafeNameError,
)
from seg_app.io import Copies, Drops, MaskStore
from seg_app.io.copies import megabytes
from seg_app.io.drops_images import DropsImages, paths_of
from seg_app.models import Desk, Explorer
from seg_app.records import Link
from seg_app.sam import connect_sam

PIXELS = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
ODD = "<b>run< [1] {a,b}?*"
HITACHI = "[SemImageFile]\nInstructName=SU8000\nPixelSize=2.5\nDataSize=30x20\n"


def put(path, pixels=PIXELS, modified_s=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, pixels, check_contrast=False)
    if modified_s:
        os.utime(path, (modified_s, modified_s))
    return path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "drops server"
    put(root / "drops/ada/a.png")
    put(root / f"drops/ada/{ODD}/b.png")
    (root / "drops/ada/notes.docx").write_text("no image")
    (root / "drops/ada/damaged.png").write_bytes(b"damaged")
    (root / "drops/labdaq/empty").mkdir(parents=True)
    put(root / "drops/labdaq/c.png")
    return root


@pytest.fixture
def there(root):
    with DropsServer(root, "ada", "hush") as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def drops_of(there):
    with requests.Session() as http:
        yield lambda password="hush": Drops(http, there.url, user="ada", password=password, timeout_s=10)


@pytest.fixture
def images_of(drops_of, cache):
    return lambda password="hush", **bounds: DropsImages(
        drops_of(password), Copies(drops_of(password), cache, **bounds), user="ada"
    )


@pytest.fixture
def images(images_of):
    return images_of()


@pytest.fixture
def desk(images, drops_of, tmp_path):
    store = MaskStore(drops_of(), "drops/ada/masks")
    desk = Desk(None, connect_sam("classical:"), store=store, journals=tmp_path / "journals")
    desk.drops = images
    return desk


@pytest.fixture
def explorer(desk):
    explorer = Explorer(desk)
    explorer.begin()
    return explorer


def titles(explorer):
    return [row.title for row in explorer.rows]


def click(explorer, title):
    (row,) = (row for row in explorer.rows if row.title == title)
    explorer.open(row)


def fetched(there):
    return [fields["file"] for verb, fields in there.calls if verb == "filez"]


# Opening


def test_an_image_is_opened_with_its_pixels(images):
    opened = images.open("drops/ada/a.png")
    np.testing.assert_array_equal(opened.levels[0].values[0], PIXELS)


def test_an_image_is_known_by_its_path_on_drops(images):
    image = images.open(f"drops/ada/{ODD}/b.png").image
    assert (image.source, image.path) == ("drops", f"drops/ada/{ODD}/b.png")


def test_an_unchanged_file_is_fetched_once(images, there):
    images.open("drops/ada/a.png")
    images.open("drops/ada/a.png")
    assert fetched(there) == ["drops/ada/a.png"]


def test_a_changed_file_is_fetched_again_and_the_open_one_stays(images, root):
    before = images.open("drops/ada/a.png")
    put(root / "drops/ada/a.png", PIXELS[::-1], modified_s=1000)
    after = images.open("drops/ada/a.png")
    np.testing.assert_array_equal(after.levels[0].values[0], PIXELS[::-1])
    np.testing.assert_array_equal(before.levels[0].values[0], PIXELS)


def test_the_text_file_of_the_microscope_comes_along(images, root):
    (root / "drops/ada/a.txt").write_text(HITACHI)
    assert images.open("drops/ada/a.png").calibration.pixel_size_nm == (None, 2.5, 2.5)


def test_one_of_several_images_in_a_file_is_opened_by_its_name(images, root):
    with h5py.File(root / "drops/ada/two.h5", "w") as file:
        file["first"], file["second"] = PIXELS, PIXELS[:10]
    assert images.parts("drops/ada/two.h5") == ["first", "second"]
    image = images.open("drops/ada/two.h5", "second").image
    assert (image.path, image.shape) == ("drops/ada/two.h5/second", (1, 10, 30))


def test_a_link_opens_what_it_was_made_of_and_knows_an_image_by_one_name_only(desk, root):
    with h5py.File(root / "drops/ada/two.h5", "w") as file:
        file["first"], file["second"] = PIXELS, PIXELS[:10]
    desk.open_drops("drops/ada/two.h5", "second")
    second = desk.link
    desk.open_drops("drops/ada/a.png")
    single = desk.link
    assert (second, single) == (Link(drops="drops/ada/two.h5", part="second"), Link(drops="drops/ada/a.png"))
    assert desk.begin(second).volume.image.path == "drops/ada/two.h5/second"
    assert desk.begin(single).volume.image.path == "drops/ada/a.png"
    for part in ("", "//second", "second/.", "third"):
        with pytest.raises(MissingError):
            desk.begin(replace(second, part=part))
    for link in (replace(single, part="a"), replace(single, drops="drops/ada//a.png")):
        with pytest.raises(SegAppError):
            desk.begin(link)
    assert desk.link == single


# What goes wrong


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("drops/ada/nothing.png", MissingError, "There is no 'drops/ada/nothing.png'"),
        ("drops/ada/notes.docx", UnreadableError, "Known formats"),
        ("drops/ada/damaged.png", UnreadableError, "Cannot read damaged.png"),
        ("drops/ada/../bob/a.png", UnsafeNameError, "may begin with a dot"),
    ],
)
def test_what_cannot_be_opened_is_said(images, path, error, words):
    with pytest.raises(error, match=words):
        images.open(path)


def test_what_is_no_image_is_not_fetched(images, there):
    with pytest.raises(UnreadableError):
        images.open("drops/ada/notes.docx")
    assert fetched(there) == []


def test_a_wrong_password_is_said(images_of):
    with pytest.raises(RefusedError, match="password"):
        images_of("wrong").open("drops/ada/a.png")


def test_a_file_that_is_too_large_is_not_fetched(images_of, there):
    with pytest.raises(UnreadableError, match=r"at most 1 kB are fetched from Drops"):
        images_of(most_bytes=10).open("drops/ada/a.png")
    assert fetched(there) == []


def test_a_file_that_arrives_in_part_is_not_kept(images, there, cache, monkeypatch):
    stats = there._stats
    monkeypatch.setattr(there, "_stats", lambda path: stats(path) | {"size": 10**6})
    with pytest.raises(UnreachableError, match=r"of 1000000 bytes"):
        images.open("drops/ada/a.png")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_connection_that_breaks_is_said(images, monkeypatch):
    def break_off(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"123")
        handler.close_connection = True

    monkeypatch.setattr("drops_server._Handler._filez", break_off)
    with pytest.raises(UnreachableError, match=r"stopped in the middle of 'drops/ada/a\.png'"):
        images.open("drops/ada/a.png")


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 kB"), (999, "1 kB"), (2_340_000, "2.3 MB"), (5 * 10**9, "5,000 MB")]
)
def test_sizes_are_told_in_three_figures_or_so(size, words):
    assert megabytes(size) == words


def test_a_cache_that_cannot_be_written_is_said(images, cache):
    cache.write_text("in the way")
    with pytest.raises(StorageError, match="SEG_APP_HOME"):
        images.open("drops/ada/a.png")


# Copies are bounded


def kept(cache):
    return sorted(path.name for path in cache.rglob("*.png"))


def test_the_copy_that_was_not_used_for_the_longest_goes_first(images_of, cache):
    images = images_of(kept_bytes=1)
    images.open("drops/ada/a.png")
    images.open("drops/labdaq/c.png")
    assert kept(cache) == ["c.png"]


def test_the_copy_of_an_open_image_stays(images_of, cache):
    images = images_of(kept_bytes=1)
    opened = images.open("drops/ada/a.png")
    images.open("drops/labdaq/c.png")
    assert kept(cache) == ["a.png", "c.png"]
    np.testing.assert_array_equal(opened.levels[0].values[0], PIXELS)


def test_a_long_fetch_says_how_far_it_is(images, monkeypatch):
    monkeypatch.setattr("seg_app.io.copies.TOLD_BYTES", 1)
    said = []
    images.open("drops/ada/a.png", tell=said.append)
    assert said[0].startswith("Fetching a.png: ")


# Looking through folders


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


def test_masks_lie_by_the_path_of_their_image(explorer, desk, root):
    click(explorer, "a.png")
    desk.session.masks.add([square(2, 3)])
    desk.session.save()
    assert (root / "drops/ada/masks/drops/drops/ada/a.png/a.npz").is_file()
