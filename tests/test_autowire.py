"""Searches on a server: their masks come, go and become better line by line, as they do here."""

import threading

import httpx
import pytest
from builders import square
from segmenter_contract import disc_on_noise
from serving import running

from seg_app.errors import SegmenterError
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.autowire import lines_of, progress_of
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.protocol import AutoMask, AutoProgress
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app


def test_masks_that_go_and_come_are_followed_line_by_line() -> None:
    first, second, better = (AutoMask(square(x0), 0.5) for x0 in (1, 20, 40))
    steps = [AutoProgress(0.5, (first, second)), AutoProgress(1.0, (better, second))]
    lines = list(lines_of(iter(steps)))
    assert list(progress_of(lines)) == steps
    assert lines[1].count("counts") == 1


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


def steps_of(search) -> list:
    return [(step.done, [(a.mask.counts, a.mask.y0, a.mask.x0, a.mask.score) for a in step.masks]) for step in search]


def test_a_search_on_the_server_finds_what_a_search_here_does() -> None:
    here = steps_of(ClassicalSegmenter().automask(disc_on_noise(), AutoOptions(pred_iou_thresh=0.3)))
    with running(create_app(ClassicalSegmenter())) as url:
        remote = RemoteSegmenter(url)
        assert steps_of(remote.automask(disc_on_noise(), AutoOptions(pred_iou_thresh=0.3))) == here
        remote.close()
    assert here[-1][1]


def test_a_search_of_an_image_that_the_server_let_go_sends_it_again() -> None:
    with running(create_app(ClassicalSegmenter())) as url:
        remote = RemoteSegmenter(url)
        list(remote.automask(disc_on_noise()))
        assert httpx.delete(f"{url}/cache", trust_env=False).status_code == 204
        assert list(remote.automask(disc_on_noise()))
        remote.close()


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
