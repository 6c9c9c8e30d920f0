"""The canvas without a browser: what makes it draw the plane again."""

import gc
import weakref

import numpy as np
import panel as pn
import pytest
from benches import bench_of, click, spotted
from builders import square

from seg_app.errors import UnreadableError
from seg_app.io.levels import Stored, opened
from seg_app.models import Session, Volume
from seg_app.records import Prompts
from seg_app.sam import connect_sam
from seg_app.views import Workbench, image, load_extensions, unseen
from seg_app.views.gestures import Gesture
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

    monkeypatch.setattr(unseen, "make_frame", make_frame)
    look(bench)
    assert bench.image._frame.pixels is BLANK.pixels
    assert bench.image._unseen._label.text.startswith("This image cannot be shown.\nThe plane cannot be shown for a")
    assert bench.worker.trouble == unseen.UNFORESEEN
    assert "LookupError: a bug" in caplog.text


DAMAGE = "Cannot read broken.tif: its second plane is damaged."


@pytest.fixture
def broken(tmp_path):
    """A bench of three planes with two bright squares, of which the second cannot be read; the first is on view."""

    def read(key):
        if key[0].start == 1:
            raise UnreadableError(DAMAGE)
        return planes[key]

    planes = spotted(tmp_path, connect_sam("classical:")).volume.levels[0].values[:3]
    damaged = opened("local", "broken.tif", [Stored(planes.shape, planes.dtype, read)], attributes={})
    session = Session(Volume.of(damaged), connect_sam("classical:"))
    session.go_to(0)
    with bench_of(session) as bench:
        look(bench)
        yield bench


def look(bench):
    """Show the plane on view, as a browser would ask for it."""
    bench.image._viewport = Viewport((-0.5, -0.5, 59.5, 59.5), 60, 60)
    bench.image._redraw("frame")
    bench.image._latest._pool.submit(lambda: None).result(30)


def test_a_plane_that_cannot_be_read_says_so_on_the_canvas_as_long_as_it_is_on_view(broken):
    words, seen = broken.image._unseen._label, []
    for z in range(3):
        broken.session.go_to(z)
        look(broken)
        seen.append(words.visible and words.text)
    assert seen == [False, f"Plane 2 cannot be shown.\n{DAMAGE}", False]


@pytest.mark.parametrize("gesture", [Gesture("click", 15, 15), Gesture("box", 5, 5, 25, 25)])
def test_a_gesture_on_a_plane_that_cannot_be_read_leaves_nothing_and_is_answered(broken, gesture):
    broken.session.go_to(1)
    look(broken)
    broken.worker.trouble = ""
    broken.image._on_gesture(gesture)
    look(broken)
    assert (broken.session.draft.prompts, broken.worker.trouble) == (Prompts(), DAMAGE)


def test_an_object_on_a_plane_that_cannot_be_read_can_be_selected(broken):
    (mask,) = broken.session.masks.add([square(10, 10, 9, z=1)])
    broken.session.go_to(1)
    look(broken)
    click(broken, 14, 14)
    assert broken.session.masks.selected == (mask.id,)


def test_at_rest_everything_is_loaded_that_the_first_outline_needs(bench, monkeypatch):
    loaded = []
    monkeypatch.setattr(image, "load_outlining", lambda: loaded.append("outlining"))
    bench.image._prepare()
    assert loaded == ["outlining"]


def test_without_a_graphics_card_no_frame_waits_for_webgl(bench):
    bench.image._pane.get_root()
    assert bench.image._figure.output_backend == "canvas"
