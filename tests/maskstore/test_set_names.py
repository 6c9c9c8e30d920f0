"""What a set of masks is called: after its image, its title and the next free number, on any server."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from masks import SMALL, file_of

from seg_app.errors import NameTakenError, StorageError, UnsafeNameError
from seg_app.io.fileserver import FileServer, checked_path
from seg_app.io.local import LocalFolder
from seg_app.io.maskstore import MaskStore, decoded, encoded
from seg_app.records import ImageId


def test_sets_lie_in_a_folder_for_their_image(store: MaskStore):
    assert store.save(file_of("samples/fib.tif")) == "drops/ann/masks/local/samples/fib.tif/fib.npz"


def test_the_next_set_takes_the_next_number(store: MaskStore):
    paths = [store.save(SMALL).rpartition("/")[2] for _ in range(3)]
    assert paths == ["fib volume.npz", "fib volume_1.npz", "fib volume_2.npz"]


def test_the_number_goes_on_after_a_gap(store: MaskStore, tmp_path: Path):
    paths = [store.save(SMALL) for _ in range(3)]
    (tmp_path / paths[0]).unlink()
    assert store.save(SMALL).endswith("_3.npz")


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


def test_a_name_taken_by_something_else_is_passed_over(store: MaskStore, tmp_path: Path):
    folder = (tmp_path / store.save(file_of("a"))).parent
    (folder / "a_1.npz").mkdir()
    assert store.save(file_of("a")).endswith("/a_2.npz")


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


def test_without_a_root_sets_lie_below_the_server(tmp_path: Path):
    assert MaskStore(LocalFolder(tmp_path)).save(file_of("a")) == "local/a/a.npz"


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


@given(st.text(st.characters(exclude_characters="/", codec=None), max_size=8))
def test_an_encoded_part_is_decoded_as_it_was(part: str):
    assert decoded(encoded(part)) == (part or "=")
