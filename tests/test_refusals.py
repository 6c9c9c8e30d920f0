"""What a SAM server refuses, whoever asks."""

import httpx
import pytest
from segmenter_contract import disc_on_noise
from serving import running

from seg_app.sam import wire
from seg_app.sam.cache import content_key
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.server import create_app


@pytest.fixture(scope="module")
def client():
    """Asks a server without the help of RemoteSegmenter."""
    with running(create_app(ClassicalSegmenter())) as url, httpx.Client(base_url=url, trust_env=False) as http:
        yield http


@pytest.fixture
def key(client):
    """The name of an image that the server has embedded."""
    key = content_key(disc_on_noise())
    client.put(f"/images/{key}", content=wire.pack_image(disc_on_noise()))
    assert client.post("/embed", json={"key": key}).is_success
    return key


@pytest.mark.parametrize("prompts", [{"points": []}, {"points": [{"x": 1, "y": 1}] * 2}, None])
def test_a_preview_of_anything_but_a_point_is_refused(client, key, prompts) -> None:
    assert client.post("/preview", json={"key": key, "prompts": prompts}).status_code == 422


def test_an_image_under_a_wrong_name_is_refused(client) -> None:
    answer = client.put("/images/0123", content=wire.pack_image(disc_on_noise()))
    assert (answer.status_code, client.post("/embed", json={"key": "0123"}).status_code) == (422, 404)


def test_a_body_that_is_too_large_is_refused(client, monkeypatch) -> None:
    monkeypatch.setattr("seg_app.sam.admission.MAX_MESSAGE_BYTES", 100)
    assert client.put("/images/x", content=b"0" * 101).status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"text"'])
def test_a_question_that_is_no_json_object_is_refused(client, body) -> None:
    assert client.post("/predict", content=body).status_code == 422


@pytest.mark.parametrize(
    "prompts",
    [
        None,
        3,
        {"points": [{"x": "left", "y": 0}]},
        {"points": [{"x": 1}]},
        {"points": 5},
        {"box": {"x0": 1}},
        {"points": [{"x": 1, "y": 1}] * 1001},
    ],
)
def test_prompts_that_are_none_are_refused(client, key, prompts) -> None:
    answer = client.post("/predict", json={"key": key, "prompts": prompts})
    assert answer.status_code == 422
    assert "rompts" in answer.json()["error"]


@pytest.mark.parametrize("options", [{"points_per_side": 0}, {"no_such": 1}, [1], {"region": {"x0": "a"}}])
def test_options_that_make_no_sense_are_refused(client, key, options) -> None:
    answer = client.post("/automask", json={"key": key, "options": options})
    assert answer.status_code == 422
    assert answer.json()["error"]
