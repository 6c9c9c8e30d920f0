"""Images on Drops: found by clicks and by their path, opened, outlined and saved; what goes wrong is said."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from driver import Tab, opened
from page_scripts import WHAT_IS_SEEN
from playwright.sync_api import expect
from skimage.draw import disk
from skimage.io import imsave

ODD = "<b>run< [1] & ..more"


def micrograph():
    """Return 200 × 300 grey pixels with one bright particle around (100, 100)."""
    pixels = np.full((200, 300), 60, np.uint8)
    pixels[disk((100, 100), 40)] = 200
    return pixels


@pytest.fixture(scope="module")
def one_tab(chromium, app, drops) -> Iterator[Tab]:
    for folder in (f"drops/ada/{ODD}", "drops/labdaq"):
        (drops.root / folder).mkdir(parents=True)
        imsave(drops.root / folder / "particle.png", micrograph())
    (drops.root / "drops/ada/damaged.png").write_bytes(b"damaged")
    (drops.root / "drops/ada/notes.docx").write_text("no image")
    with opened(chromium, app.url) as tab:
        tab.wait_for_picture()
        tab.page.get_by_role("tab", name="Drops").click()
        yield tab


@pytest.fixture
def tab(one_tab) -> Iterator[Tab]:
    """Drops, with the user's own folder open."""
    one_tab.wait_for_text("notes.docx")
    yield one_tab
    one_tab.close_all()
    go(one_tab, "/ada")
    one_tab.assert_calm()


def click(tab: Tab, name: str) -> None:
    tab.page.get_by_text(name, exact=True).first.click()


def go(tab: Tab, path: str) -> None:
    field = tab.page.get_by_label("Path", exact=True)
    field.fill(path)
    field.press("Enter")


def open_particle(tab: Tab, act: Callable[[], None]) -> None:
    """Open the particle, and wait until the canvas is that of its own."""
    tab.open_by(act, "particle")
    tab.wait_for_text("particle · 300 × 200")


def test_an_image_in_a_folder_of_any_name_is_opened_outlined_and_saved(tab, drops):
    click(tab, ODD)
    assert tab.page.locator("b", has_text="run").count() == 0
    icon = tab.page.get_by_role("button", name="particle.png").locator(".MuiListItemIcon-root")
    tab.wait_until(lambda: "image/webp" in icon.evaluate("icon => getComputedStyle(icon).backgroundImage"))
    open_particle(tab, lambda: click(tab, "particle.png"))
    expect(tab.page.locator(".MuiListItemButton-root.Mui-selected")).to_contain_text("particle.png")
    tab.click_point(100, 100)
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    tab.press("Control+s")
    tab.wait_until(lambda: list(drops.root.glob("drops/ada/masks/drops/drops/ada/*/particle.png/particle.npz")))


def test_a_path_leads_to_a_folder_and_the_crumbs_lead_back(tab):
    go(tab, "/labdaq")
    tab.wait_for_text("particle.png")
    expect(tab.page.get_by_text("notes.docx")).to_be_hidden()
    tab.page.get_by_role("navigation").get_by_text("drops", exact=True).click()
    click(tab, "ada")
    tab.wait_for_text("notes.docx")


def test_what_is_written_just_before_enter_is_where_it_leads(tab):
    for _ in range(8):  # the key came before the text, once in ten times
        go(tab, "/labdaq")
        tab.wait_for_text("particle.png")
        go(tab, "/ada")
        tab.wait_for_text("notes.docx")


@pytest.mark.parametrize(
    "act",
    [lambda tab: click(tab, "particle.png"), lambda tab: go(tab, "/labdaq/particle.png")],
    ids=["click", "path"],
)
def test_while_an_image_comes_from_drops_the_picture_before_stays_dimmed(tab, act):
    click(tab, ODD)
    tab.wait_for_text("particle.png")
    tab.page.evaluate(WHAT_IS_SEEN)
    open_particle(tab, lambda: act(tab))
    tab.page.locator(".veil canvas").wait_for(state="detached")
    seen = tab.page.evaluate("() => globalThis.seen")
    assert any("ing particle" in one for one in seen)
    assert "nothing" not in seen


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda tab: click(tab, "damaged.png"), "Cannot read damaged.png"),
        (lambda tab: click(tab, "notes.docx"), "Known formats"),
        (lambda tab: go(tab, "/nowhere"), "There is no 'nowhere'"),
    ],
    ids=["damaged", "no image", "not there"],
)
def test_what_goes_wrong_is_said_and_the_rest_stays(tab, act, words):
    if not tab.page.get_by_text("particle · ").count():
        open_particle(tab, lambda: go(tab, "/labdaq/particle.png"))
    act(tab)
    tab.wait_for_text(words)
    tab.wait_for_text("notes.docx")
    tab.wait_for_text("particle · 300 × 200")
