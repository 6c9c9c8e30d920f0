"""Loading a set says what it has taken the place of, until that is no longer what undo brings back."""

from threading import Event

import pytest
from benches import opened_bench
from builders import square
from threads import finish

from seg_app.views.loaded import Loaded, load, spoken


@pytest.fixture
def bench(tmp_path):
    """A workbench with a set of two objects that is saved as array.npz, and no object in the list."""
    with opened_bench(tmp_path, is_saved=True) as bench:
        yield bench


@pytest.fixture
def notice(bench):
    return bench._masklist._saved._loaded


def load_set(bench, notice):
    """Load the set as a click in the dialog does."""
    (saved,) = bench.session.saved_sets()
    bench.do("Loading the masks", load, bench.session, saved.path, then=notice.tell)
    finish(bench)


def test_nothing_is_said_where_nothing_was_replaced(bench, notice):
    load_set(bench, notice)
    assert len(bench.session.masks.masks) == 2
    assert not notice._notice.visible


def test_nothing_is_said_where_the_same_objects_were_there(bench, notice):
    bench.session.redo()
    load_set(bench, notice)
    assert not notice._notice.visible


def test_what_was_replaced_is_said_and_its_button_brings_it_back(bench, notice):
    (mine,) = bench.session.masks.add([square(40, 5)])
    load_set(bench, notice)
    assert notice._notice.visible
    assert notice._text.text == "array.npz is loaded: 2 objects. Ctrl+Z brings back the one that was here."
    notice._undo()
    finish(bench)
    assert (bench.session.masks.masks, notice._notice.visible) == ((mine,), False)


def test_nothing_is_promised_any_more_when_the_scale_was_set_since(bench, notice):
    bench.session.masks.add([square(40, 5)])
    load_set(bench, notice)
    bench.session.volume.calibrate(5)
    assert not notice._notice.visible


def test_an_object_on_several_planes_is_one():
    through = tuple(square(z=z, number=3) for z in range(5))
    assert spoken(Loaded("a.npz", (*through, square(number=4)), through)) == (
        "a.npz is loaded: 2 objects. Ctrl+Z brings back the one that was here."
    )


def test_what_waits_to_be_accepted_is_not_undone_in_place_of_the_loading(bench, notice):
    mine = bench.session.masks.add([square(40, 5)])
    load_set(bench, notice)
    came, answered = bench.session.masks.masks, Event()
    bench.worker.run("Outlining the object", answered.wait, 30)
    bench.do("Accepting the object", bench.session.masks.add, [square(50, 5)])
    notice._undo()
    answered.set()
    finish(bench)
    assert len(bench.session.masks.masks) == len(came) + 1
    assert "Ctrl+Z goes back step by step" in bench.worker.trouble
    bench.session.undo()
    bench.session.undo()
    assert bench.session.masks.masks == mine


def test_two_quick_clicks_undo_the_loading_once_and_complain_of_nothing(bench, notice):
    mine = bench.session.masks.add([square(40, 5)])
    load_set(bench, notice)
    notice._undo()
    notice._undo()
    finish(bench)
    assert (bench.session.masks.masks, bench.worker.trouble) == (mine, "")


def test_the_next_change_ends_the_notice_for_undo_then_means_that_one(bench, notice):
    bench.session.masks.add([square(40, 5)])
    load_set(bench, notice)
    bench.session.masks.add([square(50, 5)])
    assert not notice._notice.visible


def test_a_notice_that_comes_after_the_next_change_is_not_shown(bench, notice):
    bench.session.masks.add([square(40, 5)])
    (saved,) = bench.session.saved_sets()
    loaded = load(bench.session, saved.path)
    bench.session.undo()
    notice.tell(loaded)
    assert not notice._notice.visible


def test_a_set_that_cannot_be_loaded_says_nothing_here(notice):
    notice.tell(None)
    assert not notice._notice.visible


def test_numbers_are_spoken_as_people_do():
    one, many = (square(1, 1),), tuple(square(i, 1, number=i) for i in range(12))
    assert spoken(Loaded("coins_1.npz", one, many)) == (
        "coins_1.npz is loaded: 1 object. Ctrl+Z brings back the 12 that were here."
    )
