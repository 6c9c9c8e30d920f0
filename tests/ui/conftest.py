"""A running app, and a real browser."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tifffile
from app_process import App, started
from driver import opened
from drops_server import DropsServer
from headless import browser
from playwright.sync_api import Error
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent


SHARE_THE_APP = (HERE / "volume", HERE / "test_drops_browser.py")
"""Where tests use the fixture `app`: they run on one core, so that it is started once."""


class ByApp(LoadScopeScheduling):
    """Keeps tests of one app on one core; the groups of pytest-xdist 3.8 do not work with pytest 9.2 (issue 1386)."""

    def _split_scope(self, nodeid: str) -> str:
        file = self.config.rootpath / nodeid.partition("::")[0]
        return "app" if any(file.is_relative_to(place) for place in SHARE_THE_APP) else file.name


def pytest_xdist_make_scheduler(config, log):
    return ByApp(config, log)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            # On a busy machine the browser now and then loses a step of the driver's; a bug fails three times.
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session")
def chromium():
    with ExitStack() as stack:
        try:
            running = stack.enter_context(browser())
        except Error as error:
            pytest.fail(
                "No Chromium starts. Install it (Debian: apt install chromium) or set CHROMIUM to its path; "
                f'tests/run.sh -m "not browser" runs all tests that need none.\n{error}'
            )
        yield running


@pytest.fixture(scope="module")
def start_app():
    """Return a function that starts an app with settings; all are ended with the tests of the file."""
    with ExitStack() as apps:

        def start(home: Path, **settings: str) -> App:
            home.mkdir(parents=True, exist_ok=True)
            return apps.enter_context(started(home, **settings))

        yield start


@pytest.fixture
def open_tab(chromium):
    """Return a function that opens the app in a new tab; each tab must end without any trouble in its console."""
    with ExitStack() as tabs:
        yield lambda url, **how: tabs.enter_context(opened(chromium, url, **how))


@pytest.fixture
def grain(tmp_path):
    """A TIFF that is sent in more than one part."""
    noise = np.random.default_rng(0).integers(0, 255, (3000, 3100), np.uint8)
    tifffile.imwrite(tmp_path / "grain.tif", noise, photometric="minisblack")
    return tmp_path / "grain.tif"


@pytest.fixture(scope="session")
def drops(tmp_path_factory):
    with DropsServer(tmp_path_factory.mktemp("drops"), "ada", "secret") as server:
        yield server


@pytest.fixture(scope="session")
def home(tmp_path_factory, samples):
    """A home of the app with the small samples in it."""
    home = tmp_path_factory.mktemp("home")
    (home / "samples").symlink_to(samples)
    return home


@pytest.fixture(scope="session")
def app(home, drops):
    """The app with the samples and the model that comes along, saving to Drops."""
    with started(home, BACKEND_URL="", DROPS_URL=drops.url, DROPS_USER="ada", DROPS_PASSWORD="secret") as running:
        yield running
