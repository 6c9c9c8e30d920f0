"""The client of a SAM server: it answers as the segmenter there does, and says what keeps it from that."""

import hashlib
import threading
from dataclasses import replace
from unittest.mock import Mock

import httpx
import numpy as np
import pytest
from segmenter_contract import CENTRE, SegmenterContract, disc_on_noise
from serving import running

from seg_app.errors import AwayError, SegmenterError
from seg_app.records import Point, Prompts
from seg_app.sam import connect_sam
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.followed import can_follow
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app

CLICK = Prompts((CENTRE,))


class Counted:
    """An ASGI application that notes what is asked of another one."""

    def __init__(self, app) -> None:
        self.app, self.requests = app, []

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "http":
            self.requests.append(f"{scope['method']} /{scope['path'].split('/')[1]}")
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def served():
    app = Counted(create_app(ClassicalSegmenter()))
    with running(app) as url:
        app.url = url
        yield app


@pytest.fixture
def remote(served):
    segmenter = RemoteSegmenter(served.url)
    served.requests.clear()
    yield segmenter
    segmenter.close()


class TestRemoteSegmenter(SegmenterContract):
    @pytest.fixture
    def segmenter(self, remote):
        return remote


@pytest.fixture(scope="module")
def remote_sam():
    """The client of a server of the SAM 2.1 that comes along."""
    with running(create_app(connect_sam("bundled:", device="cpu"))) as url:
        segmenter = RemoteSegmenter(url)
        yield segmenter
        segmenter.close()


@pytest.mark.skipif(Checkpoint.bundled() is None, reason="this checkout has no weights")
class TestRemoteSam(SegmenterContract):
    obedient = False

    @pytest.fixture
    def segmenter(self, remote_sam):
        return remote_sam


@pytest.mark.parametrize("coloured", [False, True])
def test_the_window_of_a_second_click_is_hashed_neither_here_nor_there(remote, coloured, monkeypatch) -> None:
    image = disc_on_noise() // np.array([1, 1, 2 if coloured else 1], np.uint8)
    image.flags.writeable = False
    remote.predict(image, CLICK)
    hashed = Mock(wraps=hashlib.blake2b)
    monkeypatch.setattr("hashlib.blake2b", hashed)
    remote.predict(image, CLICK)
    assert hashed.call_count == 0


def test_answers_like_the_segmenter_on_the_server(remote) -> None:
    there = remote.predict(disc_on_noise(), CLICK)
    here = ClassicalSegmenter().predict(disc_on_noise(), CLICK)
    assert [c.score for c in there] == [c.score for c in here]
    for ours, theirs in zip(here, there, strict=True):
        np.testing.assert_array_equal(theirs.logits > 0, ours.logits > 0)
        np.testing.assert_allclose(theirs.logits, ours.logits, atol=0.01)


def test_says_whether_the_segmenter_on_the_server_follows_objects(remote, remote_sam) -> None:
    assert (can_follow(remote), can_follow(remote_sam)) == (False, True)


def test_an_image_travels_once(remote, served) -> None:
    image = np.full((40, 50, 3), 7, dtype=np.uint8)
    for x in (10, 20):
        remote.predict(image, Prompts((Point(x, 20),)))
    assert served.requests == ["POST /predict", "PUT /images", "POST /predict", "POST /predict"]


def test_embedding_sends_the_image_before_the_click(remote, served) -> None:
    image = np.full((40, 50, 3), 8, dtype=np.uint8)
    remote.embed(image)
    served.requests.clear()
    remote.predict(image, Prompts((Point(10, 20),)))
    assert served.requests == ["POST /predict"]


def test_for_a_preview_no_image_travels(remote, served) -> None:
    assert remote.preview(np.full((40, 50, 3), 9, dtype=np.uint8), Point(10, 20)) == []
    assert served.requests == ["POST /preview"]


def test_a_preview_that_nobody_answers_is_none() -> None:
    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url)
    assert segmenter.preview(disc_on_noise(), CENTRE) == []
    segmenter.close()


def test_a_trace_stays_on_the_server_and_goes_by_a_name() -> None:
    class Remembering(ClassicalSegmenter):
        def predict(self, image, prompts, *, previous=None, mask=None):
            corrected.append(previous)
            return [
                replace(found, trace=np.full((256, 256), 7, "f4"))
                for found in super().predict(image, prompts, mask=mask)
            ]

    corrected: list = []
    with running(create_app(Remembering())) as url:
        segmenter = RemoteSegmenter(url)
        first = segmenter.predict(disc_on_noise(), CLICK)[0]
        segmenter.predict(disc_on_noise(), CLICK, previous=first.trace)
        segmenter.close()
    assert isinstance(first.trace, str)
    assert corrected[0] is None
    np.testing.assert_array_equal(corrected[1], np.full((256, 256), 7))


def test_an_image_that_the_server_let_go_is_sent_again(remote, served) -> None:
    remote.embed(disc_on_noise())
    assert httpx.delete(f"{served.url}/cache", trust_env=False).status_code == 204
    served.requests.clear()
    remote.embed(disc_on_noise())
    assert served.requests == ["POST /embed", "PUT /images", "POST /embed"]


def test_no_more_images_are_kept_than_fit(monkeypatch) -> None:
    monkeypatch.setattr("seg_app.sam.server.KEPT_IMAGE_BYTES", 2 * disc_on_noise().nbytes)
    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url)
        for i in range(4):
            segmenter.embed(np.roll(disc_on_noise(), i, axis=0))
        segmenter.close()
        assert httpx.get(f"{url}/status", trust_env=False).json()["images"] == 2


def test_a_restarted_server_goes_unnoticed() -> None:
    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url)
        segmenter.predict(disc_on_noise(), CLICK)
    with running(create_app(ClassicalSegmenter()), port=httpx.URL(url).port):
        assert segmenter.predict(disc_on_noise(), CLICK)
    segmenter.close()


def test_a_server_that_has_gone_is_missed_by_name() -> None:
    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url, patience_s=0.1)
    with pytest.raises(SegmenterError, match=f"No SAM server answers at {url}"):
        segmenter.predict(disc_on_noise(), CLICK)
    segmenter.close()


def test_a_machine_that_is_off_is_missed_like_a_server_that_does_not_run(monkeypatch) -> None:
    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url, patience_s=0.0)

        def silent(*_, **__):
            raise httpx.ConnectTimeout("no answer")

        monkeypatch.setattr(segmenter._http, "send", silent)
        with pytest.raises(AwayError, match=f"No SAM server answers at {url}"):
            segmenter.predict(disc_on_noise(), CLICK)
        segmenter.close()


def test_whether_it_is_there_is_asked_of_the_server_with_what_it_has_now() -> None:
    class Other(ClassicalSegmenter):
        name, input_size = "Other", 512

    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url)
        assert segmenter.is_there()
    assert not segmenter.is_there()
    with running(create_app(Other()), port=httpx.URL(url).port):
        assert segmenter.is_there()
    assert (segmenter.name, segmenter.input_size) == ("Other", 512)
    segmenter.close()


def test_a_password_in_the_address_is_shown_nowhere(caplog) -> None:
    caplog.set_level("DEBUG")
    with running(create_app(ClassicalSegmenter())) as url:
        segmenter = RemoteSegmenter(url.replace("http://", "http://ada:hush@") + "/", patience_s=0.1)
        assert segmenter.predict(disc_on_noise(), CLICK)
    with pytest.raises(SegmenterError, match=f"No SAM server answers at {url}") as error:
        segmenter.predict(disc_on_noise(), CLICK)
    segmenter.close()
    assert "hush" not in f"{error.value} {caplog.text}"


@pytest.mark.parametrize("url", ["http://[::1", "http://ada:hush@[::1", "http://host:port", "http://", "http://:hush@"])
def test_what_is_no_address_is_said_so(url) -> None:
    with pytest.raises(SegmenterError, match=r"BACKEND_URL .* http://host:8001") as error:
        connect_sam(url)
    assert "hush" not in str(error.value)


def test_another_web_server_is_not_taken_for_a_segmenter() -> None:
    async def greeting(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>hello</html>"})

    with running(greeting) as url, pytest.raises(SegmenterError, match="is no SAM server"):
        RemoteSegmenter(url)


def test_a_server_that_is_too_slow_is_not_waited_for() -> None:
    asked, done = threading.Event(), threading.Event()

    class Slow(ClassicalSegmenter):
        def embed(self, _image, *, client=""):  # noqa: ARG002
            asked.set()
            done.wait()

    with running(create_app(Slow())) as url:
        segmenter = RemoteSegmenter(url, timeout_s=0.2)
        with pytest.raises(SegmenterError, match=r"takes longer than 0\.2 s"):
            segmenter.embed(disc_on_noise())
        done.set()
        segmenter.close()
    assert asked.is_set()


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_wrong_token_is_refused(token) -> None:
    with running(create_app(ClassicalSegmenter(), token="secret")) as url:
        with pytest.raises(SegmenterError, match="token is missing or wrong"):
            connect_sam(url, token=token)
        connect_sam(url, token="secret").close()


def test_the_server_hears_who_asks_to_embed() -> None:
    class Listening(ClassicalSegmenter):
        def embed(self, image, *, client=""):
            asked.append((image.shape, client))

    asked: list = []
    with running(create_app(Listening())) as url:
        segmenter = RemoteSegmenter(url)
        segmenter.embed(disc_on_noise(), client="ada")
        segmenter.close()
    assert asked == [((96, 128, 3), "ada")]
