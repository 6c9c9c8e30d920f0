"""Small pictures of what is in a folder on Drops."""

import io
import threading

import h5py
import numpy as np
import pytest
from drops_files import PIXELS, fetched, put
from PIL import Image
from threads import until

from seg_app.models import Thumbnails
from seg_app.models import thumbnails as module


@pytest.fixture
def thumbnails(explorer):
    thumbnails = Thumbnails(explorer)
    yield thumbnails
    thumbnails.close()


def drawn(thumbnails):
    """Return the pictures of the folder on show, by the titles of their rows."""
    done = threading.Event()
    thumbnails._drawing.ask(lambda: (thumbnails._draw_all(), done.set()))
    assert done.wait(30)
    return {row.title: np.asarray(Image.open(io.BytesIO(data))) for row, data in thumbnails.pictures.items()}


def test_what_is_an_image_has_a_picture_as_its_first_look_will_be(thumbnails, explorer):
    found = drawn(thumbnails)
    assert list(found) == ["a.png"]
    assert found["a.png"].shape == (20, 30, 3)
    seen = (PIXELS.astype(float) - 3) / (PIXELS.max() - 3) * 255
    assert np.abs(found["a.png"].mean(axis=2) - np.clip(seen, 0, 255)).mean() < 30
    assert not [row for row in thumbnails.pictures if row not in explorer.rows]


def test_a_large_picture_is_small(thumbnails, explorer, root):
    put(root / "drops/ada/wide.png", np.tile(PIXELS, (20, 40)))
    explorer.reload()
    assert drawn(thumbnails)["wide.png"].shape == (27, 80, 3)


def test_pictures_come_by_themselves_when_a_folder_is_looked_into(thumbnails, explorer):
    explorer.go("/labdaq")
    until(lambda: thumbnails.pictures)
    assert [row.title for row in thumbnails.pictures] == ["c.png"]


def test_a_file_is_fetched_once_for_its_picture_and_for_opening(thumbnails, explorer, there):
    drawn(thumbnails)
    drawn(thumbnails)
    explorer.go("/ada/a.png")
    assert fetched(there) == ["drops/ada/a.png", "drops/ada/damaged.png"]


def test_what_is_dear_is_not_fetched_for_its_picture(thumbnails, explorer, there, monkeypatch):
    monkeypatch.setattr(module, "CHEAP_BYTES", 1)
    assert drawn(thumbnails) == {}
    assert fetched(there) == []
    explorer.go("/ada/a.png")
    assert list(drawn(thumbnails)) == ["a.png"]


def put_more(root, explorer):
    for name in "bcde":
        put(root / f"drops/ada/{name}.png")
    explorer.reload()


def test_a_slow_line_is_left_to_what_the_user_opens_until_the_next_look(thumbnails, root, explorer, there, monkeypatch):
    monkeypatch.setattr(module, "SLOW_S", -1.0)
    put_more(root, explorer)
    assert list(drawn(thumbnails)) == ["a.png", "b.png", "c.png"]
    assert len(fetched(there)) == 3
    explorer.reload()
    assert list(drawn(thumbnails)) == ["a.png", "b.png", "c.png", "d.png", "e.png"]


def test_a_machine_that_draws_slowly_is_no_slow_line(thumbnails, root, explorer, monkeypatch):
    now_s, draw = [0.0], module.drawn

    def slowly(volume):
        now_s[0] += 10
        return draw(volume)

    monkeypatch.setattr(module, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(module, "drawn", slowly)
    put_more(root, explorer)
    assert list(drawn(thumbnails)) == ["a.png", "b.png", "c.png", "d.png", "e.png"]


def test_every_image_of_a_file_has_its_own(thumbnails, explorer, root):
    with h5py.File(root / "drops/ada/two.h5", "w") as file:
        file["first"], file["second"] = PIXELS, PIXELS[:10]
    explorer.go("two.h5")
    assert {title: picture.shape for title, picture in drawn(thumbnails).items()} == {
        "first": (20, 30, 3),
        "second": (10, 30, 3),
    }
