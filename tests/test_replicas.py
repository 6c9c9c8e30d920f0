"""Several SAM servers behind a load balancer that knows nothing of them, with one cache on disk."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seg_app.records import Point, Prompts
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.diskcache import DiskCache
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app
from tests.segmenter_contract import EASY, disc_on_noise
from tests.serving import running
from tests.threads import until
from tests.tiny_sam import tiny_checkpoint

CLICKS = [Prompts((Point(x, 50),)) for x in range(45, 75, 5)]
SERVER = """
import sys
from sam2.modeling.sam2_base import SAM2Base
from seg_app.cli import main
forward = SAM2Base.forward_image
SAM2Base.forward_image = lambda *args: print("encoded", flush=True) or forward(*args)
sys.exit(main(["sam", "--port", "0"]))
"""
"""`seg-app sam` on any free port, which says when its image encoder runs."""


class Replica:
    """A SAM server in a process of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._lines: list[str] = []
        self.start()

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = iter(self._process.stdout)
        self.url = next(line for line in said if "running on" in line).partition("running on ")[2].split()[0]
        self._lines, self._reader = [], ThreadPoolExecutor(1)
        self._reader.submit(self._lines.extend, said)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._reader.shutdown()
        self._process.stdout.close()

    @property
    def encoded(self) -> int:
        """How often its image encoder has run; known once it is killed."""
        return sum("encoded" in line for line in self._lines)


def balancer(replicas) -> Starlette:
    """Pass each request on to the next server, and to the one after where that does not answer."""
    turns = count()

    def ask(request: Request, body: bytes) -> httpx.Response:
        turn, path = next(turns), request.url.path
        for i in range(len(replicas)):
            try:
                url = replicas[(turn + i) % len(replicas)].url + path
                return httpx.request(request.method, url, content=body, trust_env=False, timeout=60)
            except httpx.TransportError:
                continue
        raise AssertionError("no server answers")

    async def passed_on(request: Request) -> Response:
        answer = await run_in_threadpool(ask, request, await request.body())
        return Response(answer.content, answer.status_code)

    return Starlette(routes=[Route("/{path:path}", passed_on, methods=["GET", "POST", "PUT"])])


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    checkpoint = tiny_checkpoint(tmp_path_factory.mktemp("model"), image_size=256)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "OMP_NUM_THREADS": "1",
        "SEG_APP_DEVICE": "cpu",
        "CHECKPOINT_PATH": str(checkpoint.weights),
        "MODEL_CONFIG": str(checkpoint.config),
    }


@pytest.fixture
def replicas(environment, tmp_path):
    """Two servers on one home."""
    with ThreadPoolExecutor(2) as pool:
        replicas = [*pool.map(Replica, [environment | {"SEG_APP_HOME": str(tmp_path)}] * 2)]
    yield replicas
    for replica in replicas:
        replica.kill()


def kept_embeddings(home: Path) -> int:
    return len([*(home / "cache").glob("*.arrays")])


def answers(segmenter, image=None) -> list[np.ndarray]:
    """Return what a segmenter says to all clicks."""
    image = disc_on_noise() if image is None else image
    return [segmenter.predict(image, prompts)[0].logits for prompts in CLICKS]


def test_what_one_server_embedded_all_answer_without_the_encoder_in_turn_and_while_one_dies_and_comes_back(
    replicas, tmp_path
):
    first, second = replicas
    here, there = RemoteSegmenter(first.url), RemoteSegmenter(second.url)
    here.embed(disc_on_noise())
    until(lambda: kept_embeddings(tmp_path))
    before = answers(here)
    np.testing.assert_array_equal(answers(there), before)
    with running(balancer(replicas)) as url:
        segmenter = RemoteSegmenter(url)
        np.testing.assert_array_equal(answers(segmenter), before)
        first.kill()
        assert first.encoded == 1
        np.testing.assert_array_equal(answers(segmenter), before)
        new = np.ascontiguousarray(disc_on_noise()[::-1])
        with_one = answers(segmenter, new)
        first.start()
        np.testing.assert_array_equal(answers(segmenter, new), with_one)
        np.testing.assert_array_equal(answers(segmenter), before)
    for client in (here, there, segmenter):
        client.close()
    first.kill()
    second.kill()
    assert (first.encoded, second.encoded) == (0, 1)  # all was on disk when it came back; the new one was not


class Here(NamedTuple):
    """A SAM server in this process."""

    url: str


def test_an_image_that_one_server_was_sent_is_there_for_all(tmp_path):
    apps = [create_app(ClassicalSegmenter(), shared=DiskCache(tmp_path, 10**8)) for _ in range(2)]
    with running(apps[0]) as one, running(apps[1]) as other, running(balancer([Here(one), Here(other)])) as url:
        segmenter = RemoteSegmenter(url)
        assert len(answers(segmenter)) == len(CLICKS)
        *_, last = segmenter.automask(disc_on_noise(), EASY)
        segmenter.close()
    assert last.done == 1


@pytest.mark.parametrize("key", ["../secret", "x" * 5000, "0" * 31 + "g", "0" * 32])
def test_a_key_is_no_path(tmp_path, key):
    (tmp_path / "secret.arrays").write_bytes(b"damaged, which is removed where it is read")
    shared = DiskCache(tmp_path / "windows", 10**6)
    with running(create_app(ClassicalSegmenter(), shared=shared)) as url:
        assert httpx.post(f"{url}/embed", json={"key": key}, trust_env=False).status_code == 404
    assert (tmp_path / "secret.arrays").exists()
