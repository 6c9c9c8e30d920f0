"""The dialog of saved sets: what is there, and what loading one would replace."""

import pickle
import time

import numpy as np
import pytest
from benches import opened_bench
from builders import square
from threads import finish

from seg_app.io.maskstore import SavedSet
from seg_app.views.loading import about


@pytest.fixture
def bench(tmp_path):
    """A workbench with two objects that are not saved."""
    with opened_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def loading(bench):
    return bench._masklist._saved.loading


def choose(bench, loading):
    """Ask what there is, and click on the only entry; return it."""
    loading.ask()
    finish(bench)
    (item,) = loading._sets.items
    loading._on_choice(item)
    finish(bench)
    return item["label"]


def state(bench, loading):
    return loading.dialog.open, loading._question.visible, len(bench.session.masks.masks)


def test_where_nothing_is_lost_the_chosen_set_is_loaded_at_once(bench, loading):
    bench.session.save()
    bench.session.undo()
    assert choose(bench, loading) == "array.npz"
    assert state(bench, loading) == (False, False, 2)


def test_without_any_saved_set_the_list_says_so(bench, loading):
    assert choose(bench, loading) == "Nothing saved yet"
    assert state(bench, loading) == (False, False, 2)
    assert bench.worker.trouble == ""


def test_of_a_set_its_title_time_size_and_place_are_said():
    when = time.mktime((2025, 3, 4, 5, 6, 0, 0, 0, -1))
    saved = SavedSet("masks/a/a-pores_1.npz", 1, 12_340, when, "pores", "Drops at http://lab/masks/a")
    assert about(saved) == "pores · 2025-03-04 05:06 · 12.3 kB · Drops at http://lab/masks/a"


def test_a_set_of_the_older_tool_is_offered_as_one_that_may_be_of_another_image(bench, loading):
    bench.session.save()
    old = pickle.dumps([{"segmentation": np.ones(bench.session.volume.shape[1:], bool)}])
    bench.session.store._server.create("array.pkl", old)
    loading.ask()
    finish(bench)
    own, older = loading._sets.items
    assert (own["label"], older["label"]) == ("array.npz", "array.pkl (older tool)")
    assert older["secondary"].startswith("may be of another image of this name · ")
    loading._on_choice(older)
    finish(bench)
    assert len(bench.session.masks.masks) == 1
    assert bench.session.save().endswith("/array_1.npz")  # from now on it is of this image


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (1, "array.npz replaces 1 unsaved object (undo brings it back)."),
        (3, "array.npz replaces 3 unsaved objects (undo brings them back)."),
    ],
)
def test_it_is_said_how_many_unsaved_objects_would_be_replaced_before_they_are(bench, loading, more, said):
    bench.session.save()
    bench.session.masks.add([square(40, 5)] * more)
    choose(bench, loading)
    assert (loading._loss.text, loading._sets.visible, state(bench, loading)) == (said, False, (True, True, 2 + more))
    loading._load()
    finish(bench)
    assert state(bench, loading)[::2] == (False, 2)


def test_whoever_goes_back_keeps_all_and_sees_the_sets_again(bench, loading):
    bench.session.save()
    bench.session.masks.add([square(40, 5)])
    choose(bench, loading)
    loading._ask_again()
    assert (loading._sets.visible, state(bench, loading)) == (True, (True, False, 3))


def test_an_object_that_has_another_class_than_the_saved_one_is_unsaved(bench, loading):
    bench.session.save()
    bench.session.masks.classify([bench.session.masks.masks[0].id], "pore")
    choose(bench, loading)
    assert "replaces 1 unsaved object" in loading._loss.text


def test_a_question_that_was_closed_is_not_asked_when_the_dialog_opens_again(bench, loading):
    bench.session.save()
    bench.session.masks.add([square(40, 5)])
    choose(bench, loading)
    loading.dialog.open = False
    loading.ask()
    finish(bench)
    assert (loading._sets.visible, state(bench, loading)) == (True, (True, False, 3))
