"""A SAM server of its own process on loopback, with the weights that the other side has."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seg_app.sam.remote import RemoteSegmenter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.devices import Device

ROOT = Path(__file__).parents[2]
READY = "running on "
COMMAND = [sys.executable, "-W", "ignore", "-m", "seg_app.cli", "sam", "--host", "127.0.0.1", "--port", "0"]


@contextmanager
def served(checkpoint: Checkpoint, home: Path, device: Device) -> Iterator[RemoteSegmenter]:
    """Start `seg-app sam` on any free port, and yield the client that the app uses."""
    home.mkdir(exist_ok=True)
    settings = {
        "CHECKPOINT_PATH": str(checkpoint.weights),
        "MODEL_CONFIG": checkpoint.config,
        "SEG_APP_DEVICE": device.name,
        "SEG_APP_COMPILE": str(device.is_compiled),
        "SEG_APP_HALF": str(device.may_be_half),
        "SEG_APP_HOME": str(home),
        "BACKEND_TOKEN": "",
        "PYTHONPATH": str(ROOT),  # the checkout, not what is installed
    }
    # in its home, so that no .env has a say
    with subprocess.Popen(
        COMMAND, env=os.environ | settings, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            client = RemoteSegmenter(_address(process))
            yield client
            client.close()
        finally:
            process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    """Return where a server listens, once it does."""
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if READY in line:
            # it says a line for each question, and would wait until somebody reads them
            threading.Thread(target=lambda lines=process.stdout: [*lines], daemon=True).start()
            return line.partition(READY)[2].split()[0]
    raise SystemExit(f"seg-app sam ended: {''.join(said)}")
