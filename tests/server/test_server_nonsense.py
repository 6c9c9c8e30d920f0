"""Whatever a SAM server is sent, it answers or says why not."""

import base64
import json

import pytest
from hypothesis import given, settings

from seg_app.sam.openapi import document
from seg_app.sam.wire import pack, pack_image, unpack_candidates
from tests.schemas import requests
from tests.segmenter_contract import KEY, SMALL

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


def test_a_point_off_the_image_is_refused_in_words(client):
    prompts = {"points": [{"x": 500, "y": 500}]}
    answer = client.post("/predict", json={"key": KEY, "prompts": prompts})
    assert (answer.status_code, "Click once inside" in answer.json()["error"]) == (422, True)
