"""The embedded Tiled server in a process of its own: it starts while this one imports the user interface.

Run as a program, this module is that process. It says in one line on its standard output which port it has, or why it
has none, and ends when its standard input does: a program that is killed leaves no server behind. A server that is
killed is begun again at its port, so that what is open goes on.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from seg_app import errors
from seg_app.errors import SegAppError, StorageError
from seg_app.io.tiled_server import EMBEDDED, HOST, PATIENCE_S, STOP_TIMEOUT_S, EmbeddedTiled

if TYPE_CHECKING:
    from seg_app.io.tiled import TiledSource

log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
"""For the imports as well, from a slow disk."""
PAUSES_S = (0, 1, 5, 20, 60)
"""Before each try to begin one again; the last is that of all further ones, too."""

STOPPED = "Tiled was stopped while it started."


class TiledProcess:
    """An embedded server that begins at once and is waited for later. Thread-safe."""

    def __init__(self, root: Path, *, readable: Sequence[Path] = ()) -> None:
        """Begin a server that keeps its catalog, its data and its key in `root`; see `EmbeddedTiled.start`.

        Raises StorageError when no process can be begun.
        """
        self._root, self._readable = root, tuple(readable)
        self._starting, self._changing = threading.Lock(), threading.Lock()
        """Held while a start is waited for; and, shortly, while `_process` changes: nobody waits to stop it."""
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_watched = self._is_over = False
        self._port = 0
        """Where it has answered; the next one answers there, too."""
        self._begin()

    def __enter__(self) -> TiledProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True  # who connects later, as a start that goes on meanwhile, begins none any more
        self.stop()

    def connect(self) -> TiledSource:
        """Wait for the server, and return what is on it; one that has ended, or was stopped, is begun again.

        Raises SettingsError or StorageError like `EmbeddedTiled.start`.
        """
        from seg_app.io.tiled import TiledSource  # weight: the Tiled client

        with self._starting:
            self._stopped.clear()
            self._await()
            key = (self._root / "api_key").read_text().strip()
            return TiledSource.connect(f"http://{HOST}:{self._port}", api_key=key, patience_s=PATIENCE_S, name=EMBEDDED)

    def stop(self) -> None:
        """Stop answering, and return when everything is on disk and the process is gone."""
        self._stopped.set()
        self._end()

    def _await(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._begin()
        elif self._is_watched:
            return
        try:
            self._port = self._answered(process)
        except BaseException:  # it may be about to end, and the next try must not ask it again
            self._end()
            raise
        self._is_watched = True
        threading.Thread(target=self._watch, args=[process], name="tiled-watch", daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Begin the server again, as often as it takes, when it ends though nobody has stopped it."""
        process.wait()
        pauses_s = itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1]))
        while not self._stopped.wait(next(pauses_s)) and not self._is_replaced(process):
            pass

    def _is_replaced(self, process: subprocess.Popen[bytes]) -> bool:
        """Put another one in the place of a process that has ended; say whether one is there."""
        with self._starting:
            if self._process in (None, process):
                log.warning("The embedded Tiled server has ended by itself (%d); it is begun again", process.returncode)
                try:
                    self._await()
                except SegAppError as error:
                    log.error("%s", error)
                    return False
            return True

    def _begin(self) -> subprocess.Popen[bytes]:
        self._end()
        level = str(logging.getLogger().getEffectiveLevel())
        with self._changing:
            if self._is_over or self._stopped.is_set():
                raise StorageError(STOPPED)
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own
                    # with the path of this process, -P: no module is taken from the folder it happens to run in
                    [
                        *(sys.executable, "-P", "-m", "seg_app.io.tiled_process", level, str(self._port), self._root),
                        *self._readable,
                    ],
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path))},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # Ctrl+C is for this process, which then stops the other one
                )
            except OSError as error:
                raise StorageError(f"Tiled cannot be begun: {error.strerror}. Free memory, then try again.") from error
            return self._process

    def _end(self) -> None:
        """Hang up, and return when the process is gone."""
        with self._changing:
            process, self._process, self._is_watched = self._process, None, False
        if process is None:
            return
        with suppress(BrokenPipeError):
            cast("IO[bytes]", process.stdin).close()
        try:
            process.wait(STOP_TIMEOUT_S + 5)  # it takes up to the first of them itself
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cast("IO[bytes]", process.stdout).close()

    def _answered(self, process: subprocess.Popen[bytes]) -> int:
        """Return the port, as soon as the process has told it."""
        watch = threading.Timer(START_TIMEOUT_S, process.kill)
        watch.start()
        try:
            line = cast("IO[bytes]", process.stdout).readline()
        except ValueError:  # closed by who has stopped it
            line = b""
        finally:
            watch.cancel()
        if self._stopped.is_set():
            raise StorageError(STOPPED)
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
    hung_up = threading.Event()

    def leave() -> None:  # a process without its server would never be missed
        server.wait()
        if not hung_up.is_set():
            os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
    with suppress(BrokenPipeError):  # whose parent has gone meanwhile
        say(port=int(server.url.rpartition(":")[2]))
        parent.read()
    hung_up.set()
    server.stop()


if __name__ == "__main__":
    level, wanted, *folders = sys.argv[1:]
    logging.basicConfig(level=int(level), format="%(levelname)s %(message)s")
    to_parent = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # the standard output is for one line, whatever else is printed
    root, *readable = map(Path, folders)
    _serve(int(wanted), root, readable, sys.stdin.buffer, to_parent)
