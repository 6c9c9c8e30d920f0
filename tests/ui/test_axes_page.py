"""Times and channels in a real browser."""

import re

import numpy as np
import pytest
import tifffile
from driver import WHAT_IS_SEEN
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def film_app(start_app, tmp_path_factory):
    """An app whose only image has two times and two channels, each of one grey value."""
    home = tmp_path_factory.mktemp("axes")
    (home / "samples").mkdir()
    film = np.zeros((2, 2, 3, 64, 96), np.uint16) + np.array([[10, 20], [30, 40]])[..., None, None, None]
    film[..., 0, 0] += 60  # a contrast of its own
    names = {"axes": "TCZYX", "Channel": {"Name": ["BSE", "SE"]}}
    path = home / "samples" / "film.ome.tif"
    tifffile.imwrite(path, film.astype(np.uint16), ome=True, photometric="minisblack", metadata=names)
    return start_app(home)


def point_at(tab, x, y):
    tab.page.mouse.move(*tab.place(x, y))
    tab.page.mouse.move(*tab.place(x + 1, y))


def test_another_channel_and_another_time_are_shown_on_the_same_canvas_at_the_same_zoom(open_tab, film_app):
    tab = open_tab(film_app.url)
    tab.wait_for_picture()
    tab.wheel(40, 30, 3)
    tab.page.evaluate(WHAT_IS_SEEN)
    canvas, ranges = tab.figure("f.model.id"), tab.ranges()
    value = lambda pattern: expect(tab.page.get_by_text(re.compile(rf"value {pattern}\b"))).to_be_visible()  # noqa: E731
    point_at(tab, 40, 30)
    value("10")
    tab.page.get_by_role("button", name="SE", exact=True).click()
    point_at(tab, 40, 30)
    value("20")
    tab.page.get_by_role("slider").first.press("ArrowRight")
    expect(tab.page.get_by_text("Time: 2 of 2")).to_be_visible()
    point_at(tab, 40, 30)
    value(r"≥ 21\.5")  # 40, beyond the white point, which stays within a channel
    assert (tab.figure("f.model.id"), tab.ranges()) == (canvas, ranges)
    assert tab.page.evaluate("globalThis.seen") == ["picture"]


def test_each_time_has_its_objects_in_the_list_and_on_the_canvas(open_tab, film_app):
    tab = open_tab(film_app.url)
    tab.wait_for_picture()
    tab.click_point(40, 30)
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    tab.page.get_by_role("slider").first.press("ArrowRight")
    tab.wait_for_rows(0)
    tab.wait_until(lambda: not tab.overlay_pixels(0))
    tab.page.get_by_role("slider").first.press("ArrowLeft")
    tab.wait_for_rows(1)
    tab.wait_until(lambda: tab.overlay_pixels(0))
