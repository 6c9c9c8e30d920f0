"""From settings to what a lab shares and what a browser tab shows; a lab that is not there is tried again."""

import logging
import socket
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile
from builders import square

from seg_app.app import data_of, lab_of, page, store_of, warm_up, workshop_of
from seg_app.engine import engine_of, shelf_of
from seg_app.errors import (
    RefusedError,
    SegAppError,
    SegmenterError,
    SettingsError,
    StorageError,
    UnreachableError,
)
from seg_app.io import ome_zarr, readable_folders, shown_folders
from seg_app.io.tiled_process import TiledProcess
from seg_app.io.waiting import WaitingSets
from seg_app.models import Desk, Volume
from seg_app.records import ImageId, MaskFile
from seg_app.sam import Device, get_ready
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.connect import ENGINES
from seg_app.sam.server import create_app
from seg_app.settings import Settings
from tests.serving import running

pytestmark = [
    pytest.mark.usefixtures("without_sam2"),
    # Tiled's own Alembic configuration is of the style before path_separator.
    pytest.mark.filterwarnings("ignore:No path_separator found:DeprecationWarning"),
    # ome-zarr uses its own deprecated class when it is imported.
    pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler:DeprecationWarning"),
]


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """Return a function that makes settings from names as they are in the environment, and from nothing else."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        for name in [field.alias, *getattr(field.validation_alias, "choices", ())]:
            monkeypatch.delenv(name or "SEG_APP_HOME", raising=False)

    def read(**names):
        for name, value in {"SEG_APP_HOME": tmp_path / "home", **names}.items():
            monkeypatch.setenv(name, str(value))
        return Settings.read()

    return read


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    ome_zarr.write(home / "samples" / "tiny.zarr", np.arange(600, dtype=np.uint8).reshape(1, 20, 30))
    return home


@pytest.fixture
def settings(settings_of, home):
    """All defaults: Tiled is embedded, masks are kept here, no weights."""
    return settings_of(SEG_APP_HOME=home)


@pytest.fixture
def lab(settings):
    return lab_of(settings)


def nobody():
    """Return an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


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


def test_all_pages_of_a_lab_share_its_workshop(settings, lab):
    tab = page(settings)
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    assert tab.bench.session.volume._pyramid.workshop is lab.workshop
    tab.close()


def test_what_was_accepted_before_another_time_was_asked_for_belongs_to_the_time_of_before(settings_of):
    settings, waiting = settings_of(), threading.Event()
    write_film(settings.home / "samples")
    tab = page(settings)
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    session = tab.bench.session
    session.click(15, 10)
    tab.worker.run("Something slow", waiting.wait, 30)
    tab._move({"t": 1})
    tab.bench.accept()  # after the slider was moved, and before the worker has come to it
    waiting.set()
    for _ in range(3):
        tab.worker.run("Waiting", lambda: None).result()
    assert (session.index, session.masks.masks) == ({"t": 1, "c": 0}, ())
    tab._move({"t": 0})
    tab.worker.run("Waiting", lambda: None).result()
    assert (session.index, len(session.masks.masks)) == ({"t": 0, "c": 0}, 1)
    tab.close()


@contextmanager
def moving(tab, monkeypatch, press):
    """Press what lets a page go to another time, and hold it while that is read."""
    looked, has_looked, may_go_on = Volume.looked_at, threading.Event(), threading.Event()

    def slow(volume, **index):
        other = looked(volume, **index)
        has_looked.set()
        may_go_on.wait(30)
        return other

    monkeypatch.setattr(Volume, "looked_at", slow)
    press()
    assert has_looked.wait(30)
    yield
    may_go_on.set()
    for _ in range(4):  # what waits may ask for more
        tab.worker.run("Waiting", lambda: None).result(30)


@pytest.fixture
def film_tab(settings_of):
    settings = settings_of()
    write_film(settings.home / "samples")
    tab = page(settings)
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    yield tab
    tab.close()


def test_what_is_accepted_while_another_time_is_read_belongs_to_the_time_of_before(film_tab, monkeypatch):
    session = film_tab.bench.session
    session.click(15, 10)
    with moving(film_tab, monkeypatch, lambda: film_tab._move({"t": 1})):
        film_tab.bench.accept()
    assert (session.index, session.masks.masks) == ({"t": 1, "c": 0}, ())
    film_tab._move({"t": 0})
    film_tab.worker.run("Waiting", lambda: None).result()
    assert (session.index, len(session.masks.masks)) == ({"t": 0, "c": 0}, 1)


def test_what_could_not_be_accepted_keeps_the_image_at_its_time(film_tab, monkeypatch):
    session = film_tab.bench.session
    session.click(15, 10)

    def full(*_):
        raise StorageError("The disk is full. Free space, then try again.")

    monkeypatch.setattr(session.masks, "add", full)
    with moving(film_tab, monkeypatch, lambda: film_tab._move({"t": 1})):
        film_tab.bench.accept()
    film_tab.worker.run("Waiting", lambda: None).result()
    assert (session.index, len(session.draft.prompts.points)) == ({"t": 0, "c": 0}, 1)
    assert "The disk is full" in film_tab.worker.trouble


def test_a_time_and_a_channel_that_are_chosen_one_after_the_other_are_both_shown(film_tab, monkeypatch):
    axes = film_tab.bench.axes
    with moving(film_tab, monkeypatch, lambda: axes._on_value("t", 2)):
        axes._choices["c"].value = 1
    assert film_tab.bench.session.index == {"t": 1, "c": 1}
    assert (axes._choices["t"].value, axes._choices["c"].value) == (2, 1)


def test_who_changes_their_mind_while_a_time_is_read_stays_where_they_are(film_tab, monkeypatch):
    axes = film_tab.bench.axes
    with moving(film_tab, monkeypatch, lambda: axes._on_value("t", 2)):
        axes._on_value("t", 1)
    assert (film_tab.bench.session.index, axes._choices["t"].value) == ({"t": 0, "c": 0}, 1)


def write_film(folder):
    """Write a film of two times and two channels, of three planes with a bright square each."""
    film = np.zeros((2, 2, 3, 20, 30), np.uint16)
    film[..., 5:15, 10:20] = 1000
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "film.ome.tif", film, ome=True, photometric="minisblack", metadata={"axes": "TCZYX"})


def test_a_lab_is_connected_to_once(settings, lab):
    assert lab_of(settings) is lab


def test_a_page_opens_the_first_image(settings):
    tab = page(settings)
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    assert tab.bench.session.volume.image.path == "samples/tiny"
    assert tab.bench.session.user == "local"
    tab.close()


def test_a_page_keeps_what_is_accepted_below_the_home(settings, home):
    tab = page(settings)
    for _ in range(2):
        tab.worker.run("Waiting", lambda: None).result()
    tab.bench.session.masks.add([square(2, 3)])
    tab.close()
    assert len(list((home / "journals" / "local").glob("tiny-*.jsonl"))) == 1


def test_a_page_that_cannot_connect_says_why_and_offers_another_try(settings_of):
    tab = page(settings_of(DATA_TILED_URI=nobody()))
    tab.worker.run("Waiting", lambda: None).result()
    assert "DATA_TILED_URI" in tab._welcome._message.text
    assert (tab._welcome._trouble.visible, tab._welcome._retry.visible) == (True, True)
    tab.close()


def test_files_that_were_named_are_opened_first(settings_of, tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((20, 30), np.uint8))
    settings, shown = settings_of(), tuple(shown_folders([tmp_path / "mine.npy"]))
    ome_zarr.write(settings.home / "samples" / "volume.zarr", np.zeros((3, 20, 30), np.uint8))
    tab = page(settings, shown)
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    assert tab.bench.session.volume.image.path == f"{shown[0].key}/mine.npy"
    tab.close()


# The lab's own servers


def test_the_servers_of_the_lab_are_used(settings_of, lab, home):
    key = (home / "tiled" / "api_key").read_text()
    source = data_of(settings_of(DATA_TILED_URI=lab.source.uri, DATA_TILED_API_KEY=key))
    assert source.name == lab.source.uri
    assert [entry.path for entry in source.browse("samples")] == ["samples/tiny"]
    assert [entry.path for entry in source.browse()] == ["samples", "#here"]
    source.close()


def test_files_that_were_named_are_shown_beside_the_data_of_a_lab_and_opened_first(settings_of, lab, home, tmp_path):
    key = (home / "tiled" / "api_key").read_text()
    np.save(tmp_path / "mine.npy", np.zeros((20, 30), np.uint8))
    settings = settings_of(DATA_TILED_URI=lab.source.uri, DATA_TILED_API_KEY=key)
    tab = page(settings, tuple(shown_folders([tmp_path / "mine.npy"])))
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    assert tab.bench.session.volume.title == "mine"
    tab.close()


def test_files_that_were_named_are_opened_while_the_lab_is_away_and_its_trouble_is_listed(settings_of, tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((20, 30), np.uint8))
    tab = page(settings_of(DATA_TILED_URI=nobody()), tuple(shown_folders([tmp_path / "mine.npy"])))
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    assert tab.bench.session.volume.title == "mine"
    tab.close()


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


# The model


def sam_server(token):
    return running(create_app(ClassicalSegmenter(), token=token))


def test_a_sam_server_gets_its_token(settings_of):
    with sam_server("hush") as url:
        with pytest.raises(SegmenterError, match="token is missing"):
            engine_of(settings_of(BACKEND_URL=url))
        segmenter = engine_of(settings_of(BACKEND_URL=url, BACKEND_TOKEN="hush"))
        assert segmenter.name.startswith("Classical")
        segmenter.close()


def test_what_the_settings_name_is_the_default_among_the_models(settings_of):
    with sam_server(None) as url:
        shelf = shelf_of(settings_of(BACKEND_URL=url))
        first, *others = shelf.stock().offers
        get_ready(shelf.default)
        assert (first.title, first.is_default) == (f"SAM server at {url.partition('//')[2]}", True)
        assert [offer.title for offer in others] == ["Classical · no weights"]
        shelf.default.close()


def test_a_checkpoint_is_offered_with_its_configuration(settings_of, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "sam2")  # it is installed after all
    monkeypatch.setitem(ENGINES, "local", lambda address: address)
    (tmp_path / "ours.pt").touch()
    settings = settings_of(CHECKPOINT_PATH=tmp_path / "ours.pt", MODEL_CONFIG="ours.yaml", SEG_APP_DEVICE="cpu")
    first, *_ = shelf_of(settings).stock().offers
    assert (first.title, first.is_default) == ("SAM 2.1 ours (CHECKPOINT_PATH)", True)
    assert (engine_of(settings, first.address).config, engine_of(settings, "local:other.pt").config) == (
        "ours.yaml",
        None,
    )


def test_a_checkpoint_of_an_unknown_name_needs_its_configuration(settings_of, tmp_path):
    (tmp_path / "ours.pt").write_bytes(b"")
    with pytest.raises(SegmenterError, match="MODEL_CONFIG"):
        engine_of(settings_of(CHECKPOINT_PATH=tmp_path / "ours.pt"))


def test_an_official_checkpoint_in_the_home_is_used_with_its_own_configuration(settings_of, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "sam2")  # it is installed after all
    monkeypatch.setitem(ENGINES, "local", lambda address: address)
    tiny = tmp_path / "home" / "checkpoints" / "sam2.1_hiera_tiny.pt"
    tiny.parent.mkdir(parents=True)
    tiny.touch()
    address = engine_of(settings_of(MODEL_CONFIG="of another.yaml", SEG_APP_DEVICE="cpu"))
    assert (address.path, address.config, address.device) == (str(tiny), None, Device("cpu"))


def test_the_classical_segmenter_can_be_asked_for(settings_of):
    assert engine_of(settings_of(BACKEND_URL="classical:")).name == "Classical · no weights"


# The masks


def test_masks_go_where_masks_root_says(settings_of, tmp_path):
    assert store_of(settings_of(MASKS_ROOT=tmp_path / "mine")).where == str(tmp_path / "mine")


@pytest.mark.parametrize(("root", "folder"), [("", "drops/ada/masks"), ("drops/lab/", "drops/lab")])
def test_masks_go_to_drops_into_the_folder_of_the_user(settings_of, root, folder):
    store = store_of(settings_of(DROPS_URL="http://drops", USERNAME="ada", PASSWORD="hush", MASKS_ROOT=root))
    assert store.where == f"Drops at http://drops/{folder}"


def test_masks_go_to_tiled_where_it_is_set_for_them(settings_of, lab, home):
    key, uri = (home / "tiled" / "api_key").read_text(), f"{lab.source.uri}/api/v1/metadata/lab/masks"
    names = {"DROPS_URL": "http://drops", "DROPS_USER": "ada"}
    store = store_of(settings_of(**names, MASK_TILED_URI=uri, MASK_TILED_API_KEY=key, MASKS_ROOT="ada"))
    file = MaskFile(ImageId("local", "tiny", (1, 20, 30), "uint8"), (square(2, 3),))
    path = store.save(file)
    assert store.where == f"Tiled at {lab.source.uri}/lab/masks/ada"
    assert store.load(path) == file
    assert path == "ada/local/tiny/tiny.npz"
    lab.source.client.delete_contents("lab", recursive=True, external_only=False)


def test_the_app_starts_while_the_tiled_of_the_masks_is_away(settings_of, home):
    lab = lab_of(settings_of(SEG_APP_HOME=home, MASK_TILED_URI=nobody(), MASK_TILED_API_KEY="key1"))
    with pytest.raises(UnreachableError, match="MASK_TILED_URI"):
        lab.store.list(ImageId("local", "tiny", (1, 2, 3), "uint8"))


def test_an_address_of_masks_that_is_none_is_named(settings_of):
    with pytest.raises(SettingsError, match="MASK_TILED_URI"):
        store_of(settings_of(MASK_TILED_URI="lab"))


def test_what_waits_of_a_user_is_delivered_when_the_lab_opens(settings_of, tmp_path):
    file = MaskFile(ImageId("local", "tiny", (1, 20, 30), "uint8"), (square(2, 3),))
    WaitingSets(tmp_path / "home" / "outbox" / "ada").add(file)
    lab = lab_of(settings_of())
    lab.outboxes.close()
    assert [saved.name for saved in lab.store.list(file.image)] == ["tiny.npz"]
    assert lab.outboxes.of("ada").waiting == ()


def test_a_page_saves_by_the_outbox_of_its_user(settings_of):
    settings = settings_of(USER_NAME="ada")
    ome_zarr.write(settings.home / "samples" / "tiny.zarr", np.zeros((1, 20, 30), np.uint8))
    tab = page(settings)
    for _ in range(2):  # "Starting" asks for "Opening the first image"
        tab.worker.run("Waiting", lambda: None).result()
    assert tab.bench.session.store is lab_of(settings).outboxes.of("ada")
    tab.close()


def test_drops_that_are_not_there_are_named(settings_of):
    url = nobody()
    store = store_of(settings_of(DROPS_URL=url, DROPS_USER="ada", DROPS_PASSWORD="hush"))
    with pytest.raises(UnreachableError, match=f"{url}.*DROPS_URL"):
        store.save(MaskFile(ImageId("local", "tiny", (1, 2, 3), "uint8")))


@pytest.mark.parametrize(
    ("names", "named"),
    [({"DROPS_URL": "drops", "DROPS_USER": "ada"}, "DROPS_URL"), ({"DROPS_URL": "http://drops"}, "DROPS_USER")],
)
def test_half_a_setting_of_drops_is_named(settings_of, names, named):
    with pytest.raises(SettingsError, match=named):
        store_of(settings_of(**names))


@pytest.mark.parametrize("root", ["../masks", "drops//masks"])
def test_a_folder_that_drops_cannot_have_is_an_error_of_ours(settings_of, root):
    with pytest.raises(SegAppError, match="Cannot use"):
        store_of(settings_of(DROPS_URL="http://drops", DROPS_USER="ada", MASKS_ROOT=root))


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


def test_settings_that_are_refused_leave_no_embedded_server_behind(settings_of):
    settings = settings_of(MASK_TILED_URI=nobody(), DROPS_URL="http://drops.lab")
    before = threading.active_count()
    with pytest.raises(SettingsError, match="DROPS_USER"):
        lab_of(settings)
    assert threading.active_count() == before
