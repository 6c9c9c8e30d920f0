"""The curtain over the picture before hangs from when another image is opened until it has its own picture."""

from contextlib import closing
from threading import Event

import numpy as np
import pytest
from threads import finish

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Desk, Preferences, Volume
from seg_app.records import Link
from seg_app.sam import connect_sam
from seg_app.views import load_extensions
from seg_app.views.drops import LOOKING
from seg_app.views.page import Page
from seg_app.views.render import BLANK


@pytest.fixture
def desk(source, tmp_path):
    return Desk(source, connect_sam("classical:"), store=MaskStore(LocalFolder(tmp_path)), journals=tmp_path)


@pytest.fixture
def page(desk, tmp_path):
    """A page without any image yet."""
    load_extensions()
    with closing(Page(lambda: desk, Preferences(tmp_path / "preferences.json"))) as page:
        for _ in range(2):  # "Starting" asks for "Opening the first image"
            finish(page)
        yield page


@pytest.fixture
def images(tmp_path):
    """Files of two images, "one" and "two"."""
    for name in ("one", "two"):
        np.save(tmp_path / f"{name}.npy", np.zeros((20, 30), np.uint8))
    return [Volume.from_file(tmp_path / f"{name}.npy") for name in ("one", "two")]


def words_while(page, title):
    """Return what the curtain says while something goes on, and afterwards."""
    begun, ended = Event(), Event()
    done = page.worker.run(title, lambda: (begun.set(), ended.wait(30)))
    assert begun.wait(30)
    during = page._curtain.words
    ended.set()
    done.result(30)
    return during, page._curtain.words


@pytest.mark.parametrize(
    "title", ["Opening coins", "Fetching coins.tif from Drops", "Fetching coins.tif: 2 MB of 90 MB"]
)
def test_it_hangs_while_an_image_is_opened_or_fetched_and_goes_where_that_fails(page, title):
    assert words_while(page, title) == (f"{title} …", "")


@pytest.mark.parametrize("title", ["Saving the masks", "Finding all objects", LOOKING])
def test_it_does_not_hang_while_anything_else_goes_on(page, title):
    assert words_while(page, title) == ("", "")


def test_it_hangs_until_an_image_has_its_picture_whatever_has_opened_it(page, desk, images):
    page.worker.run(LOOKING, desk._show, images[0], Link()).result(30)  # as a path on Drops that was typed does
    finish(page)
    assert page._curtain.words == "Opening one …"
    page.bench.image._show(BLANK, None, {})
    assert page._curtain.words == ""


def test_a_late_picture_of_the_image_before_does_not_lift_it(page, desk, images):
    for image in images:
        before = page.bench
        page.worker.run("Opening", desk._show, image, Link()).result(30)
        finish(page)
    before.image._show(BLANK, None, {})
    assert page._curtain.words == "Opening two …"
