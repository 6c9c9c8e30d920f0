"""Opening another image and coming back: what each has of its own, and what a reload finds again."""

import pytest
from page_scripts import WHAT_IS_SEEN
from particles import Z, accept
from playwright.sync_api import expect


def test_a_filter_without_a_hit_says_so_and_without_it_all_is_back(tab):
    field = tab.page.get_by_label("Filter")
    field.fill("no such image")
    tab.wait_for_text("No image here has this in its name.")
    field.fill("")
    tab.wait_for_text("Coins (photograph)")


CORNER = """() => {
  const pierced = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
    node.tagName === 'CANVAS' ? [node] : node.shadowRoot ? pierced(node.shadowRoot) : [])
  const layer = pierced(document).find((one) => one.offsetWidth > 0)
  return [...layer.getContext('2d').getImageData(2, 2, 1, 1).data]
}"""
"""The colour of the canvas beside the image."""
FIRST_COLOUR = """document.addEventListener('DOMContentLoaded', () => {
  globalThis.firstColour = getComputedStyle(document.body).backgroundColor
})"""


def test_theme_and_class_are_found_again_after_a_reload_in_which_the_page_is_dark_from_the_beginning(tab, home):
    paper, corner = "getComputedStyle(document.body).backgroundColor", tab.page.evaluate(CORNER)
    light = tab.page.evaluate(paper)
    field = tab.class_field
    field.fill("binder")
    field.press("Enter")
    tab.page.get_by_label("Toggle theme").click()
    tab.page.wait_for_function(f"() => {paper} !== '{light}'")
    dark = tab.page.evaluate(paper)
    tab.wait_until(lambda: tab.page.evaluate(CORNER) == corner)
    tab.wait_until(lambda: any('"dark": true' in one.read_text() for one in home.glob("preferences/*.json")))
    tab.page.add_init_script(FIRST_COLOUR)
    tab.page.reload()
    tab.wait_for_picture()
    assert (tab.page.evaluate("globalThis.firstColour"), tab.page.evaluate(CORNER)) == (dark, corner)
    expect(field).to_have_value("binder")
    tab.page.get_by_label("Toggle theme").click()
    tab.page.wait_for_function(f"() => {paper} === '{light}'")


def test_another_image_opens_by_a_click_has_a_list_of_its_own_and_stays_open_after_a_reload(tab, particles):
    accept(tab, particles[0])
    tab.show("Coins (photograph)")
    tab.wait_for_rows(0)
    assert tab.page.url.endswith("?image=samples/coins")
    tab.wheel(90, 70, 4)
    tab.wait_until(lambda: "at=plane:1,x" in tab.page.url)
    zoomed = tab.ranges()
    tab.page.reload()
    tab.wait_for_picture()
    tab.wait_for_text("Coins (photograph) · ")
    assert tab.ranges() == pytest.approx(zoomed, abs=1.5)
    tab.show("Battery electrode (FIB-SEM)")
    tab.wait_for_rows(1)


def test_coming_back_to_an_image_shows_the_same_part_of_the_same_plane(tab):
    tab.press("d")
    tab.wait_for_text(f"Plane: {Z}")
    tab.wheel(90, 70, 4)
    before = tab.ranges()
    tab.show("Coins (photograph)")
    tab.show("Battery electrode (FIB-SEM)")
    assert tab.plane() == Z
    assert tab.ranges() == pytest.approx(before, abs=0.5)


def test_each_image_goes_on_with_its_own_class(tab, particles):
    field = tab.class_field
    field.fill("particle")
    field.press("Enter")
    accept(tab, particles[0])
    tab.show("Coins (photograph)")
    expect(field).to_have_value("particle")  # without objects the class of the image before is the best guess
    field.fill("coin")
    field.press("Enter")
    tab.show("Battery electrode (FIB-SEM)")
    expect(field).to_have_value("particle")


def test_while_another_image_opens_the_picture_before_stays_dimmed_until_the_new_one_is_there(tab):
    tab.page.evaluate(WHAT_IS_SEEN)
    tab.show("Coins (photograph)")
    tab.page.locator(".veil canvas").wait_for(state="detached")
    seen = tab.page.evaluate("() => globalThis.seen")
    assert any("Opening Coins (photograph)" in one for one in seen)
    assert "nothing" not in seen


def test_colour_images_open(tab):
    tab.show("Tissue (light microscope, colour)")
    tab.click_point(100, 100)
    tab.press("Escape")
