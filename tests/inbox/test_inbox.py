"""Files that a user hands over: kept completely or not at all, under safe names, and only when they can be read."""

import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from handing_over import hand_over, kept
from hypothesis import given
from hypothesis import strategies as st

from seg_app.errors import MissingError, SegAppError, StorageError, UnreadableError
from seg_app.io import inbox as module
from seg_app.io.folders import look_into
from seg_app.io.inbox import Delivery, Inbox


def test_a_file_is_kept_as_it_is(inbox, image):
    folder, troubles = hand_over(inbox, grain__tif=image)
    assert (folder / "grain.tif").read_bytes() == image
    assert (kept(inbox), troubles) == (["grain/grain.tif"], [])


def test_the_same_name_again_gets_another_name(inbox, image):
    for _ in range(3):
        hand_over(inbox, grain__tif=image)
    assert kept(inbox) == ["grain (2)/grain.tif", "grain (3)/grain.tif", "grain/grain.tif"]


def test_what_is_deleted_is_gone_and_its_name_is_not_used_again(inbox, image):
    for _ in range(2):
        hand_over(inbox, grain__tif=image)
    inbox.discard("grain")
    assert kept(inbox) == ["grain (2)/grain.tif"]
    hand_over(inbox, grain__tif=image)
    assert kept(inbox) == ["grain (2)/grain.tif", "grain (3)/grain.tif"]


def test_what_could_not_be_deleted_is_said_and_is_gone_with_the_next_files(inbox, image, monkeypatch):
    hand_over(inbox, grain__tif=image)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr("pathlib.Path.unlink", refuse)
        with pytest.raises(StorageError, match=r"Cannot delete 'grain' in .*: Permission denied"):
            inbox.discard("grain")
    assert kept(inbox) == [".discarded-grain/grain.tif"]
    hand_over(inbox, other__tif=image)
    assert kept(inbox) == ["other/other.tif"]


def test_a_link_to_another_folder_is_not_followed(inbox, image, tmp_path):
    hand_over(inbox, grain__tif=image)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    (inbox.folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MissingError):
        inbox.discard("link")
    assert (tmp_path / "elsewhere" / "precious").exists()


@pytest.mark.parametrize("name", ["none", "", ".", "..", "../other", "grain/grain.tif", ".discarded-old"])
def test_only_what_was_handed_over_together_can_be_deleted(inbox, image, name):
    hand_over(inbox, grain__tif=image)
    (inbox.folder.parent / "other").mkdir(exist_ok=True)
    (inbox.folder / ".discarded-old").mkdir()
    with pytest.raises(MissingError):
        inbox.discard(name)
    assert kept(inbox) == ["grain/grain.tif"]
    assert (inbox.folder.parent / "other").exists()


def test_numbered_files_of_one_delivery_are_a_volume_and_of_several_are_not(inbox, image):
    folder, _ = hand_over(inbox, s_1__tif=image, s_2__tif=image, s_3__tif=image)
    assert [place.files for place in look_into(folder).values()] == [tuple(folder / f"s_{n}.tif" for n in (1, 2, 3))]
    single, _ = hand_over(inbox, s_4__tif=image)
    assert [place.path for place in look_into(single).values()] == [single / "s_4.tif"]


def test_what_cannot_be_read_says_why_and_is_not_kept(inbox):
    with pytest.raises(UnreadableError, match=r"bad\.tif"):
        hand_over(inbox, bad__tif=b"garbage" * 50)
    assert list(inbox.folder.iterdir()) == []


def test_a_file_that_cannot_be_read_does_not_take_the_others_with_it(inbox, image):
    folder, (trouble,) = hand_over(inbox, bad__tif=b"garbage", good__tif=image)
    assert (folder.name, [path.name for path in folder.iterdir()]) == ("good", ["good.tif"])
    assert "bad.tif" in trouble


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [("run 1.5 at night", "run 1.5 at night"), ("/a/b.zarr.ZARR", "b"), ("con", "_con"), ("..", "a")],
)
def test_the_files_of_a_folder_keep_its_name_made_safe(inbox, image, name, kept_as):
    delivery = inbox.receive([("a.tif", len(image))], name=name)
    delivery.write(0, image)
    assert delivery.finish()[0] == inbox.folder / kept_as


def test_text_alone_is_no_image(inbox):
    with pytest.raises(UnreadableError, match="no image"):
        hand_over(inbox, a__txt=b"PixelSize=4")


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.lists(st.integers(0, 12)))
def test_however_files_are_cut_into_parts_they_arrive_as_they_were(contents, lengths):
    files = {f"a.zarr/{n % 2}/{n}": data for n, data in enumerate(contents)}
    row, offset = b"".join(contents), 0
    with TemporaryDirectory() as folder:
        delivery = Delivery(Path(folder), Path(folder), {path: len(data) for path, data in files.items()})
        for length in (*lengths, len(row)):
            offset = delivery.write(offset, row[offset : offset + length])
        assert offset == len(row)
        assert {path: (Path(folder) / path).read_bytes() for path in files} == files


def test_files_that_the_disk_takes_for_one_are_not_mixed(inbox):
    delivery = inbox.receive([("a.zarr/zarr.json", 2), ("a.zarr/A/0", 2)])
    (delivery._draft / "a.zarr" / "A").mkdir(parents=True)
    (delivery._draft / "a.zarr" / "A" / "0").write_bytes(b"of a/0")
    with pytest.raises(StorageError, match="File exists"):
        delivery.write(0, b"{}ab")
    assert list(inbox.folder.iterdir()) == []


def test_a_full_disk_is_said_before_anything_comes(inbox, monkeypatch):
    free = shutil.disk_usage(inbox.folder.parent.parent).free
    monkeypatch.setattr(module, "SPARE_BYTES", free - 3 * 10**9)
    inbox.receive([("a.tif", 2 * 10**9)]).cancel()
    with pytest.raises(StorageError, match=r"no space for 2 files \(4,000 MB\)"):
        inbox.receive([("a.tif", 2 * 10**9), ("b.tif", 2 * 10**9)])


def test_a_disk_that_becomes_full_meanwhile_is_said_and_nothing_is_left_in_its_way(inbox):
    resource = pytest.importorskip("resource")
    delivery = inbox.receive([("a.tif", 3000)])
    delivery.write(0, bytes(1000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
    try:
        with pytest.raises(StorageError, match=r"File too large.*Free space"):
            delivery.write(1000, bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(inbox.folder.iterdir()) == []


@pytest.mark.parametrize(("offset", "part"), [(1, b"ab"), (0, b"abcde")])
def test_parts_come_in_order_and_are_no_more_than_was_said(inbox, offset, part):
    delivery = inbox.receive([("a.tif", 4)])
    with pytest.raises(StorageError, match="wrong order"):
        delivery.write(offset, part)


def test_what_was_not_announced_is_not_taken(inbox):
    with pytest.raises(StorageError, match="wrong order"):
        inbox.receive([]).write(0, b"a")


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_nothing_is_kept_of_half_a_file(inbox, end):
    delivery = inbox.receive([("a.tif", 4)])
    delivery.write(0, b"ab")
    if end == "finish":
        with pytest.raises(StorageError, match="Not all"):
            delivery.finish()
    delivery.cancel()
    assert list(inbox.folder.iterdir()) == []
    with pytest.raises(StorageError):
        delivery.write(2, b"cd")


def test_what_a_crash_left_half_received_goes_after_a_day(inbox):
    old, new = inbox.receive([]), inbox.receive([])
    os.utime(old._draft, (time.time() - 2 * 24 * 3600,) * 2)
    inbox.receive([])
    assert (old._draft.exists(), new._draft.exists()) == (False, True)


def test_two_users_have_two_inboxes_whatever_they_are_called(tmp_path):
    inboxes = [Inbox.of(tmp_path, user) for user in ("ada", "bob", "../ada", "a/da")]
    assert len({inbox.folder for inbox in inboxes}) == len({inbox.key for inbox in inboxes}) == 4
    assert {inbox.folder.parent for inbox in inboxes} == {tmp_path / "inbox"}


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "inbox").write_text("in the way")
    with pytest.raises(SegAppError, match="SEG_APP_HOME"):
        Inbox.of(tmp_path, "ada").receive([])
