"""Reading in a process of its own: the pixels are the same, and a decoder that dies takes nobody with it."""

import os
import resource
import signal
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from seg_app.errors import UnreachableError, UnreadableError
from seg_app.io.apart import Reader
from seg_app.io.files import open_file

STACK = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)
WHOLE = (slice(0, 3, 1), slice(0, 30, 1), slice(0, 40, 1))


@pytest.fixture(scope="module")
def reader():
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture
def path(tmp_path) -> Path:
    """A file as detectors write it."""
    path = tmp_path / "a b.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=STACK, chunks=(1, 30, 40), **hdf5plugin.Bitshuffle())
    return path


def test_a_part_is_the_same_as_here(reader, path):
    part = reader.read(path, "data", (slice(1, 3, 1), slice(0, 30, 7), slice(5, 6, 1)))
    np.testing.assert_array_equal(part, STACK[1:3, ::7, 5:6])


def test_a_detector_s_file_is_opened_and_read_apart(path, reader, monkeypatch):
    monkeypatch.setattr("seg_app.io.apart._reader", lambda: reader)
    np.testing.assert_array_equal(open_file(path).levels[0].values, STACK)
    assert reader._process is not None


def test_a_damaged_chunk_is_an_error_and_the_next_part_is_read(reader, path):
    with h5py.File(path) as file:
        place = file["data"].id.get_chunk_info(1)
    with path.open("r+b") as raw:
        raw.seek(place.byte_offset + 12)
        raw.write(b"\xff" * 40)
    with pytest.raises(UnreadableError, match=r"a b\.h5"):
        reader.read(path, "data", WHOLE)
    np.testing.assert_array_equal(reader.read(path, "data", (slice(2, 3, 1), *WHOLE[1:])), STACK[2:])


def test_what_went_wrong_there_is_told_with_its_cause_and_what_may_pass_is_no_damage(reader, path):
    reader.read(path, "data", WHOLE)
    limits = resource.prlimit(reader._process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(reader._process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    with pytest.raises(UnreachableError, match="Too many open files") as told:
        reader.read(path, "data", WHOLE)
    resource.prlimit(reader._process.pid, resource.RLIMIT_NOFILE, limits)
    assert "in read_here" in str(told.value.__cause__)
    np.testing.assert_array_equal(reader.read(path, "data", WHOLE), STACK)


def test_a_reader_that_died_says_so_and_another_one_takes_over(reader, path):
    reader.read(path, "data", WHOLE)
    os.kill(reader._process.pid, signal.SIGSTOP)  # it cannot answer before it is gone
    os.kill(reader._process.pid, signal.SIGKILL)
    reader._process.poll = lambda: None  # as if it died while it reads
    with pytest.raises(UnreadableError, match="its decoder died"):
        reader.read(path, "data", WHOLE)
    np.testing.assert_array_equal(reader.read(path, "data", WHOLE), STACK)


def test_a_reader_that_hangs_is_given_up(path, monkeypatch):
    monkeypatch.setattr("seg_app.io.apart.TIMEOUT_S", 0.2)
    reader = Reader()
    os.kill(reader._running().pid, signal.SIGSTOP)
    with pytest.raises(UnreadableError, match="its decoder died"):
        reader.read(path, "data", WHOLE)
    reader.close()
