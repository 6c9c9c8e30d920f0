"""What the page says of the model: which one answers, that none does, and what else is here."""

import pytest

from seg_app.errors import SegmenterError
from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Desk, Worker
from seg_app.sam import Offer, Shelf, Stock, connect_sam
from seg_app.views import load_extensions
from seg_app.views.chooser import Chooser, here
from seg_app.views.courier import Courier

SERVER = Offer("http://lab:8001", "SAM server at lab:8001", "computed there", is_default=True)
MICRO = Offer("bundled:", "SAM 2.1 micro (bundled)", "small and fast")
CLASSICAL = Offer("classical:", "Classical · no weights", "edges only")


def connect(address):
    if address == SERVER.address:
        raise SegmenterError("No SAM server answers.")
    return connect_sam("classical:")


@pytest.fixture
def chooser(tmp_path):
    """The chooser of a desk whose server does not answer, when it has heard of that."""
    load_extensions()
    look = lambda _: Stock((SERVER, MICRO, CLASSICAL))  # noqa: E731
    shelf = Shelf(connect, default_address=lambda: SERVER.address, look=look)
    store = MaskStore(LocalFolder(tmp_path))
    desk = Desk(None, shelf.default, store=store, journals=tmp_path)  # pyright: ignore[reportArgumentType]
    desk.shelf = shelf
    chooser = Chooser(Worker(), Courier())
    chooser.begin(desk)
    settle(chooser)
    yield chooser
    chooser.close()
    chooser._worker.close()


def settle(chooser):
    for worker in (chooser._loader, chooser._asker, chooser._worker):
        worker.run("Waiting", lambda: None).result(30)


def test_that_no_model_answers_is_a_warning_with_what_is_here_and_a_way_out(chooser):
    assert (chooser.notice.visible, chooser.notice.severity) == (True, "warning")
    assert chooser._words.text == ("No model answers. SAM 2.1 micro (bundled) and the classical segmenter are here.")
    chooser._way_out.clicks += 1
    settle(chooser)
    assert chooser.dialog.open
    assert [item["secondary"] for item in chooser._list.items] == [
        "does not answer · computed there",
        "small and fast",
        "edges only",
    ]


def test_the_warning_goes_with_the_choice_of_a_model_that_answers(chooser):
    chooser._way_out.clicks += 1
    settle(chooser)
    chooser._on_choice(chooser._list.items[1])
    settle(chooser)
    assert not chooser.notice.visible
    chooser._open()
    settle(chooser)
    assert [item["icon"] for item in chooser._list.items][1] == "check_circle"


def test_it_is_told_when_it_is_known_what_the_model_can_do(chooser):
    told, other = [], Chooser(chooser._worker, Courier())
    other.on_loaded = lambda: told.append(chooser._desk.segmenter.name)
    other.begin(chooser._desk)
    settle(other)
    other.close()
    assert told == ["No model"]


def test_what_is_here_is_said_as_people_do():
    assert here([]) == ""
    assert here([CLASSICAL]) == "The classical segmenter is here."
    assert here([MICRO, MICRO, MICRO, CLASSICAL]) == f"{MICRO.title}, {MICRO.title} and 2 others are here."
