"""A running app, and a real browser."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import driver
import pytest
from drops_server import DropsServer

START_TIMEOUT_S = 60


class App:
    """`seg-app serve` in a process of its own, that can be killed and started again."""

    def __init__(self, home: Path, **settings: str):
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._home, self._settings = home, settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "App":
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        environment |= {"SEG_APP_HOME": str(self._home), "SEG_APP_PORT": str(self._port), **self._settings}
        self._log = (self._home / "log.txt").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "seg_app.cli", "serve"],
            env=environment, cwd=self._home, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        self._await()
        return self

    def _await(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:
                urllib.request.urlopen(self.url, timeout=2)
            except urllib.error.HTTPError:
                return  # it answers
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"The app did not start: {self.log()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None
            self._log.close()

    def log(self) -> str:
        """Return what it has written."""
        return (self._home / "log.txt").read_text()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def chromium():
    with driver.browser() as running:
        yield running


@pytest.fixture(scope="session")
def start_app():
    """Return a function that starts an app with settings; all are ended with the tests."""
    apps = []

    def start(home: Path, **settings: str) -> App:
        home.mkdir(parents=True, exist_ok=True)
        apps.append(App(home, **settings).start())
        return apps[-1]

    yield start
    for app in apps:
        app.kill()


@pytest.fixture
def open_tab(chromium):
    """Return a function that opens the app in a new tab; each tab must end without any trouble in its console."""
    with ExitStack() as tabs:
        yield lambda url, **size: tabs.enter_context(driver.opened(chromium, url, **size))


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
def app(start_app, home, drops):
    """The app with the samples, saving to Drops."""
    return start_app(home, DROPS_URL=drops.url, DROPS_USER="ada", DROPS_PASSWORD="secret")
