import pytest
import torch

from seg_app.sam.stopwatch import Stopwatch


def test_it_is_endless_before_anything_was_done_and_what_failed_is_not_counted():
    watch = Stopwatch(torch.device("cpu"))
    with pytest.raises(RuntimeError), watch.running():
        raise RuntimeError
    assert watch.last_s == float("inf")
    with watch.running():
        pass
    assert 0 <= watch.last_s < float("inf")


class Mark:
    """Stands for an event of a graphics card."""

    is_past = False

    def __init__(self, **_):
        pass

    def record(self):
        """It is past when the test says so."""

    def query(self):
        return self.is_past

    def elapsed_time(self, _end):
        return 250.0


def test_with_a_graphics_card_nobody_waits_and_it_counts_once_it_is_done(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Event", Mark)
    watch = Stopwatch(torch.device("cuda"))
    with watch.running():
        pass
    before = watch.last_s
    monkeypatch.setattr(Mark, "is_past", True)
    assert (before, watch.last_s) == (float("inf"), 0.25)
