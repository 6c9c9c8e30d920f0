"""A lab's own Tiled, and a model of its own: away, then there; a scan that goes on; files beside the lab's images."""

from itertools import count

import numpy as np
import pytest
from app_process import free_port
from heard import Heard
from playwright.sync_api import expect

from seg_app.io import EmbeddedTiled

PLANES = np.arange(5 * 64 * 96, dtype=np.uint16).reshape(5, 64, 96)
KEY = "hushlab1"


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def lab_app(start_app, tmp_path_factory, port):
    """An app whose Tiled server is not there yet, and whose model is nowhere."""
    home = tmp_path_factory.mktemp("lab app")
    lab = {"DATA_TILED_URI": f"http://127.0.0.1:{port}", "DATA_TILED_API_KEY": KEY}
    return start_app(home, BACKEND_URL="", CHECKPOINT_PATH=str(home / "none.pt"), **lab)


def serve(folder, port, key=KEY):
    folder.mkdir(exist_ok=True)
    (folder / "api_key").write_text(key)
    return EmbeddedTiled.start(folder, port=port)


def test_without_a_tiled_server_the_page_says_what_to_do_and_tries_again(lab_app, open_tab, port, tmp_path):
    heard = Heard()
    tab = open_tab(lab_app.url, heard=heard)
    tab.wait_for_text("DATA_TILED_URI")
    server = serve(tmp_path / "locked", port, "another")
    try:
        tab.page.get_by_role("button", name="Try again").click()
        tab.wait_for_text("DATA_TILED_API_KEY")
        expect(tab.page.get_by_role("button", name="Try again")).to_be_visible()
    finally:
        server.stop()
    server = serve(tmp_path / "empty", port)
    try:
        tab.page.get_by_role("button", name="Try again").click()
        tab.wait_for_text("Choose an image on the left")
        expect(tab.page.get_by_role("button", name="Try again")).to_be_hidden()
    finally:
        server.stop()
    assert b"DATA_TILED_API_KEY" in b"".join(heard.parts)
    assert KEY.encode() not in b"".join(heard.parts)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, port):
    """What the lab serves, now that it is there."""
    server = serve(tmp_path_factory.mktemp("lab"), port)
    source = server.connect()
    yield source.client
    source.close()
    server.stop()


NUMBERS = count(1)


@pytest.fixture
def scan(lab):
    """The lab's only image: three planes so far."""
    lab.delete_contents(recursive=True, external_only=False)
    key = f"scan-{next(NUMBERS)}"  # another one each time: what is deleted may still be on its way off the disk
    return lab.write_array(PLANES[:3], key=key, dims=tuple("zyx"))


@pytest.fixture
def tab(lab_app, scan, open_tab):  # noqa: ARG001
    """The scan on view."""
    tab = open_tab(lab_app.url)
    tab.wait_for_picture()
    return tab


def test_without_the_model_images_are_there_and_the_page_says_what_to_do(tab):
    tab.wait_for_text("There is no checkpoint")
    tab.wait_for_text("No model answers. SAM 2.1 micro (bundled) and the classical segmenter are here.")
    tab.close_all()
    tab.page.get_by_role("button", name="Choose a model").click()
    tab.wait_for_text("does not answer")
    tab.page.get_by_text("Classical · no weights").click()
    expect(tab.page.get_by_text("No model answers")).to_be_hidden()


def test_the_slider_goes_to_planes_that_have_come_and_follows_the_last_one(tab, scan):
    tab.go_to_plane(3)
    expect(tab.page.get_by_text("Follow", exact=True)).to_be_hidden()
    scan.patch(PLANES[3:4], offset=(3, 0, 0), extend=True)
    tab.wait_until(tab.page.get_by_text("Plane: 3 of 4").count, timeout_s=40)
    tab.wait_for_text("96 × 64 × 4")
    tab.page.get_by_text("Follow", exact=True).click()
    tab.wait_for_text("Plane: 4 of 4")
    scan.patch(PLANES[4:], offset=(4, 0, 0), extend=True)
    tab.wait_until(tab.page.get_by_text("Plane: 5 of 5").count, timeout_s=40)


def test_beside_the_images_of_a_lab_a_file_is_listed_also_after_a_reload(tab, grain):
    tab.page.locator("input[type=file]").set_input_files(grain)
    tab.wait_for_file("grain · 3100 × 3000")
    tab.page.reload()
    tab.wait_for_picture()
    tab.wait_for_text("On this computer")
    tab.wait_for_file("grain · 3100 × 3000")
    expect(tab.page.get_by_role("treeitem").get_by_text("3100 × 3000")).to_be_visible()  # also in the tree
