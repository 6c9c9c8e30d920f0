"""Sets of masks on a server: saved, listed newest first and loaded, whatever else lies there."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from fileserver_contract import race
from masks import SMALL, file_of

from seg_app.errors import MissingError, StorageError, UnreadableError, UnsafeNameError
from seg_app.io.fileserver import FileServer
from seg_app.io.maskstore import MaskStore
from seg_app.records import Mask


def test_a_saved_set_is_loaded(store: MaskStore):
    assert store.load(store.save(SMALL)) == SMALL


def test_saving_never_touches_what_is_there(store: MaskStore):
    first = store.save(SMALL)
    store.save(replace(SMALL, masks=()))
    assert store.load(first) == SMALL


def test_sets_are_listed_newest_first(store: MaskStore, tmp_path: Path):
    paths = [store.save(SMALL) for _ in range(3)]
    for path, modified_s in zip(paths, (2000, 3000, 1000), strict=True):
        os.utime(tmp_path / path, (modified_s, modified_s))
    listed = store.list(SMALL.image)
    assert [(saved.path, saved.modified_s) for saved in listed] == [
        (paths[1], 3000),
        (paths[0], 2000),
        (paths[2], 1000),
    ]


def test_sets_of_one_moment_are_listed_by_number(store: MaskStore, tmp_path: Path):
    for path in [store.save(SMALL) for _ in range(11)]:
        os.utime(tmp_path / path, (1000, 1000))
    assert [saved.number for saved in store.list(SMALL.image)] == list(range(10, -1, -1))


def test_a_listed_set_knows_name_and_size(store: MaskStore, tmp_path: Path):
    path = store.save(SMALL)
    (saved,) = store.list(SMALL.image)
    assert (saved.name, saved.number, saved.size) == ("fib volume.npz", 0, (tmp_path / path).stat().st_size)


def test_an_image_without_sets_lists_none(store: MaskStore):
    assert store.list(SMALL.image) == []


def test_only_sets_of_the_image_are_listed(store: MaskStore, tmp_path: Path):
    folder = (tmp_path / store.save(file_of("a"))).parent
    for name in ("b.npz", "a_x.npz", "a_01.npz", "a_0.npz", "a_1.txt", "a.npz.bak", "xa.npz", "a_1_2.npz"):
        (folder / name).touch()
    (folder / "a_7.npz").mkdir()
    assert [saved.name for saved in store.list(file_of("a").image)] == ["a.npz"]


def test_many_writers_at_once_each_keep_their_set(store: MaskStore):
    files = [replace(SMALL, masks=SMALL.masks[: i % 3]) for i in range(6)]
    paths = race([lambda file=file: store.save(file) for file in files])
    assert len(set(paths)) == 6
    assert [store.load(str(path)) for path in paths] == files


def test_a_path_that_leads_elsewhere_is_not_loaded(store: MaskStore):
    with pytest.raises(UnsafeNameError):
        store.load("../secret.npz")


def test_a_missing_set_is_missing(store: MaskStore):
    with pytest.raises(MissingError):
        store.load("drops/none.npz")


def test_a_broken_set_is_told_by_its_path(store: MaskStore, tmp_path: Path):
    path = store.save(SMALL)
    (tmp_path / path).write_bytes(b"broken")
    with pytest.raises(UnreadableError, match=r"Cannot read '.*fib volume\.npz' of .*: not a mask set"):
        store.load(path)


def test_tables_and_pictures_beside_sets_are_no_sets(store: MaskStore, server: FileServer):
    path = store.save(SMALL)
    server.create(path.replace(".npz", ".csv"), b"")
    server.create(path.replace(".npz", ".png"), b"")
    assert [saved.path for saved in store.list(SMALL.image)] == [path]


def test_an_unknown_format_is_unreadable(store: MaskStore):
    with pytest.raises(UnreadableError, match="Known formats"):
        store.load("drops/a.docx")


def test_an_impossible_mask_is_not_stored(store: MaskStore):
    with pytest.raises(StorageError, match="mask 'm'"):
        store.save(replace(SMALL, masks=(Mask("m", 9, 0, 0, 1, 1, (0, 1)),)))
    assert store.list(SMALL.image) == []


def test_where_names_the_server_and_the_folder(store: MaskStore, server: FileServer):
    assert store.where == f"{server.where}/drops/ann/masks"
    assert "secret" not in store.where
    assert MaskStore(server).where == server.where


def test_a_listed_set_says_where_it_is(store: MaskStore, server: FileServer):
    path = store.save(SMALL)
    (saved,) = store.list(SMALL.image)
    assert saved.where == f"{server.where}/{path.rpartition('/')[0]}"


def test_what_a_set_holds_can_be_asked(store: MaskStore):
    path = store.save(SMALL)
    assert store.holds(path, SMALL)
    assert not store.holds(path, replace(SMALL, masks=()))
    assert not store.holds(path.replace(".npz", "_9.npz"), SMALL)


def test_who_saves_hears_of_each_path_before_it_is_written(store: MaskStore, server: FileServer):
    heard: list[tuple[str, int]] = []
    store.save(SMALL, trying=lambda path: heard.append((path, len(server.list(path.rpartition("/")[0])))))
    assert [(path.rpartition("/")[2], files) for path, files in heard] == [("fib volume.npz", 0)]
