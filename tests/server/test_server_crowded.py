"""How much a SAM server does at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from seg_app.errors import SegmenterError
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.protocol import AutoProgress
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app
from tests.segmenter_contract import CENTRE, CLICK, disc_on_noise
from tests.serving import running
from tests.threads import until


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
