"""Times and channels in a real browser."""

import numpy as np
import pytest
import tifffile
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
    return start_app(home, BACKEND_URL="classical:")


def value_under(tab, x, y):
    tab.page.mouse.move(*tab.place(x, y))
    tab.page.mouse.move(*tab.place(x + 1, y))
    tab.wait_for_text("value ")
    return str(round(float(tab.page.get_by_text("value ").first.inner_text().split("value ")[1])))


def test_another_channel_and_another_time_are_shown(open_tab, film_app):
    tab = open_tab(film_app.url)
    tab.wait_for_picture()
    assert value_under(tab, 40, 30) == "10"
    before = tab.figure("f.model.id")
    tab.page.get_by_role("button", name="SE", exact=True).click()
    tab.wait_until(lambda: tab.figure("f.model.id") != before)
    tab.wait_for_picture()
    assert value_under(tab, 40, 30) == "20"
    before = tab.figure("f.model.id")
    tab.page.get_by_role("slider").first.press("ArrowRight")
    tab.wait_until(lambda: tab.figure("f.model.id") != before)
    tab.wait_for_picture()
    expect(tab.page.get_by_text("Time: 2 of 2")).to_be_visible()
    assert int(value_under(tab, 40, 30)) > 20  # 40, beyond the white point, which stays within a channel
