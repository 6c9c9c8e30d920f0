"""A SAM server that dies, and is there again."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from seg_app.models import Session, Volume
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.remote import RemoteSegmenter
from tests.segmenter_contract import CLICK, disc_on_noise

SERVER = """
import sys
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.server import create_app, serve
serve(create_app(ClassicalSegmenter()), port=int(sys.argv[1]))
"""


@pytest.fixture
def started():
    """Return a function that starts a server on a port in a process of its own, and says when it listens."""
    processes = []

    def start(port, program=SERVER):
        process = subprocess.Popen([sys.executable, "-c", program, str(port)], stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_server_that_was_killed_and_started_anew_goes_unnoticed(started, free_port):
    server = started(free_port)
    next(line for line in server.stderr if "running on" in line)
    segmenter = RemoteSegmenter(f"http://127.0.0.1:{free_port}", patience_s=60)
    before = segmenter.predict(disc_on_noise(), CLICK)[0]
    server.kill()
    server.wait()
    started(free_port)  # and the click does not wait until it listens
    after = segmenter.predict(disc_on_noise(), CLICK)[0]
    segmenter.close()
    np.testing.assert_array_equal(after.logits, before.logits)


STUCK_SERVER = """
import sys, time
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.server import create_app, serve
class Stuck(ClassicalSegmenter):
    def predict(self, image, prompts, **more):
        if len(prompts.points) == 3:
            print("the third click is on its way", file=sys.stderr, flush=True)
            time.sleep(1000)
        return super().predict(image, prompts, **more)
serve(create_app(Stuck()), port=int(sys.argv[1]))
"""


def test_a_server_that_is_killed_under_a_click_is_asked_again_with_every_prompt(started, free_port):
    server = started(free_port, program=STUCK_SERVER)
    next(line for line in server.stderr if "running on" in line)
    session, undisturbed = (
        Session(Volume.from_array(disc_on_noise()[..., 0]), segmenter)
        for segmenter in (RemoteSegmenter(f"http://127.0.0.1:{free_port}", patience_s=60), ClassicalSegmenter())
    )
    clicks = [(60, 50, True), (110, 80, False), (50, 45, True)]
    expected = [undisturbed.click(x, y, include=include) for x, y, include in clicks][-1]
    for x, y, include in clicks[:2]:
        session.click(x, y, include=include)
    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(session.click, *clicks[2][:2])
        next(line for line in server.stderr if "third click" in line)
        server.kill()
        server.wait()
        started(free_port)
        outlined = third.result()
    assert (len(outlined.prompts.points), outlined.counts) == (3, expected.counts)
    session.segmenter.close()
