"""Images on Drops: fetched once, opened as files here are; what goes wrong is said."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from drops_files import ODD, PIXELS, fetched, put

from seg_app.errors import (
    MissingError,
    RefusedError,
    SegAppError,
    StorageError,
    UnreachableError,
    UnreadableError,
    UnsafeNameError,
)
from seg_app.io import drops_images as module
from seg_app.io.copies import Copies, megabytes
from seg_app.records import Link

HITACHI = "[SemImageFile]\nInstructName=SU8000\nPixelSize=2.5\nDataSize=30x20\n"


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


@pytest.fixture
def slices(root):
    """Twelve numbered planes, each of its number, and the second of another size."""
    for n in range(1, 13):
        put(root / f"drops/labdaq/slice_{n}.png", np.full((10, 12 if n == 2 else 20), n, np.uint8))


@pytest.mark.usefixtures("slices")
def test_numbered_files_are_the_planes_of_a_volume_in_the_order_of_their_numbers(images, there):
    told = []
    opened = images.open("drops/labdaq/slice_*.png", tell=told.append)
    assert opened.levels[0].values[:, 0, 0].tolist() == [1, *range(3, 13)]
    assert opened.metadata["remarks"] == ["files of another size or type are left out: slice_2.png"]
    assert opened.image.path == "drops/labdaq/slice_*.png"
    assert told[-1] == "Fetching slice_12.png, 12 of 12 files"
    assert images.parts("drops/labdaq/slice_*.png") == [""]
    assert len(fetched(there)) == 12


@pytest.mark.usefixtures("slices")
def test_a_volume_that_is_too_large_is_not_fetched(images, there, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(UnreadableError, match="The 12 files of"):
        images.open("drops/labdaq/slice_*.png")
    assert fetched(there) == []


def test_files_of_other_sizes_are_no_volume(images, root):
    for n in range(3):
        put(root / f"drops/labdaq/photo_{n}.png", np.zeros((10, 20 + n), np.uint8))
    with pytest.raises(UnreadableError, match=r"photo_0\.png has 20 × 10 pixels \(uint8\), photo_1\.png has 21 × 10"):
        images.open("drops/labdaq/photo_*.png")


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


def test_copies_that_are_fetched_at_the_same_time_have_room_together(images_of, root, cache, monkeypatch):
    images, receive = images_of(kept_bytes=2 * (root / "drops/ada/a.png").stat().st_size), Copies._receive
    images.open(f"drops/ada/{ODD}/b.png")

    def receive_after_another(copies, file, *how):
        if file.name == "a.png":
            images.open("drops/labdaq/c.png")
        receive(copies, file, *how)

    monkeypatch.setattr(Copies, "_receive", receive_after_another)
    images.open("drops/ada/a.png")
    assert kept(cache) == ["a.png", "c.png"]


@pytest.mark.usefixtures("slices")
def test_the_planes_of_a_volume_stay_while_the_others_are_fetched_and_room_is_made_once(images_of, cache, monkeypatch):
    images, looks, entries = images_of(kept_bytes=1), [], Copies._entries
    images.open("drops/labdaq/slice_1.png")
    monkeypatch.setattr(Copies, "_entries", lambda copies: looks.append(1) or entries(copies))
    opened = images.open("drops/labdaq/slice_*.png")
    assert opened.levels[0].values[:, 0, 0].tolist() == [1, *range(3, 13)]
    assert (len(kept(cache)), len(looks)) == (12, 1)


def test_a_long_fetch_says_how_far_it_is(images, monkeypatch):
    monkeypatch.setattr("seg_app.io.copies.TOLD_BYTES", 1)
    said = []
    images.open("drops/ada/a.png", tell=said.append)
    assert said[0].startswith("Fetching a.png: ")
