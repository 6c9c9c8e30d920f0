"""From settings to what all pages of a lab share; a lab that is not there is tried again."""

import logging
import threading

import numpy as np
import pytest
from builders import square
from embedded import EMBEDDED
from serving import nobody

from seg_app.app import data_of, lab_of, warm_up, workshop_of
from seg_app.errors import (
    RefusedError,
    SegmenterError,
    SettingsError,
    StorageError,
    UnreachableError,
)
from seg_app.io import ome_zarr, readable_folders
from seg_app.io.tiled_process import TiledProcess
from seg_app.io.waiting import WaitingSets
from seg_app.models import Desk
from seg_app.records import ImageId, MaskFile
from seg_app.sam import get_ready

pytestmark = EMBEDDED


# Everything embedded


def test_without_settings_everything_is_embedded_and_the_samples_are_there(lab, home):
    assert [entry.path for entry in lab.source.browse("samples")] == ["samples/tiny"]
    assert lab.source.name == "embedded"
    lab.shelf.default.embed(np.zeros((8, 8, 3), np.uint8))
    assert lab.shelf.default.name == "Classical · no weights"
    assert (lab.store.where, lab.home) == (str(home / "masks"), home)


def test_levels_are_kept_in_the_cache_of_the_lab(lab, home):
    lab.workshop.tiles.keep("a-tile", {"pixels": np.zeros((8, 8), np.uint8)})
    assert [path.parent for path in (home / "cache").rglob("a-tile*")] == [home / "cache" / "levels"]


def test_no_levels_are_made_where_nothing_may_be_kept(settings_of):
    assert workshop_of(settings_of(SEG_APP_CACHE_GB=0)) is None


def test_a_lab_is_connected_to_once(settings, lab):
    assert lab_of(settings) is lab


# The lab's own servers


def test_the_servers_of_the_lab_are_used(settings_of, lab, home):
    key = (home / "tiled" / "api_key").read_text()
    source = data_of(settings_of(DATA_TILED_URI=lab.source.uri, DATA_TILED_API_KEY=key))
    assert source.name == lab.source.uri
    assert [entry.path for entry in source.browse("samples")] == ["samples/tiny"]
    assert [entry.path for entry in source.browse()] == ["samples", "#here"]
    source.close()


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_or_missing_key_is_named(settings_of, lab, key):
    with pytest.raises(RefusedError, match="DATA_TILED_API_KEY"):
        lab_of(settings_of(DATA_TILED_URI=lab.source.uri, DATA_TILED_API_KEY=key))


def test_a_failed_lab_is_tried_again(settings_of):
    for _ in range(2):
        with pytest.raises(UnreachableError, match="DATA_TILED_URI"):
            lab_of(settings_of(DATA_TILED_URI=nobody()))


def test_a_home_that_was_a_file_works_once_it_is_none(settings_of, tmp_path):
    (tmp_path / "home").write_text("")
    settings = settings_of()
    with pytest.raises(StorageError, match=r"home.*SEG_APP_HOME"):
        lab_of(settings)
    (tmp_path / "home").unlink()
    assert lab_of(settings).source.browse("samples") == []


def test_a_server_that_was_begun_and_could_not_start_is_begun_again_at_the_next_try(settings_of):
    settings = settings_of()
    catalog = settings.home / "tiled" / "catalog.db"
    catalog.parent.mkdir(parents=True)
    catalog.write_bytes(b"not a database" * 100)
    with TiledProcess(catalog.parent, readable=readable_folders(settings.home, ())) as begun:
        with pytest.raises(StorageError, match="Move it away"):
            lab_of(settings, begun=begun)
        catalog.unlink()
        ome_zarr.write(settings.home / "samples" / "tiny.zarr", np.zeros((1, 20, 30), np.uint8))
        lab = lab_of(settings, begun=begun)
        assert [entry.path for entry in lab.source.browse("samples")] == ["samples/tiny"]
        lab.source.close()


def test_images_are_there_without_a_model_which_is_tried_again(settings_of, home):
    weights = home / "sam2.1_hiera_tiny.pt"
    lab = lab_of(settings_of(SEG_APP_HOME=home, CHECKPOINT_PATH=weights))
    desk = Desk(lab.source, lab.shelf.default, store=lab.store, journals=home)
    assert desk.open_first()
    for _ in range(2):
        with pytest.raises(SegmenterError, match="There is no checkpoint"):
            get_ready(desk.segmenter)


def test_what_waits_of_a_user_is_delivered_when_the_lab_opens(settings_of, tmp_path):
    file = MaskFile(ImageId("local", "tiny", (1, 20, 30), "uint8"), (square(2, 3),))
    WaitingSets(tmp_path / "home" / "outbox" / "ada").add(file)
    lab = lab_of(settings_of())
    lab.outboxes.close()
    assert [saved.name for saved in lab.store.list(file.image)] == ["tiny.npz"]
    assert lab.outboxes.of("ada").waiting == ()


def test_settings_that_are_refused_leave_no_embedded_server_behind(settings_of):
    settings = settings_of(MASK_TILED_URI=nobody(), DROPS_URL="http://drops.lab")
    before = threading.active_count()
    with pytest.raises(SettingsError, match="DROPS_USER"):
        lab_of(settings)
    assert threading.active_count() == before


# Warming up


def warmed_up(connect):
    """Warm up to the end; return how often the rest was told to go on."""
    calls = []
    warm_up(connect, then=lambda: calls.append(1))
    next((t.join() for t in threading.enumerate() if t.name == "seg-app-warm-up"), None)
    return len(calls)


def test_warming_up_tells_the_log_and_nobody_else(caplog):
    def connect():
        raise UnreachableError("not there")

    with caplog.at_level(logging.WARNING):
        assert warmed_up(connect) == 1
    assert caplog.messages == ["not there"]


def test_what_nobody_foresaw_is_logged_while_warming_up(caplog):
    def connect():
        raise LookupError("a bug")

    assert warmed_up(connect) == 1
    assert "LookupError: a bug" in caplog.text
