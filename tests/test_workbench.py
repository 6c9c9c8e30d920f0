"""The workbench: what is read for the page is not read in the thread of the page."""

import itertools
import threading

import numpy as np
import pytest
from builders import square
from threads import finish

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Desk, Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, load_extensions, unseen
from seg_app.views.gestures import Gesture
from seg_app.views.readout import ON_ITS_WAY
from seg_app.views.render import Viewport
from seg_app.views.workbench import ELSEWHERE


@pytest.fixture
def image(source):
    """An image on a server: dark, and below it a bright databar of 20 rows that no header tells of."""
    pixels = np.arange(60 * 80, dtype=np.uint16).reshape(1, 60, 80) % 100
    pixels[:, 40:] = 1000
    return source.client.write_array(pixels, key="dark", dims=tuple("zyx"))


@pytest.fixture
def bench(source, image):  # noqa: ARG001
    """A workbench whose image has to be read again for its contrast, because the databar has just been set."""
    load_extensions()
    bench = Workbench(Session(Volume.from_tiled(source, "dark"), connect_sam("classical:")))
    bench.session.volume.set_databar(20)
    bench.session.limits = (3.0, 900.0)
    yield bench
    bench.close()
    bench.worker.close()


def press_auto(bench):
    bench._contrast._auto.clicks += 1
    finish(bench)


def test_auto_is_the_contrast_without_the_databar(bench):
    press_auto(bench)
    assert bench.session.limits == bench._contrast._slider.value == pytest.approx((0, 99), abs=1)


def test_auto_says_why_the_image_cannot_be_read_and_leaves_the_contrast(bench, source):
    source.client.delete_contents("dark", external_only=False)
    press_auto(bench)
    assert "dark" in bench.worker.trouble
    assert bench.session.limits == (3.0, 900.0)


NUMBERS = itertools.count(1)
FILM = np.arange(2 * 2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 2, 3, 20, 30)


@pytest.fixture
def film_bench(source, tmp_path):
    """The desk of a film of two times and two channels, and the workbench of its session."""
    load_extensions()
    key = f"film-{next(NUMBERS)}"  # another one each time: what is deleted may still be on its way off the disk
    source.client.write_array(FILM, key=key, dims=tuple("tczyx"))
    store = MaskStore(LocalFolder(tmp_path / "masks"))
    desk = Desk(source, connect_sam("classical:"), store=store, journals=tmp_path / "journals")
    bench = Workbench(desk.open(key))
    yield desk, bench
    desk.close()
    bench.close()
    bench.worker.close()


def test_the_contrast_has_the_range_of_the_channel_that_is_on_view(film_bench):
    desk, bench = film_bench
    slider = bench._contrast._slider
    before = (slider.start, slider.end)
    desk.move(c=1)
    assert (slider.start, slider.end) == desk.session.volume.data_range() != before
    assert slider.value == desk.session.limits


def test_another_time_brings_no_planes_to_follow(film_bench):
    desk, bench = film_bench
    desk.move(t=1)
    assert not bench._plane._follow.visible


def press_while_it_goes(desk, bench, press):
    """Press something while the worker is about to go to another time."""
    may_go = threading.Event()
    bench.worker.run("Waiting", may_go.wait, 30)
    bench.worker.run("Going", lambda: desk.move(t=1))
    press()
    may_go.set()
    finish(bench)


VERBS = {
    "undo": lambda bench: bench._on_key("ctrl+z"),
    "delete": lambda bench: bench._on_key("Delete"),
    "save": lambda bench: bench.save(),
    "class": lambda bench: bench._masklist._on_classify(None),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_pressed_while_the_image_goes_to_another_time_is_not_done_there(film_bench, verb):
    desk, bench = film_bench
    masks = desk.move(t=1).masks.add([square(2, 3)])
    desk.session.masks.selected = (masks[0].id,)
    desk.move(t=0).masks.add([square(5, 6)])
    desk.session.class_name, desk.session.masks.selected = "pore", (desk.session.masks.masks[0].id,)
    press_while_it_goes(desk, bench, lambda: VERBS[verb](bench))
    assert (desk.session.index["t"], desk.session.masks.masks, desk.session.saved_as) == (1, masks, "")
    assert bench.worker.trouble == ELSEWHERE


def test_what_is_pressed_while_the_image_goes_to_another_channel_is_done_for_they_share_the_objects(film_bench):
    desk, bench = film_bench
    desk.session.masks.add([square(5, 6)])
    bench.worker.run("Going", lambda: desk.move(c=1))
    bench._on_key("ctrl+z")
    finish(bench)
    assert (desk.session.index["c"], desk.session.masks.masks) == (1, ())


def test_sets_that_were_listed_for_one_time_are_not_loaded_into_another(film_bench):
    desk, bench = film_bench
    desk.session.masks.add([square(5, 6)])
    desk.session.save()
    loading = bench._masklist._saved.loading
    loading.ask()
    finish(bench)
    (item,) = loading._sets.items
    was_open = loading.dialog.open
    desk.move(t=1)
    assert (was_open, loading.dialog.open) == (True, False)
    loading._on_choice(item)  # the click was on its way
    finish(bench)
    assert desk.session.masks.masks == ()
    assert bench.worker.trouble.endswith("_t0.npz' belongs to another time of the image. Press Load once more.")


def draw(bench):
    """Draw what a browser would show."""
    bench.image._redraw("frame")
    bench.image._viewport = Viewport((-0.5, -0.5, 29.5, 19.5), 30, 20)
    bench.image._draw()
    bench.image._viewport = None  # nobody looks: nothing is drawn until the next call


def test_a_picture_that_was_begun_at_one_time_is_not_shown_at_another(film_bench, monkeypatch):
    desk, bench = film_bench
    make_frame, is_first, bright = unseen.make_frame, iter([True]), []

    def slow(*args):
        frame = make_frame(*args)
        if next(is_first, False):
            bench.image._viewport = None
            desk.move(t=1)
        return frame

    monkeypatch.setattr(unseen, "make_frame", slow)
    bench.image.on_picture = lambda: bright.append(bench.image._frame.value_at(0, 0) > 2000)
    draw(bench)
    draw(bench)
    assert bright == [True]


def test_clicks_on_the_picture_of_the_time_before_are_for_nothing(film_bench):
    desk, bench = film_bench
    click = Gesture("click", 15, 10)
    draw(bench)
    desk.move(t=1)
    bench.image._on_gesture(Gesture("hover", 15, 10))
    bench.image._on_gesture(click)
    assert (len(desk.session.draft.prompts.points), bench.image.readout.text.rx.value) == (0, ON_ITS_WAY)
    draw(bench)
    bench.image._on_gesture(click)
    assert len(desk.session.draft.prompts.points) == 1
    assert "value" in bench.image.readout.text.rx.value
