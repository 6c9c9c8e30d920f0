"""The embedded Tiled server in a process of its own: it starts while this one imports the user interface.

Run as a program, this module is that process. It says in one line on its standard output which port it has, or why it
has none, and ends when its standard input does: a program that is killed leaves no server behind. A server that is
killed is begun again at its port, so that what is open goes on.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from seg_app import errors
from seg_app.errors import SegAppError, StorageError
from seg_app.io.tiled_server import EMBEDDED, HOST, STOP_TIMEOUT_S, EmbeddedTiled

if TYPE_CHECKING:
    from seg_app.io.tiled import TiledSource

log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
"""For the imports as well, from a slow disk."""


class TiledProcess:
    """An embedded server that begins at once and is waited for later."""

    def __init__(self, root: Path, *, readable: Sequence[Path] = ()) -> None:
        """Begin a server that keeps its catalog, its data and its key in `root`; see `EmbeddedTiled.start`."""
        self._root, self._readable = root, tuple(readable)
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._begin()

    def __enter__(self) -> TiledProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def connect(self) -> TiledSource:
        """Wait for the server, and return what is on it; one that has ended, or was stopped, is begun again.

        Raises SettingsError or StorageError like `EmbeddedTiled.start`.
        """
        from seg_app.io.tiled import TiledSource  # weight: the Tiled client

        with self._lock:
            self._await()
            key = (self._root / "api_key").read_text().strip()
            return TiledSource.connect(f"http://{HOST}:{self._port}", api_key=key, name=EMBEDDED)

    def stop(self) -> None:
        """Stop answering, and return when everything is on disk and the process is gone."""
        with self._lock:
            self._end()
            self._port = 0

    def _await(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._begin()
        elif self._port:
            return
        try:
            self._port = self._answered()
        except BaseException:  # it may be about to end, and the next try must not ask it again
            self.stop()
            raise
        threading.Thread(target=self._watch, args=[self._process], name="tiled-watch", daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Begin the server again when it ends though nobody has stopped it."""
        process.wait()
        with self._lock:
            if process is not self._process:
                return
            log.warning("The embedded Tiled server has ended by itself (%d); it is begun again.", process.returncode)
            try:
                self._await()
            except SegAppError as error:
                log.error("%s", error)

    def _begin(self) -> None:
        self._end()
        level = str(logging.getLogger().getEffectiveLevel())
        self._process = subprocess.Popen(  # noqa: S603 - our own
            # with the path of this process, -P: no module is taken from the folder that it happens to run in
            [
                *(sys.executable, "-P", "-m", "seg_app.io.tiled_process", level, str(self._port), self._root),
                *self._readable,
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for this process, which then stops the other one
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=STOP_TIMEOUT_S + 5)  # hangs up; it takes up to the first of them itself
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def _answered(self) -> int:
        """Return the port, as soon as the process has told it."""
        process = self._process
        if process is None or process.stdout is None:
            raise StorageError("Tiled was stopped while it started. Try again.")
        watch = threading.Timer(START_TIMEOUT_S, process.kill)
        watch.start()
        try:
            line = process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise StorageError(
                f"Tiled ended while it started with the catalog in {self._root}. The log says why; try another folder."
            )
        answer = json.loads(line)
        if "error" in answer:
            raise getattr(errors, answer["error"])(answer["message"])
        return answer["port"]


def _serve(port: int, root: Path, readable: Sequence[Path], parent: IO[bytes], answers: IO[bytes]) -> None:
    """Serve until the parent hangs up, or is no more. Port 0 is any free one."""

    def say(**answer: Any) -> None:
        answers.write(json.dumps(answer).encode() + b"\n")

    gc.disable()  # what Tiled imports stays: looking through it again and again costs 0.7 s
    try:
        server = EmbeddedTiled.start(root, readable=readable, port=port)
    except SegAppError as error:
        say(error=type(error).__name__, message=str(error))
        return
    gc.freeze()
    gc.enable()
    with suppress(BrokenPipeError):  # whose parent has gone meanwhile
        say(port=int(server.url.rpartition(":")[2]))
        parent.read()
    server.stop()


if __name__ == "__main__":
    level, wanted, *folders = sys.argv[1:]
    logging.basicConfig(level=int(level), format="%(levelname)s %(message)s")
    to_parent = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # the standard output is for one line, whatever else is printed
    root, *readable = map(Path, folders)
    _serve(int(wanted), root, readable, sys.stdin.buffer, to_parent)
