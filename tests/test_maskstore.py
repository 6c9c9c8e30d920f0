import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import requests
from drops_server import DropsServer
from fileserver_contract import race
from hypothesis import given
from hypothesis import strategies as st
from masks import SMALL

from seg_app.errors import MissingError, NameTakenError, StorageError, UnreadableError, UnsafeNameError
from seg_app.io.drops import Drops
from seg_app.io.fileserver import FileServer, checked_path
from seg_app.io.local import LocalFolder
from seg_app.io.maskstore import MaskStore, decoded, encoded
from seg_app.records import ImageId, Mask, MaskFile


@pytest.fixture(params=["local", "drops"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    if request.param == "local":
        yield LocalFolder(tmp_path)
        return
    with DropsServer(tmp_path, "ann", "secret") as there, requests.Session() as http:
        yield Drops(http, there.url, user="ann", password="secret")


@pytest.fixture
def store(server: FileServer) -> MaskStore:
    return MaskStore(server, "/drops/ann/masks/")


def file_of(path: str, source: str = "local") -> MaskFile:
    return replace(SMALL, image=replace(SMALL.image, path=path, source=source))


def test_a_saved_set_is_loaded(store: MaskStore):
    assert store.load(store.save(SMALL)) == SMALL


def test_sets_lie_in_a_folder_for_their_image(store: MaskStore):
    assert store.save(file_of("samples/fib.tif")) == "drops/ann/masks/local/samples/fib.tif/fib.npz"


def test_the_next_set_takes_the_next_number(store: MaskStore):
    paths = [store.save(SMALL).rpartition("/")[2] for _ in range(3)]
    assert paths == ["fib volume.npz", "fib volume_1.npz", "fib volume_2.npz"]


def test_saving_never_touches_what_is_there(store: MaskStore):
    first = store.save(SMALL)
    store.save(replace(SMALL, masks=()))
    assert store.load(first) == SMALL


def test_the_number_goes_on_after_a_gap(store: MaskStore, tmp_path: Path):
    paths = [store.save(SMALL) for _ in range(3)]
    (tmp_path / paths[0]).unlink()
    assert store.save(SMALL).endswith("_3.npz")


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


ALIKE = [
    ("particle", "local"),
    ("particle_1", "local"),
    ("particle.tif", "local"),
    ("particle.png", "local"),
    ("a/particle", "local"),
    ("b/particle", "local"),
    ("particle/particle", "local"),
    ("particle/particle.npz", "local"),
    ("particle", "https://tiled.example.org"),
    ("particle", "https://tiled.example.org/a"),
    ("a/particle", "https://tiled.example.org"),
    ("", "local"),
    ("/particle", "local"),
    ("particle/", "local"),
    ("=", "local"),
    ("%3D", "local"),
    ("=3D", "local"),
]


def test_images_that_look_alike_keep_their_own_sets(store: MaskStore):
    files = [file_of(path, source) for path, source in ALIKE]
    saved = [store.save(file) for file in files]
    assert [[s.path for s in store.list(file.image)] for file in files] == [[path] for path in saved]
    assert [store.load(path) for path in saved] == files


def test_only_sets_of_the_image_are_listed(store: MaskStore, tmp_path: Path):
    folder = (tmp_path / store.save(file_of("a"))).parent
    for name in ("b.npz", "a_x.npz", "a_01.npz", "a_0.npz", "a_1.txt", "a.npz.bak", "xa.npz", "a_1_2.npz"):
        (folder / name).touch()
    (folder / "a_7.npz").mkdir()
    assert [saved.name for saved in store.list(file_of("a").image)] == ["a.npz"]


def test_a_name_taken_by_something_else_is_passed_over(store: MaskStore, tmp_path: Path):
    folder = (tmp_path / store.save(file_of("a"))).parent
    (folder / "a_1.npz").mkdir()
    assert store.save(file_of("a")).endswith("/a_2.npz")


def test_many_writers_at_once_each_keep_their_set(store: MaskStore):
    files = [replace(SMALL, masks=SMALL.masks[: i % 3]) for i in range(6)]
    paths = race([lambda file=file: store.save(file) for file in files])
    assert len(set(paths)) == 6
    assert [store.load(str(path)) for path in paths] == files


@pytest.mark.parametrize(
    "path",
    [
        "[1] <b>*?",
        "größe µm/断面",
        "a b/50%",
        'quo"te',
        "back\\slash",
        "line\nbreak",
        ".hidden",
        "./a",
        "c:",
        "end. ",
        "𝒳",
    ],
)
def test_any_path_of_an_image_will_do(store: MaskStore, path: str):
    file = file_of(path)
    saved = store.save(file)
    assert [s.path for s in store.list(file.image)] == [saved]
    assert store.load(saved) == file


@pytest.mark.parametrize("path", ["..", "../a", "a/../../b", "a/.."])
def test_a_path_that_leads_elsewhere_is_refused(store: MaskStore, tmp_path: Path, path: str):
    with pytest.raises(UnsafeNameError):
        store.save(file_of(path))
    with pytest.raises(UnsafeNameError):
        store.list(file_of(path).image)
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_leads_elsewhere_is_refused(server: FileServer):
    with pytest.raises(UnsafeNameError):
        MaskStore(server, "masks/../..")


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


def older_set(server: FileServer, name: str) -> None:
    """Keep a set as the older tool did: flat, whatever folder the image is in."""
    mask = {"segmentation": np.ones((60, 80), bool)}
    server.create(f"drops/ann/masks/{name}", pickle.dumps([mask]))


def test_sets_of_the_older_tool_come_after_those_of_the_image_and_are_told_apart(store: MaskStore, server: FileServer):
    own = store.save(file_of("samples/fib.tif"))
    for name in ("fib.pkl", "fib_2.pkl", "fibre.pkl", "fib_two.pkl", "fib.npz"):
        older_set(server, name)
    listed = store.list(file_of("samples/fib.tif").image)
    assert [(saved.path, saved.is_older) for saved in listed[:1]] == [(own, False)]
    assert {(saved.name, saved.number, saved.is_older) for saved in listed[1:]} == {
        ("fib.pkl", 0, True),
        ("fib_2.pkl", 2, True),
    }
    assert [mask.area for mask in store.load(listed[1].path).masks] == [4800]


def test_another_image_of_the_same_name_has_the_same_older_sets_alone(store: MaskStore, server: FileServer):
    store.save(file_of("samples/fib.tif"))
    older_set(server, "fib.pkl")
    assert [(saved.name, saved.is_older) for saved in store.list(file_of("lab/fib.png").image)] == [("fib.pkl", True)]


def test_older_sets_take_no_number_from_those_of_the_image(store: MaskStore, server: FileServer):
    older_set(server, "fib_7.pkl")
    assert store.save(file_of("samples/fib.tif")).endswith("/fib.npz")


def test_an_unknown_format_is_unreadable(store: MaskStore):
    with pytest.raises(UnreadableError, match="Known formats"):
        store.load("drops/a.docx")


def test_an_impossible_mask_is_not_stored(store: MaskStore):
    with pytest.raises(StorageError, match="mask 'm'"):
        store.save(replace(SMALL, masks=(Mask("m", 9, 0, 0, 1, 1, (0, 1)),)))
    assert store.list(SMALL.image) == []


def test_without_a_root_sets_lie_below_the_server(tmp_path: Path):
    assert MaskStore(LocalFolder(tmp_path)).save(file_of("a")) == "local/a/a.npz"


def test_where_names_the_server_and_the_folder(store: MaskStore, server: FileServer):
    assert store.where == f"{server.where}/drops/ann/masks"
    assert "secret" not in store.where
    assert MaskStore(server).where == server.where


def test_a_server_where_every_name_is_taken_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server = LocalFolder(tmp_path)
    monkeypatch.setattr(server, "create", Mock(side_effect=NameTakenError("taken")))
    with pytest.raises(StorageError, match="no free name for a set of 'samples/fib volume'"):
        MaskStore(server).save(SMALL)


PART = st.text(st.sampled_from("aA.=%3D2E\\:/ _npz\n\ud800é<"), max_size=6).filter(lambda part: "/" not in part)


@given(PART, PART)
def test_different_parts_stay_different(one: str, other: str):
    assert (encoded(one) == encoded(other)) == (one == other)


@given(st.text(st.characters(exclude_characters="/", codec=None), max_size=8))
def test_an_encoded_part_is_a_name_that_every_server_takes(part: str):
    assert checked_path(encoded(part)) == encoded(part)
    assert not encoded(part).lower().endswith((".npz", ".", " "))


def test_an_image_without_a_path_has_a_name():
    assert ImageId("local", "", (1, 1, 1), "uint8").stem == "image"


# Titles


@pytest.mark.parametrize(
    "title", ["pores", "by ann, 2nd", "x_3", "a.npz", "<b>bold<b>", "größe", "..a", "a..b", "-", "=3D"]
)
def test_a_titled_set_is_listed_by_its_title_and_loaded(store: MaskStore, title: str):
    paths = [store.save(SMALL, title=title) for _ in range(2)]
    assert [saved.path for saved in store.list(SMALL.image)] == paths[::-1]
    assert store.load(paths[0]) == SMALL
    assert title == "x_3" or {saved.title for saved in store.list(SMALL.image)} == {title}


def test_each_title_counts_for_itself(store: MaskStore):
    names = [store.save(SMALL, title=title).rpartition("/")[2] for title in ("", "pores", "pores", "", " pores ")]
    assert names == [
        "fib volume.npz", "fib volume-pores.npz", "fib volume-pores_1.npz", "fib volume_1.npz", "fib volume-pores_2.npz"
    ]  # fmt: skip


@pytest.mark.parametrize("title", ["..", ".", "a/b", "../a", "/", "a\\b", "a\x00b", "a\x7f", "a\udc80", "x" * 61])
def test_a_title_that_no_file_can_have_is_refused(store: MaskStore, tmp_path: Path, title: str):
    with pytest.raises(UnsafeNameError, match="Cannot call a set of masks"):
        store.save(SMALL, title=title)
    assert list(tmp_path.iterdir()) == []


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


@given(st.text(st.characters(exclude_characters="/", codec=None), max_size=8))
def test_an_encoded_part_is_decoded_as_it_was(part: str):
    assert decoded(encoded(part)) == (part or "=")
