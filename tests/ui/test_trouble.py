"""What goes wrong is said on the page, with what to do; the page never goes blank, and no work is lost."""

import base64
import json
import shutil
from collections.abc import Iterator

import pytest
from driver import Tab, opened
from drops_server import DropsServer
from heard import Heard
from playwright.sync_api import expect
from serving import running

from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.server import create_app
from seg_app.settings import Settings

NAME = "odd [1] name, <b>bold</b> & 'more'"
SECRETS = {
    "DATA_TILED_API_KEY": "hush-data",
    "DROPS_PASSWORD": "hush-drops",
    "MASK_TILED_API_KEY": "hush-masks",
    "BACKEND_TOKEN": "hush-backend",
}
ZARR = "odd [1] name, <b>bold< & more.zarr"


@pytest.fixture(scope="module")
def odd_home(tmp_path_factory, samples):
    """A home with an image of an awkward name, one with a damaged plane, and nothing else."""
    home = tmp_path_factory.mktemp("odd home")
    folder = home / "samples"
    folder.mkdir()
    shutil.copytree(samples / "fib_volume.zarr", folder / ZARR)
    about = folder / ZARR / "zarr.json"
    attributes = json.loads(about.read_text())
    attributes["attributes"]["title"] = f"A {NAME}"
    about.write_text(json.dumps(attributes))
    shutil.copytree(samples / "fib_volume.zarr", folder / "broken.zarr")
    about = folder / "broken.zarr" / "zarr.json"
    about.write_text(about.read_text().replace("Battery electrode (FIB-SEM)", "Broken"))
    for chunk in (folder / "broken.zarr").glob("*/c/3/*/*"):
        chunk.write_bytes(b"damaged")
    shutil.copytree(samples / "coins.zarr", folder / "ruined.zarr")
    about = folder / "ruined.zarr" / "zarr.json"
    about.write_text(about.read_text().replace("Coins (photograph)", "Ruined"))
    for chunk in (folder / "ruined.zarr").glob("*/c/*/*/*"):
        chunk.write_bytes(b"damaged")
    return home


@pytest.fixture(scope="module")
def lab_drops(tmp_path_factory):
    with DropsServer(tmp_path_factory.mktemp("lab drops"), "ada", SECRETS["DROPS_PASSWORD"]) as server:
        yield server


@pytest.fixture(scope="module")
def lab_sam():
    """The address of a SAM server that asks for a token."""
    with running(create_app(ClassicalSegmenter(), token=SECRETS["BACKEND_TOKEN"])) as url:
        yield url


@pytest.fixture(scope="module")
def odd_app(start_app, odd_home, lab_drops, lab_sam):
    servers = {"DROPS_URL": lab_drops.url, "DROPS_USER": "ada", "BACKEND_URL": lab_sam}
    return start_app(odd_home, PYTHONFAULTHANDLER="1", **servers, **SECRETS)


@pytest.fixture(scope="module")
def one_odd_tab(chromium, odd_app) -> Iterator[Tab]:
    with opened(chromium, odd_app.url) as tab:
        tab.wait_for_picture()
        yield tab


@pytest.fixture
def odd_tab(one_odd_tab) -> Iterator[Tab]:
    yield one_odd_tab
    one_odd_tab.close_all()
    one_odd_tab.drop_points()
    one_odd_tab.delete_all()
    one_odd_tab.assert_calm()


def accept_one(tab: Tab) -> None:
    before = tab.page.locator(".tabulator-row").count()
    tab.click_point(91, 38, held=["Shift"])
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(before + 1)


def test_html_in_names_is_text_and_the_image_works(odd_tab, lab_drops):
    odd_tab.show(f"A {NAME}")
    assert odd_tab.page.locator("b", has_text="bold").count() == 0
    accept_one(odd_tab)
    odd_tab.press("Control+s")
    odd_tab.wait_until(lambda: list(lab_drops.root.rglob("*.npz")))
    odd_tab.press("Control+z")
    odd_tab.wait_for_rows(0)
    expect(odd_tab.page.locator(".tabulator-footer")).to_be_hidden()
    (saved,) = lab_drops.root.rglob("*.npz")
    odd_tab.page.get_by_role("button", name="Load").click()
    odd_tab.page.get_by_text(saved.name, exact=True).last.click()
    odd_tab.wait_for_rows(1)


def test_a_damaged_plane_is_said_and_the_others_work(odd_tab):
    odd_tab.show("Broken")
    odd_tab.press("f")
    odd_tab.wait_for_text("Cannot read broken.zarr")
    odd_tab.page.get_by_role("button", name="Close", exact=True).click()
    odd_tab.click(91, 38)
    odd_tab.wait_for_text("Cannot read broken.zarr")  # said again, and no point is left
    assert odd_tab.points() == []
    odd_tab.press("d")
    odd_tab.wait_for_text("Plane: 3")
    odd_tab.wait_for_picture()
    accept_one(odd_tab)


def test_html_in_a_class_is_text(odd_tab):
    odd_tab.show("Broken")
    field = odd_tab.page.get_by_label("Class of new objects")
    field.fill(NAME)
    field.press("Enter")
    accept_one(odd_tab)
    odd_tab.wait_until(lambda: any(NAME in row for row in odd_tab.rows()))
    assert odd_tab.page.locator("b", has_text="bold").count() == 0


def test_an_image_that_cannot_be_opened_is_said_each_time_and_the_open_one_stays(odd_tab):
    odd_tab.show("Broken")
    for _ in range(2):
        odd_tab.page.get_by_text("Ruined", exact=True).click()
        odd_tab.wait_for_text("Cannot read ruined.zarr")
        odd_tab.page.get_by_role("button", name="Close", exact=True).click()
        expect(odd_tab.page.get_by_text("Cannot read ruined.zarr")).to_be_hidden()
    odd_tab.wait_for_text("Broken · ")
    accept_one(odd_tab)


def test_an_unreadable_mask_file_leaves_the_masks_as_they_are(odd_tab, lab_drops):
    odd_tab.show("Broken")
    accept_one(odd_tab)
    odd_tab.press("Control+s")
    odd_tab.wait_until(lambda: list(lab_drops.root.rglob("broken.npz")))
    odd_tab.wait_for_text("Saved as broken.npz")  # what was sent is read again until then
    (saved,) = lab_drops.root.rglob("broken.npz")
    saved.write_bytes(b"not a mask file")
    odd_tab.page.get_by_role("button", name="Load").click()
    odd_tab.page.get_by_text("broken.npz", exact=True).last.click()
    odd_tab.wait_for_text("Cannot read")
    odd_tab.wait_for_rows(1)


def test_every_secret_of_the_settings_is_looked_for():
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secret == {name.lower() for name in SECRETS} | {"user_password"}  # which the browser sends itself


def test_secrets_never_reach_the_browser(chromium, odd_app, odd_home, lab_drops):
    """While an image is opened, a link leads nowhere, the model outlines, and a set is saved, loaded and exported."""
    key, heard = (odd_home / "tiled" / "api_key").read_text().strip(), Heard()
    basic = base64.b64encode(f"ada:{SECRETS['DROPS_PASSWORD']}".encode()).decode()
    with opened(chromium, f"{odd_app.url}/?image=samples/none", heard=heard) as tab:
        expect(tab.page.get_by_role("button", name="Try again")).to_be_visible()
        tab.page.get_by_text("Broken", exact=True).click()
        tab.wait_for_picture()
        accept_one(tab)
        tab.press("Control+s")
        tab.wait_for_text("Saved as broken")
        saved = max(lab_drops.root.rglob("broken*.npz"), key=lambda path: path.stat().st_mtime)
        tab.page.get_by_role("button", name="Load").click()
        tab.page.get_by_text(saved.name, exact=True).last.click()
        tab.wait_until(lambda: not tab.dialogs())
        tab.page.get_by_role("button", name="Export").click()
        with tab.page.expect_download():
            tab.page.get_by_text(".csv", exact=True).click()
        tab.close_all()
        tab.delete_all()
    everything = b"\0".join(heard.parts)
    assert len(everything) > 100_000
    assert all(word in everything for word in (b"samples/none", saved.name.encode()))  # what goes out, and what comes
    assert len(key) > 20
    assert not [secret for secret in (key, basic, *SECRETS.values()) if secret.encode() in everything]


def test_a_link_that_leads_nowhere_says_so_and_opens_no_other_image(odd_app, open_tab):
    tab = open_tab(f"{odd_app.url}/?image=samples/none")
    tab.wait_for_text("There is no image 'samples/none'. It has been renamed")
    expect(tab.page.get_by_role("button", name="Try again")).to_be_visible()
    assert tab.page.url.endswith("?image=samples/none")
    tab.page.get_by_text("Broken", exact=True).click()
    tab.wait_for_picture()
    assert tab.page.url.endswith("?image=samples/broken")
