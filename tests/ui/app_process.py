"""`seg-app serve` in a process of its own, that can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 60
SERVE = ("-m", "seg_app.cli", "serve")
SAM = ("-m", "seg_app.cli", "sam", "--port", "{port}")


class App:
    """The app, or a SAM server, with a home folder of its own. Nothing else is taken from outside.

    `program` is what Python runs; {port} in it stands for a free one.

    Unless `settings` say otherwise, the classical segmenter answers.
    """

    def __init__(self, home: Path, *, program: Sequence[str] = SERVE, **settings: str):
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._home, self._program, self._settings = home, [word.format(port=self._port) for word in program], settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> App:
        """Start it, and return when it answers."""
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH") if name in os.environ
        }
        environment |= {"SEG_APP_HOME": str(self._home), "SEG_APP_PORT": str(self._port)}
        # what the tests claim of outlines is written for this segmenter
        environment |= {"BACKEND_URL": "classical:", **self._settings}
        self._log = (self._home / "log.txt").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, *self._program], env=environment, cwd=self._home, stdout=self._log, stderr=self._log
        )
        self._await()
        return self

    def _await(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/none", timeout=START_TIMEOUT_S)  # `/` would make a page
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


@contextmanager
def started(home: Path, **settings: str) -> Iterator[App]:
    """Run an app with a home of its own."""
    app = App(home, **settings).start()
    try:
        yield app
    finally:
        app.kill()


def free_port() -> int:
    """Return a port where nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
