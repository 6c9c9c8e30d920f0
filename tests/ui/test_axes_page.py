"""Times and channels in a real browser."""

import re

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
    return start_app(home)


def point_at(tab, x, y):
    tab.page.mouse.move(*tab.place(x, y))
    tab.page.mouse.move(*tab.place(x + 1, y))


def test_another_channel_and_another_time_are_shown(open_tab, film_app):
    tab = open_tab(film_app.url)
    tab.wait_for_picture()
    value = lambda pattern: expect(tab.page.get_by_text(re.compile(rf"value {pattern}\b"))).to_be_visible()  # noqa: E731
    point_at(tab, 40, 30)
    value("10")
    tab.open_by(tab.page.get_by_role("button", name="SE", exact=True).click)
    point_at(tab, 40, 30)
    value("20")
    tab.open_by(lambda: tab.page.get_by_role("slider").first.press("ArrowRight"))
    expect(tab.page.get_by_text("Time: 2 of 2")).to_be_visible()
    point_at(tab, 40, 30)
    value("(2[1-9]|[34][0-9])")  # 40, beyond the white point, which stays within a channel
