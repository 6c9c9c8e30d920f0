"""Arrays on disk are whole or not there, and never more than their bound, whoever shares the folder."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seg_app.sam.diskcache import ABANDONED_S, PARTIAL, DiskCache

ARRAYS = {"map": np.arange(1000, dtype=np.float16).reshape(10, 100), "name": np.array(["float32", "bfloat16"])}


@pytest.fixture
def cache(tmp_path):
    return DiskCache(tmp_path / "cache", 10**6)


@pytest.fixture
def entry(cache):
    """The only file of a cache, of the key 'key'."""
    cache.keep("key", ARRAYS)
    (path,) = cache._folder.iterdir()
    return path


@given(arrays(st.sampled_from(["f2", "f4", "u1", "i8"]), array_shapes(min_dims=0, max_side=4)))
def test_arrays_come_back_as_they_were(tmp_path_factory, array):
    cache = DiskCache(tmp_path_factory.mktemp("cache"), 10**6)
    cache.keep("key", {"array": array})
    found = cache.find("key")["array"]
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_what_was_never_kept_is_not_there(cache):
    assert cache.find("key") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
        lambda content: content + b"\0",
        lambda _: b"no cache entry at all",
        lambda content: bytes(len(content)),
    ],
    ids=["empty", "a byte cut off", "cut in half", "a bit turned", "a byte more", "foreign", "zeros"],
)
def test_a_damaged_entry_is_dropped(cache, entry, damage):
    entry.write_bytes(damage(entry.read_bytes()))
    assert cache.find("key") is None
    assert not entry.exists()
    cache.keep("key", ARRAYS)
    np.testing.assert_array_equal(cache.find("key")["map"], ARRAYS["map"])


def test_an_entry_does_not_pass_for_another(cache, entry):
    entry.rename(cache._path("other"))
    assert cache.find("other") is None


def test_the_folder_stays_below_its_bound_and_keeps_what_was_used_last(cache, entry):
    cache = DiskCache(cache._folder, 3 * entry.stat().st_size)
    for age, key in enumerate(("key", "b", "c")):
        cache.keep(key, ARRAYS)
        os.utime(cache._path(key), (age, age))
    cache.find("key")
    cache.keep("d", ARRAYS)
    assert [key for key in ("key", "b", "c", "d") if cache.find(key)] == ["key", "c", "d"]


def test_what_is_larger_than_the_bound_pushes_nothing_out(cache, entry):
    cache.keep("large", {"map": np.zeros(10**6)})
    assert [*cache._folder.iterdir()] == [entry]


def test_what_a_dead_process_left_is_removed_and_what_is_being_written_is_not(cache, entry):
    abandoned, new = (entry.with_name(f"{name}{PARTIAL}") for name in ("abandoned", "new"))
    for path in (abandoned, new):
        path.write_bytes(b"half")
    os.utime(abandoned, (0, entry.stat().st_mtime - ABANDONED_S - 60))
    cache.keep("other", ARRAYS)
    assert (abandoned.exists(), new.exists()) == (False, True)


def test_a_folder_that_cannot_be_made_is_said_once_and_nothing_fails(tmp_path, caplog):
    (tmp_path / "file").touch()
    cache = DiskCache(tmp_path / "file" / "cache", 10**6)
    for _ in range(3):
        cache.keep("key", ARRAYS)
        assert cache.find("key") is None
    assert ["cannot be kept" in record.message for record in caplog.records] == [True]


def test_a_full_disk_leaves_nothing_half_written_and_the_next_entry_is_tried(cache, entry, caplog):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        cache.keep("other", ARRAYS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be kept" in caplog.text
    assert [*cache._folder.iterdir()] == [entry]
    cache.keep("other", ARRAYS)
    assert cache.find("other")


def test_processes_share_a_folder(cache):
    program = (
        "import sys, pathlib, numpy as np; from seg_app.sam.diskcache import DiskCache\n"
        "cache = DiskCache(pathlib.Path(sys.argv[1]), 40_000)\n"
        "for i in range(200):\n"
        "    key = str(i % 7)\n"
        "    found = cache.find(key)\n"
        "    assert found is None or (found['map'] == int(key)).all()\n"
        "    cache.keep(key, {'map': np.full(1000, int(key), 'f4')})\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(cache._folder)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[1] for process in running]
    assert (said, [process.returncode for process in running]) == ([""] * 3, [0] * 3)
    assert not [*cache._folder.glob(f"*{PARTIAL}")]
