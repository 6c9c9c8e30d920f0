"""What a SAM server says besides answering, and to whom: see test_remote.py for the answers."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.openapi import document
from seg_app.sam.protocol import Load
from seg_app.sam.scheduler import Priority
from seg_app.sam.server import create_app
from seg_app.sam.wire import pack_image
from tests.schemas import operations_of
from tests.segmenter_contract import KEY, SMALL
from tests.serving import running
from tests.threads import until

OPERATIONS = [(method, path.replace("{key}", KEY)) for method, path in operations_of(document(""))]


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
