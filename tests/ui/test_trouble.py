"""What goes wrong is said on the page, with what to do; the page never goes blank, and no work is lost."""

import json
import shutil
from collections.abc import Iterator

import pytest
from driver import Tab, opened
from drops_server import DropsServer
from playwright.sync_api import expect

NAME = "odd [1] name, <b>bold</b> & 'more'"
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
    with DropsServer(tmp_path_factory.mktemp("lab drops"), "ada", "hush-drops") as server:
        yield server


@pytest.fixture(scope="module")
def odd_app(start_app, odd_home, lab_drops):
    return start_app(
        odd_home, DROPS_URL=lab_drops.url, DROPS_USER="ada", DROPS_PASSWORD="hush-drops", PYTHONFAULTHANDLER="1"
    )


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
    (saved,) = lab_drops.root.rglob("*.npz")
    odd_tab.page.get_by_role("button", name="Load").click()
    odd_tab.page.get_by_text(saved.name, exact=True).last.click()
    odd_tab.wait_for_rows(1)


def test_a_damaged_plane_is_said_and_the_others_work(odd_tab):
    odd_tab.show("Broken")
    odd_tab.press("f")
    odd_tab.wait_for_text("Cannot read broken.zarr")
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


def test_secrets_never_reach_the_browser(chromium, odd_app, odd_home):
    key = (odd_home / "tiled" / "api_key").read_text().strip()
    assert len(key) > 20
    context = chromium.new_context()
    page, seen = context.new_page(), []
    page.on("response", lambda response: seen.append(response.body() if response.status == 200 else b""))
    page.on("websocket", lambda socket: socket.on("framereceived", seen.append))
    page.goto(odd_app.url)
    page.get_by_text("Objects · 0").wait_for()
    page.wait_for_timeout(500)
    received = b"".join(part.encode() if isinstance(part, str) else part for part in seen)
    context.close()
    assert len(received) > 100_000
    assert key.encode() not in received
    assert b"hush-drops" not in received


def test_a_link_that_leads_nowhere_says_so_and_opens_no_other_image(odd_app, open_tab):
    tab = open_tab(f"{odd_app.url}/?image=samples/none")
    tab.wait_for_text("none")
    expect(tab.page.get_by_role("button", name="Try again")).to_be_visible()
    assert tab.page.url.endswith("?image=samples/none")
    tab.page.get_by_text("Broken", exact=True).click()
    tab.wait_for_picture()
    assert tab.page.url.endswith("?image=samples/broken")
