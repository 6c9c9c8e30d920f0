"""The canvas without a browser: what makes it draw the plane again."""

import gc
import weakref

import numpy as np
import panel as pn
import pytest
from benches import bench_of

from seg_app.models import Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, image, load_extensions
from seg_app.views.render import BLANK, Viewport


@pytest.fixture
def bench():
    with bench_of(Session(Volume.from_array(np.zeros((60, 60), np.uint8)), connect_sam("classical:"))) as bench:
        yield bench


def test_a_plane_is_drawn_again_when_it_has_got_its_levels(bench):
    bench.image._stale.clear()
    bench.session.volume.sharpened += 1
    assert bench.image._stale == {"frame"}


def test_nothing_of_an_image_is_kept_when_another_one_takes_its_place():
    load_extensions()
    bench = Workbench(Session(Volume.from_array(np.zeros((60, 60), np.uint8)), connect_sam("classical:")))
    page = pn.Column(bench)
    root = page.get_root()  # draws it
    session = weakref.ref(bench.session)
    page[:] = []
    bench.close()
    bench.worker.close()
    del bench
    gc.collect()
    assert root
    assert session() is None


def test_a_plane_that_cannot_be_read_for_whatever_reason_is_shown_blank_and_said(bench, monkeypatch, caplog):
    def make_frame(*_):
        raise LookupError("a bug")

    monkeypatch.setattr(image, "make_frame", make_frame)
    assert bench.image._read_frame(Viewport((0, 0, 60, 60), 60, 60), 0) is BLANK
    assert bench.worker.trouble == image.UNFORESEEN
    assert "LookupError: a bug" in caplog.text


def test_at_rest_everything_is_loaded_that_the_first_outline_needs(bench, monkeypatch):
    loaded = []
    monkeypatch.setattr(image, "load_outlining", lambda: loaded.append("outlining"))
    bench.image._prepare()
    assert loaded == ["outlining"]


def test_without_a_graphics_card_no_frame_waits_for_webgl(bench):
    bench.image._pane.get_root()
    assert bench.image._figure.output_backend == "canvas"
