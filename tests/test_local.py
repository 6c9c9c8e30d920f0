import contextlib
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fileserver_contract import FileServerContract, race

from seg_app.errors import MissingError, NameTakenError, StorageError, UnreadableError, UnsafeNameError
from seg_app.io.local import LocalFolder, read_file, write_atomically


class TestLocalFolder(FileServerContract):
    @pytest.fixture
    def server(self, tmp_path: Path) -> LocalFolder:
        return LocalFolder(tmp_path / "root")


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "root")


@contextlib.contextmanager
def full_disk(limit_bytes: int = 1000) -> Iterator[None]:
    """Let the system refuse to write files longer than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_root_is_listed(folder: LocalFolder):
    folder.create("b.npz", b"12")
    folder.create("a/c.npz", b"1")
    assert [(info.path, info.size, info.is_folder) for info in folder.list("")] == [("a", 0, True), ("b.npz", 2, False)]


def test_hidden_files_are_not_listed(folder: LocalFolder):
    folder.create("a/b.npz", b"12")
    (folder.root / "a/.hidden").touch()
    assert [info.name for info in folder.list("a")] == ["b.npz"]


def test_a_file_with_a_name_that_cannot_be_used_is_not_listed(folder: LocalFolder):
    folder.create("a/b.npz", b"12")
    (folder.root / "a/back\\slash").touch()
    assert [info.name for info in folder.list("a")] == ["b.npz"]


def test_creating_leaves_nothing_else_behind(folder: LocalFolder):
    folder.create("a/b.npz", b"12")
    with pytest.raises(NameTakenError):
        folder.create("a/b.npz", b"34")
    assert names(folder.root / "a") == ["b.npz"]


def test_a_full_disk_leaves_nothing_behind(folder: LocalFolder):
    with full_disk(), pytest.raises(StorageError, match="too large"):
        folder.create("a/b.npz", b"1" * 2000)
    assert names(folder.root / "a") == []


def test_a_file_system_without_hard_links_will_do(folder: LocalFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", no_hard_links)
    folder.create("a/b.npz", b"12")
    with pytest.raises(NameTakenError):
        folder.create("a/b.npz", b"34")
    assert folder.read("a/b.npz") == b"12"
    assert names(folder.root / "a") == ["b.npz"]


def no_hard_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_without_hard_links_one_of_many_writers_wins(folder: LocalFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", no_hard_links)
    outcomes = race([lambda i=i: folder.create("a.bin", bytes([i]) * 1000) for i in range(8)])
    assert folder.read("a.bin") == bytes([outcomes.index(None)]) * 1000
    assert [type(o) for o in outcomes if o is not None] == [NameTakenError] * 7


@pytest.mark.parametrize("link", ["outside", "outside/file", "outside/none"])
def test_a_symbolic_link_does_not_lead_out(folder: LocalFolder, tmp_path: Path, link: str):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_bytes(b"secret")
    folder.create("a/b.npz", b"1")
    (folder.root / "a/link").symlink_to(tmp_path / link)
    acts = (folder.read, folder.list, lambda path: folder.create(path, b""), lambda path: folder.read(f"{path}/file"))
    for act in acts:
        with pytest.raises(UnsafeNameError, match="symbolic link"):
            act("a/link")
    assert [info.name for info in folder.list("a")] == ["b.npz"]
    assert names(tmp_path / "outside") == ["file"]


def test_a_symbolic_link_inside_is_followed(folder: LocalFolder):
    folder.create("a/b.npz", b"123")
    (folder.root / "c").symlink_to(folder.root / "a")
    assert folder.read("c/b.npz") == b"123"
    assert folder.list("c")[0].path == "c/b.npz"


def test_a_symbolic_link_to_itself_is_refused(folder: LocalFolder):
    folder.create("a/b.npz", b"1")
    (folder.root / "a/loop").symlink_to("loop")
    with pytest.raises(UnsafeNameError):
        folder.read("a/loop/c")
    assert [info.name for info in folder.list("a")] == ["b.npz"]


def test_a_root_that_is_a_symbolic_link_is_followed(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "root")
    folder = LocalFolder(tmp_path / "link")
    folder.create("a/b.npz", b"123")
    assert (tmp_path / "root/a/b.npz").read_bytes() == b"123"


def test_a_name_too_long_is_not_stored(folder: LocalFolder):
    with pytest.raises(StorageError, match="too long"):
        folder.create("a" * 300, b"")


def test_the_name_shown_is_the_folder(folder: LocalFolder):
    assert folder.where == str(folder.root)
    assert repr(folder) == f"LocalFolder('{folder.root}')"


def test_writing_replaces_what_was_there(tmp_path: Path):
    write_atomically(tmp_path / "a/b.npz", b"old")
    write_atomically(tmp_path / "a/b.npz", b"new")
    assert (tmp_path / "a/b.npz").read_bytes() == b"new"
    assert names(tmp_path / "a") == ["b.npz"]


def test_a_full_disk_leaves_the_old_file_untouched(tmp_path: Path):
    write_atomically(tmp_path / "b.npz", b"old")
    with full_disk(), pytest.raises(StorageError, match=r"Cannot write '.*b\.npz'"):
        write_atomically(tmp_path / "b.npz", b"1" * 2000)
    assert (tmp_path / "b.npz").read_bytes() == b"old"
    assert names(tmp_path) == ["b.npz"]


def test_a_written_file_may_be_read_by_whom_the_umask_allows(tmp_path: Path):
    write_atomically(tmp_path / "b.npz", b"")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "b.npz").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path):
    (tmp_path / "b.npz").mkdir()
    with pytest.raises(StorageError):
        write_atomically(tmp_path / "b.npz", b"1")
    assert names(tmp_path) == ["b.npz"]


def test_reading_tells_a_missing_file_from_one_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(MissingError, match="none"):
        read_file(tmp_path / "none")
    with pytest.raises(UnreadableError, match="too long"):
        read_file(tmp_path / ("a" * 300))
