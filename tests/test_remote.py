import threading
from dataclasses import replace

import httpx
import numpy as np
import pytest

from seg_app.errors import AwayError, SegmenterError
from seg_app.records import Point, Prompts
from seg_app.sam import connect_sam, wire
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.autowire import lines_of, progress_of
from seg_app.sam.cache import content_key
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.protocol import AutoMask, AutoProgress
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app
from tests.builders import square
from tests.contracts import CENTRE, SegmenterContract, disc_on_noise
from tests.serving import running

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


@pytest.fixture
def client(served):
    """Ask the server without the help of RemoteSegmenter."""
    with httpx.Client(base_url=served.url, trust_env=False) as http:
        yield http


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
# the sam2 package scripts its transforms
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
class TestRemoteSam(SegmenterContract):
    obedient = False

    @pytest.fixture
    def segmenter(self, remote_sam):
        return remote_sam


def test_answers_like_the_segmenter_on_the_server(remote) -> None:
    there = remote.predict(disc_on_noise(), CLICK)
    here = ClassicalSegmenter().predict(disc_on_noise(), CLICK)
    assert [c.score for c in there] == [c.score for c in here]
    for ours, theirs in zip(here, there, strict=True):
        np.testing.assert_array_equal(theirs.logits > 0, ours.logits > 0)
        np.testing.assert_allclose(theirs.logits, ours.logits, atol=0.01)


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


@pytest.mark.parametrize("prompts", [{"points": []}, {"points": [{"x": 1, "y": 1}] * 2}, None])
def test_a_preview_of_anything_but_a_point_is_refused(remote, client, prompts) -> None:
    remote.embed(disc_on_noise())
    question = {"key": content_key(disc_on_noise()), "prompts": prompts}
    assert client.post("/preview", json=question).status_code == 422


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
def test_prompts_that_are_none_are_refused(client, prompts) -> None:
    image = disc_on_noise()
    client.put(f"/images/{content_key(image)}", content=wire.pack_image(image))
    answer = client.post("/predict", json={"key": content_key(image), "prompts": prompts})
    assert answer.status_code == 422
    assert "rompts" in answer.json()["error"]


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


def steps_of(search) -> list:
    return [(step.done, [(a.mask.counts, a.mask.y0, a.mask.x0, a.mask.score) for a in step.masks]) for step in search]


def test_a_search_on_the_server_finds_what_a_search_here_does(remote) -> None:
    here = steps_of(ClassicalSegmenter().automask(disc_on_noise(), AutoOptions(pred_iou_thresh=0.3)))
    assert steps_of(remote.automask(disc_on_noise(), AutoOptions(pred_iou_thresh=0.3))) == here
    assert here[-1][1]


def test_a_search_of_an_image_that_the_server_let_go_sends_it_again(remote, client) -> None:
    list(remote.automask(disc_on_noise()))
    client.delete("/cache")
    assert list(remote.automask(disc_on_noise()))


def test_masks_that_go_and_come_are_followed_line_by_line() -> None:
    first, second, better = (AutoMask(square(x0), 0.5) for x0 in (1, 20, 40))
    steps = [AutoProgress(0.5, (first, second)), AutoProgress(1.0, (better, second))]
    lines = list(lines_of(iter(steps)))
    assert list(progress_of(lines)) == steps
    assert lines[1].count("counts") == 1


def endless(closed: threading.Event):
    """Yield steps until it is closed."""
    try:
        while True:
            yield AutoProgress(0.1, ())
    finally:
        closed.set()


def test_hanging_up_ends_the_search_on_the_server(monkeypatch) -> None:
    segmenter, closed = ClassicalSegmenter(), threading.Event()
    monkeypatch.setattr(segmenter, "automask", lambda *_: endless(closed))
    with running(create_app(segmenter)) as url:
        search = RemoteSegmenter(url).automask(disc_on_noise())
        next(search)
        search.close()
        assert closed.wait(20)


def test_a_search_that_fails_on_the_way_says_why(monkeypatch) -> None:
    def failing(*_):
        yield AutoProgress(0.1, ())
        raise SegmenterError("The device burns.")

    segmenter = ClassicalSegmenter()
    monkeypatch.setattr(segmenter, "automask", failing)
    with running(create_app(segmenter)) as url, pytest.raises(SegmenterError, match="The device burns"):
        list(RemoteSegmenter(url).automask(disc_on_noise()))


@pytest.mark.parametrize("options", [{"points_per_side": 0}, {"no_such": 1}, [1], {"region": {"x0": "a"}}])
def test_options_that_make_no_sense_are_refused(client, remote, options) -> None:
    remote.embed(disc_on_noise())
    answer = client.post("/automask", json={"key": content_key(disc_on_noise()), "options": options})
    assert answer.status_code == 422
    assert answer.json()["error"]


WRONG_RUNS = '{"id": "a", "z": 0, "y0": 0, "x0": 0, "height": 2, "width": 2, "counts": [9]}'


@pytest.mark.parametrize(
    "lines",
    [
        ["no json"],
        ["[]"],
        ['{"done": 1, "order": ["a"], "new": []}'],
        ['{"done": 1, "order": [], "new": [{"id": "a", "z": 0, "y0": 0}]}'],
        [f'{{"done": 1, "order": [], "new": [{WRONG_RUNS}]}}'],
        ['{"done": 0.5, "order": [], "new": []}'],
        [],
    ],
)
def test_damaged_lines_of_a_search_are_segmenter_errors(lines) -> None:
    with pytest.raises(SegmenterError):
        list(progress_of(lines))
