"""What the page says of sets that wait to be saved."""

import time

import numpy as np
import pytest
from builders import square
from threads import finish

from seg_app.errors import ForbiddenError
from seg_app.io import LocalFolder, MaskStore
from seg_app.io.waiting import Waiting
from seg_app.models import Outbox, Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, load_extensions
from seg_app.views.outbox import about, waits

SINCE_S = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
STUCK = Waiting("1", reason="No permission.", is_stuck=True)


@pytest.mark.parametrize(
    ("waiting", "next_try_s", "text"),
    [
        ((Waiting("1", reason="Away."),), None, "1 set of masks waits to be saved. Away."),
        ((Waiting("1", reason="Away."),), SINCE_S, "1 set of masks waits to be saved. Away. Next try at 03:04:05."),
        ((Waiting("1"), Waiting("2")), None, "2 sets of masks wait to be saved."),
        ((STUCK,), SINCE_S, "1 set of masks waits to be saved. No permission."),
    ],
)
def test_it_is_said_how_many_wait_why_and_until_when(waiting, next_try_s, text):
    assert waits(waiting, next_try_s) == text


def test_each_set_says_what_it_is():
    assert about(Waiting("1", "pores", "fib", 3, SINCE_S)) == "fib · pores · 3 masks · since 2026-01-02 03:04"
    assert about(Waiting("1", "", "fib", 1, SINCE_S)) == "fib · 1 mask · since 2026-01-02 03:04"


@pytest.fixture
def bench(tmp_path):
    """A workbench with one object, whose masks go to a folder by way of an outbox."""
    load_extensions()
    outbox = Outbox(tmp_path / "outbox", MaskStore(LocalFolder(tmp_path / "masks")), first_pause_s=3600)
    session = Session(Volume.from_array(np.zeros((1, 64, 96), np.uint8)), connect_sam("classical:"), store=outbox)
    session.masks.add([square()])
    bench = Workbench(session)
    yield bench
    bench.close()
    bench.worker.close()
    outbox.close()


@pytest.fixture
def notice(bench):
    (notice,) = bench._masklist._saved._notices
    return notice


def forbid(monkeypatch):
    def forbidden(*_):
        raise ForbiddenError("<b>read-only</b>")

    monkeypatch.setattr(LocalFolder, "create", forbidden)


def test_nothing_is_said_of_what_is_saved_at_once(bench, notice):
    bench.save()
    finish(bench)
    assert not notice._notice.visible
    assert bench.worker.trouble == ""


def test_what_waits_is_said_then_that_it_is_saved_until_somebody_has_seen_it(bench, notice, monkeypatch):
    with monkeypatch.context() as patch:
        forbid(patch)
        bench.save()
        finish(bench)
    said = notice._text.text, notice._try.visible, len(notice._rows)
    notice._try.param.trigger("clicks")
    finish(bench)
    where = bench._masklist._saved._where.text.partition(" · ")[0]
    after = notice._text.text, notice._try.visible, len(notice._rows), where
    notice._close.param.trigger("clicks")
    assert said == ("1 set of masks waits to be saved. <b>read-only</b>", True, 1)
    assert after == ("array.npz had to wait, and is saved now.", False, 0, "Saved as array.npz")
    assert not notice._notice.visible


def test_a_stuck_set_can_be_exported_and_put_aside(bench, notice, monkeypatch):
    forbid(monkeypatch)
    bench.save()
    finish(bench)
    export, aside = notice._rows[0][-1]
    export.param.trigger("clicks")
    finish(bench)
    assert notice._download._file.filename == "array.npz"
    aside.param.trigger("clicks")
    finish(bench)
    assert not notice._notice.visible


def test_a_new_title_makes_saving_possible_again(bench):
    bench.save()
    finish(bench)
    saved = bench._masklist._saved
    before = saved._save.disabled
    saved._title.value = "pores"
    assert (before, saved._save.disabled, bench.session.set_title) == (True, False, "pores")


def test_a_title_counts_also_where_the_browser_sends_letter_and_end_of_typing_at_once(bench):
    title = bench._masklist._saved._title
    title._process_events({"value_input": "pores", "value": "pores"})
    assert bench.session.set_title == "pores"
