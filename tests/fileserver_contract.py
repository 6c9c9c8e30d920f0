"""What every file server promises; a subclass gives `server`, an empty one."""

import threading
from collections.abc import Callable

import pytest

from seg_app.errors import MissingError, NameTakenError, SegAppError, StorageError, UnsafeNameError
from seg_app.io.fileserver import FileServer

NAMES = [
    "plain",
    "a b",
    "50%",
    "a%20b",
    "%u00e9",
    "[1]",
    "a[!b]c",
    "a*b?",
    "{x,y}",
    "{x}",
    "+(a|b)",
    "!(a)",
    "<b>bold<b>",
    'a "quoted" name',
    "it's; & more=less #1",
    "größe µm",
    "断面",
    "𝒳",
]
UNSAFE = [
    "",
    "/absolute",
    "a//b",
    "a/",
    ".",
    "..",
    "../a",
    "a/../b",
    ".hidden/a",
    "a/.hidden",
    "a\\b",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\udc80",
]
ALL_BYTES = bytes(range(256)) * 3 + b"\r\n--boundary\r\n"


class FileServerContract:
    def test_a_created_file_is_read_back(self, server: FileServer):
        server.create("folder/a.bin", ALL_BYTES)
        assert server.read("folder/a.bin") == ALL_BYTES

    def test_an_empty_file_is_read_back(self, server: FileServer):
        server.create("folder/a.bin", b"")
        assert server.read("folder/a.bin") == b""

    def test_a_created_file_is_listed_with_path_size_and_date(self, server: FileServer):
        server.create("folder/sub/a.bin", b"12345")
        (info,) = server.list("folder/sub")
        assert (info.path, info.name, info.size, info.is_folder) == ("folder/sub/a.bin", "a.bin", 5, False)
        assert 1_600_000_000 < info.modified_s < 10_000_000_000

    def test_a_folder_is_listed_as_a_folder(self, server: FileServer):
        server.create("folder/sub/a.bin", b"12345")
        (info,) = server.list("folder")
        assert (info.path, info.size, info.is_folder) == ("folder/sub", 0, True)

    def test_a_missing_folder_is_empty(self, server: FileServer):
        assert server.list("nowhere") == []

    def test_a_file_is_no_folder(self, server: FileServer):
        server.create("folder/a.bin", b"1")
        assert server.list("folder/a.bin") == []

    def test_a_missing_file_is_missing(self, server: FileServer):
        with pytest.raises(MissingError, match=r"folder/none\.bin"):
            server.read("folder/none.bin")

    def test_a_folder_is_no_file(self, server: FileServer):
        server.create("folder/a.bin", b"1")
        with pytest.raises(MissingError):
            server.read("folder")

    def test_a_file_is_never_overwritten(self, server: FileServer):
        server.create("folder/a.bin", b"first")
        with pytest.raises(NameTakenError, match=r"a\.bin"):
            server.create("folder/a.bin", b"second")
        assert server.read("folder/a.bin") == b"first"

    def test_a_folder_is_never_overwritten(self, server: FileServer):
        server.create("folder/sub/a.bin", b"1")
        with pytest.raises(NameTakenError):
            server.create("folder/sub", b"2")

    def test_nothing_is_stored_below_a_file(self, server: FileServer):
        server.create("folder/a.bin", b"1")
        with pytest.raises(StorageError):
            server.create("folder/a.bin/b.bin", b"2")
        assert server.read("folder/a.bin") == b"1"

    @pytest.mark.parametrize("name", NAMES)
    def test_any_name_works_for_folders_and_files(self, server: FileServer, name: str):
        server.create(f"{name}/{name}/{name}.npz", b"123")
        assert [info.path for info in server.list(f"{name}/{name}")] == [f"{name}/{name}/{name}.npz"]
        assert server.read(f"{name}/{name}/{name}.npz") == b"123"

    @pytest.mark.parametrize("name", NAMES)
    def test_a_name_is_not_a_pattern(self, server: FileServer, name: str):
        for folder in ("x", "y", "a", "b", "1", "acc", "aab", "a b"):
            server.create(f"{folder}/other.bin", b"123")
        assert name == "a b" or server.list(name) == []

    @pytest.mark.parametrize("path", UNSAFE)
    def test_unsafe_names_are_refused(self, server: FileServer, path: str):
        verbs: list[Callable[[], object]] = [
            lambda: server.read(path),
            lambda: server.create(path, b"1"),
            lambda: server.create(f"folder/{path}", b"1"),
            lambda: server.list(f"folder/{path}"),
        ]
        for verb in verbs[: 2 if path == "/absolute" else 4]:
            with pytest.raises(UnsafeNameError):
                verb()

    def test_of_many_writers_one_wins(self, server: FileServer):
        outcomes = race([lambda i=i: server.create("folder/a.bin", bytes([i]) * 1000) for i in range(8)])
        winners = [i for i, outcome in enumerate(outcomes) if outcome is None]
        assert [type(o) for o in outcomes if o is not None] == [NameTakenError] * 7
        assert server.read("folder/a.bin") == bytes(winners) * 1000


def race(acts: list[Callable[[], object]]) -> list[object]:
    """Start all acts at one moment; return what each returned or raised."""
    outcomes: list[object] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(i: int) -> None:
        start.wait()
        try:
            outcomes[i] = acts[i]()
        except SegAppError as error:
            outcomes[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
