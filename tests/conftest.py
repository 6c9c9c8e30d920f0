"""What every test has: no internet, no settings from outside, samples that are made once."""

import faulthandler
import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import event
from sqlalchemy.engine import Engine

from seg_app.io.tiled_server import EmbeddedTiled

gc.disable()  # while the tests are collected, all is imported: two of nine seconds went into searching it

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "data"))

# The first example of a property imports much, and the machine may be busy. All tests together have fifteen minutes.
settings.register_profile("seg_app", deadline=None, max_examples=60)
settings.load_profile("seg_app")

PHASE_S = 150
"""How long setting up, a test, or tearing down may take at most, on each try."""
STDERR = pytest.StashKey[int]()
"""Where one writes past what pytest captures."""

LONG = {
    "test_tiled_process",
    "test_bare_package",
    "test_engine",
    "test_training_trainer",
    "test_app",
    "test_replicas",
    "test_tiled_folder",
    "test_tiled_trouble",
    "test_following",
}
"""Files of which each takes half a minute or more. They come first: at the end no core waits for one of them."""


@event.listens_for(Engine, "connect")
def need_not_outlast_a_power_cut(connection, _record):
    """Let the catalogs of embedded servers wait for no disk: it took a third of the time of whoever writes to one."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


def pytest_configure(config):
    config.stash[STDERR] = os.dup(2)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish():
    """Let garbage collection pass over all that was imported: searching it again and again took 15 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def within_limit(item):
    """Let a phase go on while it may; after that say where it hangs, and end the process.

    pytest-timeout and pytest's own faulthandler forget their limits when a test fails, and set none when it is
    repeated: a page that hangs would be waited for without an end.
    """
    faulthandler.dump_traceback_later(PHASE_S, exit=True, file=item.config.stash[STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = pytest.hookimpl(wrapper=True)(within_limit)


@pytest.fixture
def without_sam2(monkeypatch):
    """As where the extra `sam` is not installed: the classical segmenter is the best there is."""
    monkeypatch.setitem(sys.modules, "sam2", None)


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """The folder of the small sample images."""
    from make_samples import make_samples

    folder = tmp_path_factory.mktemp("samples")
    make_samples(folder, small=True, tell=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """An embedded Tiled server, as its source, and the folder that it may serve from."""
    folder = tmp_path_factory.mktemp("embedded")
    server = EmbeddedTiled.start(folder / "root", readable=[folder])
    source = server.connect()
    yield source, folder
    source.close()
    server.stop()


@pytest.fixture
def source(embedded):
    """The embedded server, with an empty catalog."""
    yield embedded[0]
    embedded[0].client.delete_contents(recursive=True, external_only=False)


@pytest.fixture
def one_thread():
    """Small tensors are faster without other threads, above all while the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
