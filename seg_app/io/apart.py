"""Reading HDF5 chunks in a process of its own: decoders of some filters trust what they unpack, and die of damage.

Of 11,000 damaged files one ended the program, inside the decoder of Bitshuffle, and Blosc2 hung on one. What HDF5
brings along itself (gzip, shuffle, szip, lzf, ...) ended none, and is read here.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from seg_app.errors import SourceError, UnreachableError, UnreadableError
from seg_app.io.damage import DAMAGED, may_pass
from seg_app.io.hdf5_dataset import read_here
from seg_app.io.levels import Key

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIMEOUT_S = 30.0
"""A decoder that takes longer for one part hangs."""


def read_apart(path: Path, name: str, key: Key) -> NDArray[Any]:
    """Return a part of a dataset.

    Raises UnreadableError when it is damaged, or the decoder has died of it, UnreachableError where that may pass.
    """
    return _reader().read(path, name, key)


class Reader:
    """A process that reads one part after the other; when it has died, another one is started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, path: Path, name: str, key: Key) -> NDArray[Any]:
        """Return a part of a dataset. Raises like `read_apart`."""
        question = {"path": os.fspath(path), "name": name, "key": [(k.start, k.stop, k.step) for k in key]}
        with self._lock:
            process = self._running()
            watch = threading.Timer(TIMEOUT_S, process.kill)
            watch.start()
            try:
                return _asked(process, question)
            except (OSError, EOFError, ValueError) as error:
                self._stop()
                raise UnreadableError(
                    f"Cannot read {name} of {path.name}: its decoder died of it. It is damaged; copy the file again."
                ) from error
            finally:
                watch.cancel()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            command = [sys.executable, "-m", "seg_app.io.apart"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()  # closes the pipes, and waits


@functools.cache
def _reader() -> Reader:
    reader = Reader()
    atexit.register(reader.close)
    return reader


def _asked(process: subprocess.Popen[bytes], question: dict[str, Any]) -> NDArray[Any]:
    questions, answers = process.stdin, process.stdout
    if questions is None or answers is None:
        raise EOFError
    questions.write(json.dumps(question).encode() + b"\n")
    questions.flush()
    answer = json.loads(answers.readline())
    if "error" in answer:
        kind = UnreachableError if answer["may_pass"] else UnreadableError
        raise kind(answer["error"]) from RuntimeError(answer["there"])
    pixels = bytearray(answer["bytes"])
    if answers.readinto(pixels) != len(pixels):  # type: ignore[attr-defined]
        raise EOFError
    return np.frombuffer(pixels, np.dtype(answer["dtype"])).reshape(answer["shape"])


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until nobody asks any more."""
    for line in questions:
        pixels, answer = _answered(json.loads(line))
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.write(pixels)
        answers.flush()


def _answered(question: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    path, name = Path(question["path"]), question["name"]
    try:
        part = np.ascontiguousarray(read_here(path, name, tuple(slice(*k) for k in question["key"])))
    except (SourceError, *DAMAGED) as error:
        there = "".join(["In the process that decodes:\n", *traceback.format_exception(error)])
        return b"", {"error": str(error), "may_pass": may_pass(error), "there": there}
    return part.tobytes(), {"shape": part.shape, "dtype": part.dtype.str, "bytes": part.nbytes}


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as to_parent:
        os.dup2(2, 1)  # decoders complain on the standard output
        _serve(sys.stdin.buffer, to_parent)
