"""What a page of the app opens first, shares and keeps, and what it says of a lab that is away."""

import numpy as np
from builders import square
from embedded import EMBEDDED
from serving import nobody
from threads import finish

from seg_app.app import lab_of, page
from seg_app.io import ome_zarr, shown_folders

pytestmark = EMBEDDED


def test_all_pages_of_a_lab_share_its_workshop(opened_page, settings, lab):
    tab = opened_page(settings)
    assert tab.bench.session.volume._pyramid.workshop is lab.workshop


def test_a_page_opens_the_first_image(opened_page, settings):
    tab = opened_page(settings)
    assert tab.bench.session.volume.image.path == "samples/tiny"
    assert tab.bench.session.user == "local"


def test_a_page_keeps_what_is_accepted_below_the_home(opened_page, settings, home):
    tab = opened_page(settings)
    tab.bench.session.masks.add([square(2, 3)])
    assert len(list((home / "journals" / "local").glob("tiny-*.jsonl"))) == 1


def test_a_page_that_cannot_connect_says_why_and_offers_another_try(settings_of):
    tab = page(settings_of(DATA_TILED_URI=nobody()))
    finish(tab)
    assert "DATA_TILED_URI" in tab._welcome._message.text
    assert (tab._welcome._trouble.visible, tab._welcome._retry.visible) == (True, True)
    tab.close()


def test_files_that_were_named_are_opened_first(opened_page, settings_of, tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((20, 30), np.uint8))
    settings, shown = settings_of(), tuple(shown_folders([tmp_path / "mine.npy"]))
    ome_zarr.write(settings.home / "samples" / "volume.zarr", np.zeros((3, 20, 30), np.uint8))
    tab = opened_page(settings, shown)
    assert tab.bench.session.volume.image.path == f"{shown[0].key}/mine.npy"


def test_files_that_were_named_are_shown_beside_the_data_of_a_lab_and_opened_first(
    opened_page, settings_of, lab, home, tmp_path
):
    key = (home / "tiled" / "api_key").read_text()
    np.save(tmp_path / "mine.npy", np.zeros((20, 30), np.uint8))
    settings = settings_of(DATA_TILED_URI=lab.source.uri, DATA_TILED_API_KEY=key)
    tab = opened_page(settings, tuple(shown_folders([tmp_path / "mine.npy"])))
    assert tab.bench.session.volume.title == "mine"


def test_files_that_were_named_are_opened_while_the_lab_is_away_and_its_trouble_is_listed(
    opened_page, settings_of, tmp_path
):
    np.save(tmp_path / "mine.npy", np.zeros((20, 30), np.uint8))
    tab = opened_page(settings_of(DATA_TILED_URI=nobody()), tuple(shown_folders([tmp_path / "mine.npy"])))
    assert tab.bench.session.volume.title == "mine"
    assert any("DATA_TILED_URI" in (entry.problem or "") for entry in tab._desk.browse())


def test_a_page_saves_by_the_outbox_of_its_user(opened_page, settings_of):
    settings = settings_of(USER_NAME="ada")
    ome_zarr.write(settings.home / "samples" / "tiny.zarr", np.zeros((1, 20, 30), np.uint8))
    tab = opened_page(settings)
    assert tab.bench.session.store is lab_of(settings).outboxes.of("ada")
