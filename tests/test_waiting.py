"""Sets that wait on this disk: there completely or not at all, also after a crash."""

import errno
import json
from dataclasses import replace

import pytest
from disks import full
from masks import SMALL

from seg_app.errors import ForbiddenError, StorageError
from seg_app.io.formats import npz
from seg_app.io.waiting import WaitingSets

OTHER = replace(SMALL, masks=SMALL.masks[:1])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def sets(folder):
    return WaitingSets(folder)


def test_a_set_that_waits_is_there_with_what_is_said_of_it(sets):
    added = sets.add(SMALL, title="pores")
    assert sets.all() == (added,)
    assert (added.title, added.name, added.count) == ("pores", "fib volume", 2)
    assert npz.decode(sets.data(added.id)) == SMALL


def test_the_oldest_is_first(sets):
    ids = [sets.add(replace(SMALL, masks=SMALL.masks[:n])).id for n in range(3)]
    assert [waiting.id for waiting in sets.all()] == ids


def test_the_same_set_waits_once_under_one_title(sets):
    ids = {sets.add(SMALL, title=title).id for title in ("", "", "pores", "pores")}
    assert len(ids) == len(sets.all()) == 2


def test_another_program_finds_what_waits(sets, folder):
    added = sets.tries(sets.add(SMALL), "a/b.npz")
    assert WaitingSets(folder).all() == (added,)
    assert added.tried == ("a/b.npz",)


def test_what_has_arrived_is_gone(sets, folder):
    sets.remove(sets.add(SMALL).id)
    assert sets.all() == ()
    assert list(folder.iterdir()) == []


def test_what_is_put_aside_waits_no_more_and_stays(sets, folder):
    sets.put_aside(sets.add(SMALL).id)
    assert sets.all() == ()
    (kept,) = (folder / "aside").iterdir()
    assert npz.decode(kept.read_bytes()) == SMALL


@pytest.mark.parametrize("note", [None, b"", b"{", b'{"tried": 3}'])
def test_without_its_note_a_set_is_there_all_the_same(sets, folder, note):
    added = sets.add(SMALL, title="pores")
    path = folder / f"{added.id}.json"
    path.unlink() if note is None else path.write_bytes(note)
    assert [waiting.id for waiting in sets.all()] == [added.id]


def test_a_note_alone_is_no_set(sets, folder):
    added = sets.add(SMALL)
    (folder / f"{added.id}.npz").unlink()
    assert json.loads((folder / f"{added.id}.json").read_text())["count"] == 2
    assert sets.all() == ()


def test_on_a_full_disk_nothing_waits(sets, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StorageError, match="No space left on device"):
            sets.add(SMALL)
    assert sets.all() == ()


def test_a_folder_that_may_not_be_written_to_leaves_what_waits(sets, monkeypatch):
    sets.add(SMALL)

    def read_only(_):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", read_only)
        with pytest.raises(ForbiddenError, match="Read-only"):
            sets.add(OTHER)
    assert len(sets.all()) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/outbox"), WaitingSets(tmp_path / "file" / "outbox").locked():
        pass


def test_of_two_programs_one_delivers(sets, folder, monkeypatch):
    monkeypatch.setattr("seg_app.io.waiting.LOCK_TIMEOUT_S", 0)
    with sets.locked() as ours, WaitingSets(folder).locked() as theirs:
        assert (ours, theirs) == (True, False)
    with WaitingSets(folder).locked() as theirs:
        assert theirs
