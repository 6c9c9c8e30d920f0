"""What a SAM server says besides answering: see test_remote.py for that."""

import base64
import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from hypothesis import given, settings

from seg_app.errors import SegmenterError
from seg_app.models import Session, Volume
from seg_app.records import Prompts
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.cache import content_key
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.devices import Device
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.openapi import document
from seg_app.sam.protocol import AutoProgress, Load
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.scheduler import Priority
from seg_app.sam.server import create_app
from seg_app.sam.wire import pack, pack_image, unpack_candidates
from tests.schemas import operations_of, requests
from tests.segmenter_contract import CENTRE, disc_on_noise
from tests.serving import running
from tests.threads import until
from tests.tiny_sam import MEMORY, tiny_checkpoint

CLICK = Prompts((CENTRE,))
SMALL = disc_on_noise()[40:60, 50:70].copy()
KEY = content_key(SMALL)
OPERATIONS = [(method, path.replace("{key}", KEY)) for method, path in operations_of(document(""))]


@pytest.fixture(scope="module")
def client():
    with running(create_app(ClassicalSegmenter())) as url, httpx.Client(base_url=url, trust_env=False) as http:
        assert http.put(f"/images/{KEY}", content=pack_image(SMALL)).status_code == 204
        yield http


@pytest.fixture(scope="module")
def sam(tmp_path_factory):
    """A SAM 2.1 with random weights, behind a server, and a client of that; it could not be compiled."""
    checkpoint = tiny_checkpoint(tmp_path_factory.mktemp("model"), image_size=256, memory=MEMORY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seg_app.sam.engine.compile_encoder", lambda *_: "there is no compiler.")
        engine = Sam2Segmenter(checkpoint, device=Device("cpu", is_compiled=True))
    with running(create_app(engine)) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        yield engine, http


# What people see


def test_the_document_names_every_route(client):
    assert set(client.get("/openapi.json").json()["paths"]) == {r.path for r in create_app(ClassicalSegmenter()).routes}


def test_the_document_names_every_option_of_a_search():
    question = document("")["paths"]["/automask"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(question["properties"]["options"]["properties"]) == set(AutoOptions.__dataclass_fields__)


def test_the_page_of_the_document_names_every_question(client):
    page = client.get("/docs").text
    assert all(f"{method.upper()} {path}" in page for method, path in [("put", "/images/{key}"), ("post", "/predict")])


def test_the_status_counts_what_is_held_and_who_asks(client):
    status = client.get("/status").json()
    assert (status["name"], status["images"], status["image_bytes"]) == ("Classical · no weights", 1, SMALL.nbytes)
    assert status["clients"][0]["address"] == "127.0.0.1"


def test_browsers_get_the_status_as_a_page(client):
    page = client.get("/status", headers={"accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "Classical · no weights" in page.text


def test_a_segmenter_with_a_queue_shows_it():
    class Queued(ClassicalSegmenter):
        load = Load(("click", "automask"), 7, 9)

    with running(create_app(Queued())) as url:
        status = httpx.get(f"{url}/status", trust_env=False).json()
    assert (status["waiting"], status["embedding_bytes"], status["device_bytes"]) == (["click", "automask"], 7, 9)


def test_the_status_of_sam_says_what_waits_what_is_kept_and_how_it_computes(sam):
    engine, http = sam
    http.put(f"/images/{KEY}", content=pack_image(SMALL))
    http.post("/embed", json={"key": KEY})
    question = {"key": KEY, "prompts": {"points": [{"x": 9, "y": 9}]}}
    with ThreadPoolExecutor(1) as pool, engine._scheduler.turn(Priority.CLICK):
        pool.submit(http.post, "/predict", json=question)
        until(lambda: engine._scheduler.waiting)
        status, page = http.get("/status").json(), http.get("/status", headers={"accept": "text/html"}).text
    kept = engine._embeddings.memory_bytes
    told = {"images": 1, "waiting": ["click"], "embedding_bytes": kept, "device_bytes": None}
    assert kept > 0
    assert told.items() <= status.items()
    assert status["computes"] == ["single precision", "not compiled: there is no compiler."]
    shown = {"images": 1, "waiting": "click", "embedding_bytes": kept, "device_bytes": "–", "computes": "single prec"}
    assert all(f"<th>{name}</th><td>{value}" in page for name, value in shown.items())
    assert "<td>127.0.0.1</td>" in page


def test_the_button_of_the_status_frees_what_sam_has_seen(sam):
    engine, http = sam
    http.put(f"/images/{KEY}", content=pack_image(SMALL))
    http.post("/embed", json={"key": KEY})
    before = engine._embeddings.memory_bytes
    assert "fetch('cache', {method: 'DELETE'})" in http.get("/status", headers={"accept": "text/html"}).text
    assert http.delete("/cache").status_code == 204
    status = http.get("/status").json()
    assert (before > 0, status["images"], status["embedding_bytes"]) == (True, 0, 0)


def test_what_is_let_go_is_closed():
    class Closed(ClassicalSegmenter):
        def close(self):
            closed.append(self)

    closed: list = []
    with running(create_app(Closed())) as url:
        assert httpx.delete(f"{url}/cache", trust_env=False).status_code == 204
    assert len(closed) == 1


# Who may ask


@pytest.fixture(scope="module")
def locked():
    with running(create_app(ClassicalSegmenter(), token="secret")) as url:
        yield url


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_question_needs_the_token(locked, method, path):
    answer = httpx.request(method, locked + path, trust_env=False)
    assert (answer.status_code, "Give the one" in answer.json()["error"]) == (401, True)


@pytest.mark.parametrize("password", ["secret", "wrong", "", "süß"])
def test_a_browser_may_give_the_token_as_a_password(locked, password):
    answer = httpx.get(f"{locked}/status", auth=("anybody", password), trust_env=False)
    assert answer.status_code == (200 if password == "secret" else 401)


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic c2VjcmV0", "secret", "Bearer", "Bearer secret2"])
def test_what_only_looks_like_the_token_is_refused(locked, header):
    answer = httpx.get(f"{locked}/health", headers={"authorization": header}, trust_env=False)
    assert answer.status_code == 401


# How much at once


class Slow(ClassicalSegmenter):
    """Answers when it is told to."""

    def __init__(self):
        super().__init__()
        self.go = threading.Event()

    def predict(self, image, prompts, *, previous=None, mask=None):
        self.go.wait()
        return super().predict(image, prompts, previous=previous, mask=mask)

    def automask(self, *_):
        while not self.go.is_set():
            yield AutoProgress(0.1, ())
        yield AutoProgress(1.0, ())


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr("seg_app.sam.server.QUESTIONS_AT_ONCE", 1)
    monkeypatch.setattr("seg_app.sam.server.SEARCHES_AT_ONCE", 1)
    segmenter = Slow()
    with running(create_app(segmenter)) as url:
        segmenter.url = url
        yield segmenter
        segmenter.go.set()


def questions(url):
    return httpx.get(f"{url}/status", trust_env=False).json()["questions"]


def test_a_full_server_says_so_and_is_asked_again(slow):
    segmenter, hasty = RemoteSegmenter(slow.url, patience_s=60), RemoteSegmenter(slow.url, patience_s=0)
    segmenter.embed(disc_on_noise())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(segmenter.predict, disc_on_noise(), CLICK)
        until(lambda: questions(slow.url) == 1)
        with pytest.raises(SegmenterError, match=r"full: it has 1 questions, at most 1 at once. Ask again in a moment"):
            hasty.predict(disc_on_noise(), CLICK)
        second = pool.submit(segmenter.predict, disc_on_noise(), CLICK)
        slow.go.set()
        assert len(first.result()) == len(second.result())
    segmenter.close()
    hasty.close()


def test_whoever_only_looks_takes_no_place_from_those_who_click_and_hears_of_no_crowd(monkeypatch):
    class Staring(ClassicalSegmenter):
        def preview(self, image, point, *, client=""):
            staring.set()
            go.wait()
            return super().preview(image, point, client=client)

    monkeypatch.setattr("seg_app.sam.server.PREVIEWS_AT_ONCE", 1)
    staring, go = threading.Event(), threading.Event()
    with running(create_app(Staring())) as url, ThreadPoolExecutor(1) as pool:
        segmenter = RemoteSegmenter(url)
        segmenter.embed(disc_on_noise())
        first = pool.submit(segmenter.preview, disc_on_noise(), CENTRE)
        staring.wait()
        assert segmenter.preview(disc_on_noise(), CENTRE) == []
        assert segmenter.predict(disc_on_noise(), CLICK)
        go.set()
        assert first.result()
        segmenter.close()


def test_one_search_more_than_there_is_room_for_is_refused(slow):
    segmenter = RemoteSegmenter(slow.url, patience_s=0.1)
    first = segmenter.automask(disc_on_noise())
    next(first)
    with pytest.raises(SegmenterError, match="full: it has 1 searches"):
        next(segmenter.automask(disc_on_noise()))
    slow.go.set()
    assert [*first][-1].done == 1
    segmenter.close()


# Nonsense

HUGE = b'{"grey": true, "arrays": [{"type": "uint8", "shape": [100000, 100000], "bytes": 9}]}'
NONSENSE = {
    "100,000 points": {"key": KEY, "prompts": {"points": [{"x": 1, "y": 1}] * 100_000}},
    "not a number": {"key": KEY, "prompts": {"points": [{"x": float("nan"), "y": 1}]}},
    "larger than any number": {"key": KEY, "prompts": {"points": [{"x": 10**400, "y": 1}]}},
    "endless": {"key": KEY, "prompts": {"box": dict.fromkeys(("x0", "y0", "x1", "y1"), float("inf"))}},
    "half of a surrogate pair": {"key": "\ud800", "prompts": {"points": [{"x": 1, "y": 1}]}},
    "nothing": {},
}


@pytest.mark.parametrize("question", NONSENSE)
def test_nonsense_is_refused_with_a_reason(client, question):
    answer = client.post("/predict", content=json.dumps(NONSENSE[question]).encode())
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]


@pytest.mark.parametrize("mask", ["no base64!", "ääää", "", [1], 7, base64.b64encode(pack({}, [])).decode()])
def test_a_mask_that_cannot_be_read_is_refused_with_a_reason(client, mask):
    answer = client.post("/predict", json={"key": KEY, "prompts": {"points": [{"x": 1, "y": 1}]}, "mask": mask})
    assert (answer.status_code, "Cannot read a m" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize("options", [{"point_grids": [[[1] * 100_000]]}, {"points_per_side": 10**400}, {"region": 1}])
def test_a_search_of_nonsense_is_refused_with_a_reason(client, options):
    answer = client.post("/automask", content=json.dumps({"key": KEY, "options": options}).encode())
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"", b"\xff\xfe", b"null"])
def test_bodies_that_are_no_question_are_refused_with_a_reason(client, body):
    answer = client.post("/predict", content=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


@pytest.mark.parametrize("image", [HUGE, b"", b"[" * 60_000, b'{"arrays": [{"type": "uint8", "shape": [1e400]}]}'])
def test_images_that_are_none_are_refused_with_a_reason(client, image):
    answer = client.put(f"/images/{KEY}", content=len(image).to_bytes(4, "big") + image)
    assert (answer.status_code, "Cannot read a message" in answer.json()["error"]) == (422, True)


asked = requests(document(""), SMALL)


def is_answered(client, method, path, body) -> None:
    """Check that the server answers, or refuses with a reason; and that it is alive."""
    client.put(f"/images/{KEY}", content=pack_image(SMALL))  # it may have let go of all images
    with client.stream(method, path, content=body) as answer:
        assert answer.is_success or 400 <= answer.status_code < 500
        told = next(answer.iter_lines(), "") if path == "/automask" else answer.read()  # of a search, the first step
    assert answer.is_success or json.loads(told)["error"]
    if answer.is_success and path in ("/predict", "/preview"):
        assert all(0 <= candidate.score <= 1 for candidate in unpack_candidates(told))
    assert client.get("/health").is_success


@settings(max_examples=130, deadline=None)
@given(asked)
def test_whatever_is_sent_there_is_an_answer_or_a_reason(client, request_):
    is_answered(client, *request_)


@settings(max_examples=30, deadline=None)
@given(asked)
def test_whatever_is_sent_to_sam_there_is_an_answer_or_a_reason(sam, request_):
    is_answered(sam[1], *request_)


# A server that dies

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


def test_a_point_off_the_image_is_refused_in_words(client):
    prompts = {"points": [{"x": 500, "y": 500}]}
    answer = client.post("/predict", json={"key": KEY, "prompts": prompts})
    assert (answer.status_code, "Click once inside" in answer.json()["error"]) == (422, True)
