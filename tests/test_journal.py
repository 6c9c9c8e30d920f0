"""The journal: on disk before it is shown, whole or not at all."""

import errno
import hashlib
import math
import os
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from builders import IMAGE, square

from seg_app.errors import StorageError
from seg_app.models.journal import Change, Journal
from seg_app.models.maskset import MaskSet
from seg_app.models.notes import Notes, Said
from seg_app.records import Point, Prompts


@pytest.fixture
def journal(tmp_path):
    return Journal.of_image(tmp_path, IMAGE)


def reopened(journal):
    return Journal(journal.path)


def test_a_change_is_read_back_as_it_was_written(journal):
    change = Change("add", masks=(square(class_name="pore", score=0.5),))
    journal.append(change)
    assert reopened(journal).read_new() == [change]


def test_changes_are_read_once(journal):
    journal.append(Change("undo"))
    other = reopened(journal)
    assert (other.read_new(), other.read_new()) == ([Change("undo")], [])


def test_own_changes_are_not_read_back(journal):
    journal.append(Change("undo"))
    assert journal.read_new() == []


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_cut_off_by_a_crash_is_skipped_and_the_next_one_counts(journal, cut):
    journal.append(Change("add", masks=(square(),)))
    os.truncate(journal.path, journal.path.stat().st_size - cut)
    after = reopened(journal)
    after.read_new()
    after.append(Change("redo"))
    assert reopened(journal).read_new() == [Change("redo")]


def test_foreign_lines_are_skipped(journal):
    journal.append(Change("undo"))
    with journal.path.open("ab") as file:
        file.write(b'\x00\xff\n{"op": "format disk"}\n[]\n\n')
    assert reopened(journal).read_new() == [Change("undo")]


def test_a_full_disk_leaves_the_journal_as_it_was(journal, monkeypatch):
    journal.append(Change("undo"))
    before = journal.path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        journal.append(Change("redo"))
    assert journal.path.read_bytes() == before


def test_a_line_that_fits_in_part_only_leaves_the_journal_as_it_was(journal):
    resource = pytest.importorskip("resource")
    journal.append(Change("undo"))
    before = journal.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(StorageError, match="File too large"):
            journal.append(Change("add", masks=(square(),)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert journal.path.read_bytes() == before
    journal.append(Change("redo"))
    assert reopened(journal).read_new() == [Change("undo"), Change("redo")]


def test_a_new_journal_is_put_on_disk_with_its_name(journal, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    for _ in range(2):
        journal.append(Change("undo"))
    inodes = [path.stat().st_ino for path in (journal.path, journal.path.parent, journal.path)]
    assert synced == inodes


@pytest.mark.parametrize(
    "wrong",
    [{"score": math.nan}, {"score": math.inf}, {"prompts": Prompts((Point(math.nan, 1.0),))}],
)
def test_what_could_not_be_read_back_is_not_written(journal, wrong):
    journal.append(Change("undo"))
    with pytest.raises(StorageError, match="Cannot keep this 'add'"):
        journal.append(Change("add", masks=(square(**wrong),)))
    assert reopened(journal).read_new() == [Change("undo")]


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        Journal.of_image(tmp_path / "file" / "below", IMAGE)


def test_a_journal_held_elsewhere_is_said_so(journal, monkeypatch):
    monkeypatch.setattr("seg_app.models.journal.LOCK_TIMEOUT_S", 0)
    with journal.locked(), pytest.raises(StorageError, match="held by another program"), reopened(journal).locked():
        pass


def test_images_of_one_name_have_journals_of_their_own(tmp_path):
    paths = {Journal.of_image(tmp_path, replace(IMAGE, path=path)).path for path in ("a/tiny", "b/tiny", "../tiny")}
    assert len(paths) == 3
    assert {path.parent for path in paths} == {tmp_path}


def test_an_image_made_anew_in_another_size_has_a_journal_of_its_own(tmp_path):
    planes, rows, columns = IMAGE.shape
    larger = replace(IMAGE, shape=(planes, rows + 1, columns))
    assert Journal.of_image(tmp_path, larger).path != Journal.of_image(tmp_path, IMAGE).path
    assert Journal.of_image(tmp_path, replace(larger)).path == Journal.of_image(tmp_path, larger).path


def test_an_image_that_got_more_planes_goes_on_with_its_journal(tmp_path, journal):
    journal.append(Change("undo"))
    planes, *plane = IMAGE.shape
    larger = Journal.of_image(tmp_path, replace(IMAGE, shape=(planes + 5, *plane)))
    assert larger.read_new() == [Change("undo")]
    assert Journal.of_image(tmp_path, replace(IMAGE, shape=(planes - 1, *plane))).read_new() == []


def opened_at(folder, planes, of=Journal):
    return of.of_image(folder, replace(IMAGE, shape=(planes, *IMAGE.shape[1:])))


@pytest.mark.parametrize("first", [0, 1, 2])
def test_who_opens_a_growing_image_later_shares_its_journal_whoever_writes_first(tmp_path, first):
    tabs = [opened_at(tmp_path, planes) for planes in (3, 5, 10)]
    tabs[first].append(Change("undo"))
    assert [tab.read_new() for tab in tabs if tab is not tabs[first]] == [[Change("undo")]] * 2
    assert len({tab.path for tab in (*tabs, opened_at(tmp_path, 20))}) == 1


@pytest.mark.parametrize("first", [0, 1])
def test_what_is_said_of_a_growing_image_is_heard_by_who_opened_it_at_another_length(tmp_path, first):
    tabs = [opened_at(tmp_path, planes, Notes) for planes in (3, 10)]
    tabs[first].change(databar_rows=7)
    assert tabs[1 - first].read() == Said(databar_rows=7)
    tabs[1 - first].change(databar_rows=8)
    assert tabs[first].read() == Said(databar_rows=8)


def test_two_tabs_that_write_at_once_write_into_one_journal(tmp_path):
    tabs = [MaskSet(opened_at(tmp_path, planes)) for planes in range(1, 9)]
    threads = [Thread(target=tab.add, args=([square(n)],)) for n, tab in enumerate(tabs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mask.number for mask in MaskSet(opened_at(tmp_path, 8)).masks) == list(range(1, 9))


def test_a_journal_of_more_planes_that_was_there_before_is_of_an_earlier_image(tmp_path):
    opened_at(tmp_path, 10).append(Change("undo"))
    again = opened_at(tmp_path, 3)
    again.append(Change("redo"))
    assert opened_at(tmp_path, 3).read_new() == [Change("redo")]


def test_asking_again_for_news_where_only_others_have_journals_is_cheap(tmp_path, monkeypatch):
    hashed, sha256 = [], hashlib.sha256
    monkeypatch.setattr("hashlib.sha256", lambda data: hashed.append(data) or sha256(data))
    journal = opened_at(tmp_path, 1000)
    journal.path.with_stem(f"{journal.path.stem[:-12]}{0:012}").touch()
    assert not journal.has_news
    hashed.clear()
    assert not journal.has_news
    assert len(hashed) < 5


def test_an_empty_journal_of_an_earlier_image_does_not_hide_what_was_accepted_on_the_growing_one(tmp_path):
    for planes in (10, 3):  # as they were once made when an image was opened
        opened_at(tmp_path, planes).path.touch()
    opened_at(tmp_path, 3).append(Change("undo"))
    assert opened_at(tmp_path, 10).read_new() == [Change("undo")]


def test_where_nothing_can_be_written_images_can_still_be_looked_at(tmp_path, journal, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", read_only)
    assert Journal.of_image(tmp_path, IMAGE).path == journal.path
    assert Journal.of_image(tmp_path / "other", IMAGE).read_new() == []


def test_notes_that_nobody_wrote_yet_are_no_trouble(tmp_path, caplog):
    assert Notes.of_image(tmp_path, IMAGE).read() == Said()
    assert caplog.text == ""
