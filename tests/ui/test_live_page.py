"""A scan that goes on while it is looked at, in a real browser."""

import numpy as np
import pytest
from playwright.sync_api import expect

from seg_app.io import EmbeddedTiled

# Tiled's own Alembic configuration is of the style before path_separator.
pytestmark = pytest.mark.filterwarnings("ignore:No path_separator found:DeprecationWarning")

PLANES = np.arange(5 * 64 * 96, dtype=np.uint16).reshape(5, 64, 96)


@pytest.fixture
def lab(tmp_path):
    """A Tiled server with a scan of three planes so far."""
    server = EmbeddedTiled.start(tmp_path / "tiled")
    source = server.connect()
    source.client.write_array(PLANES[:3], key="scan", dims=tuple("zyx"))
    yield server, source
    source.close()
    server.stop()


@pytest.fixture
def live_app(start_app, tmp_path, lab):
    key = {"DATA_TILED_URI": lab[0].url, "DATA_TILED_API_KEY": lab[0].api_key}
    return start_app(tmp_path / "live", BACKEND_URL="classical:", **key)


def test_the_slider_goes_to_planes_that_have_come_and_follows_the_last_one(live_app, lab, open_tab):
    tab = open_tab(live_app.url)
    tab.wait_for_picture()
    tab.go_to_plane(3)
    expect(tab.page.get_by_text("Follow")).to_be_hidden()
    scan = lab[1].client["scan"]
    scan.patch(PLANES[3:4], offset=(3, 0, 0), extend=True)
    tab.wait_until(tab.page.get_by_text("Plane: 3 of 4").count, timeout_s=40)
    tab.wait_for_text("96 × 64 × 4")
    tab.wait_for_text("Follow")
    tab.page.get_by_text("Follow").click()
    tab.wait_for_text("Plane: 4 of 4")
    scan.patch(PLANES[4:], offset=(4, 0, 0), extend=True)
    tab.wait_until(tab.page.get_by_text("Plane: 5 of 5").count, timeout_s=40)
