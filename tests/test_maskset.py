"""The mask set: every change can be undone, survives a crash, and is seen by a second tab."""

from dataclasses import replace

import pytest
from builders import IMAGE, square
from hypothesis import given
from hypothesis import strategies as st

from seg_app.errors import StorageError
from seg_app.models import Journal, MaskSet
from seg_app.models.journal import Saving
from seg_app.records import Calibration

SAVED = Saving("masks/tiny.npz", "pores", Calibration((None, 2.5, 2.5), "user"), where="http://lab/drops")


@pytest.fixture
def masks():
    return MaskSet()


@pytest.fixture
def two(masks):
    masks.add([square(0), square(30)])
    return masks


def numbers(masks):
    return [mask.number for mask in masks.masks]


def test_masks_are_numbered_from_one(two):
    assert numbers(two) == [1, 2]


def test_a_number_is_never_given_twice(two):
    two.remove([two.masks[1].id])
    two.add([square(60)])
    assert numbers(two) == [1, 3]


def test_undo_restores_the_previous_masks(two):
    two.remove([two.masks[0].id])
    two.undo()
    assert numbers(two) == [1, 2]


def test_redo_takes_undo_back(two):
    two.undo()
    two.redo()
    assert numbers(two) == [1, 2]


def test_a_new_change_ends_redo(two):
    two.undo()
    two.add([square(60)])
    assert not two.can_redo


def test_undo_without_a_past_does_nothing(masks):
    masks.undo()
    assert not masks.can_undo


def test_loading_replaces_all_and_can_be_undone(two):
    two.load([square(5, number=7)])
    loaded = numbers(two)
    two.undo()
    assert (loaded, numbers(two)) == ([7], [1, 2])


def test_classifying_keeps_everything_else(two):
    before = two.masks[0]
    two.classify([before.id], "pore")
    assert two.masks[0].class_name == "pore"
    assert two.masks[0].counts == before.counts


def test_removed_masks_are_not_selected_any_more(two):
    two.selected = tuple(mask.id for mask in two.masks)
    two.remove([two.masks[0].id])
    assert two.selected == (two.masks[0].id,)


def test_the_smallest_mask_under_a_pixel_comes_first(masks):
    masks.add([square(0, 0, 20), square(4, 4, 4)])
    assert [mask.number for mask in masks.at(0, y=5, x=5)] == [2, 1]


def test_only_masks_of_the_plane_are_hit(masks):
    masks.add([square(0, 0, z=2)])
    assert masks.at(0, y=1, x=1) == ()


def test_a_change_that_cannot_be_written_changes_nothing(tmp_path, monkeypatch):
    masks = MaskSet(Journal.of_image(tmp_path, IMAGE))
    masks.add([square()])

    def refuse(*_):
        raise StorageError("full")

    monkeypatch.setattr(Journal, "append", refuse)
    with pytest.raises(StorageError):
        masks.add([square(40)])
    assert numbers(masks) == [1]


def test_two_tabs_see_each_others_changes(tmp_path):
    first, second = (MaskSet(Journal.of_image(tmp_path, IMAGE)) for _ in range(2))
    first.add([square(0)])
    second.add([square(30)])
    first.refresh()
    assert numbers(first) == numbers(second) == [1, 2]


@pytest.fixture
def twice(tmp_path):
    """Two sets over one journal, which has two masks; the first has been saved."""
    first, second = (MaskSet(Journal.of_image(tmp_path, IMAGE)) for _ in range(2))
    first.add([square(0), square(30)])
    first.note_saved(SAVED, first.masks)
    second.refresh()
    return first, second


def test_what_was_saved_is_known_when_the_image_is_opened_again(twice, tmp_path):
    again = MaskSet(Journal.of_image(tmp_path, IMAGE))
    assert again.saved == twice[0].saved
    assert (again.saved.saving, again.saved.masks) == (SAVED, again.masks)


def test_what_was_saved_stays_known_whatever_changes_then(twice):
    first, second = twice
    saved = first.masks
    first.add([square(60)])
    first.undo()
    first.remove([saved[0].id])
    second.refresh()
    assert first.saved.masks == second.saved.masks == saved


@pytest.mark.parametrize("change", ["add", "undo"])
def test_masks_that_have_changed_while_they_were_saved_are_found_again(twice, tmp_path, change):
    first, second = twice
    saved = first.masks
    act(second, change)
    first.note_saved(replace(SAVED, path="later.npz"), saved)
    again = MaskSet(Journal.of_image(tmp_path, IMAGE))
    assert (again.saved.saving.path, again.saved.masks) == ("later.npz", saved)
    assert again.masks == second.masks


def test_undo_is_not_held_up_by_what_another_tab_has_saved(twice):
    first, second = twice
    first.note_saved(replace(SAVED, path="later.npz"), first.masks)
    second.undo()
    assert second.masks == ()


def test_what_two_tabs_say_of_one_saving_is_written_once(twice, tmp_path):
    first, second = twice
    first.add([square(60)])
    for masks in (second, first, second):
        masks.note_saved(replace(SAVED, path="later.npz"), first.saved.masks)
    assert first.saved == second.saved
    lines = Journal.of_image(tmp_path, IMAGE).path.read_text().splitlines()
    assert [line.count('"later.npz"') for line in lines] == [0, 0, 0, 1]


def test_a_journal_that_cannot_be_written_does_not_make_a_saving_fail(two, monkeypatch, caplog):
    def refuse(*_):
        raise StorageError("full")

    monkeypatch.setattr(MaskSet, "_commit", refuse)
    two.note_saved(SAVED, two.masks)
    assert two.saved.masks == two.masks
    assert "full" in caplog.text


VERBS = st.sampled_from(["add", "remove", "classify", "load", "undo", "redo", "save"])


def act(masks, verb):
    {
        "add": lambda: masks.add([square(len(masks.masks))]),
        "remove": lambda: masks.remove([mask.id for mask in masks.masks[-1:]]),
        "classify": lambda: masks.classify([mask.id for mask in masks.masks], f"class {len(masks.masks)}"),
        "load": lambda: masks.load([square(50)]),
        "undo": masks.undo,
        "redo": masks.redo,
        "save": lambda: masks.note_saved(SAVED, masks.masks),
    }[verb]()


@given(verbs=st.lists(VERBS, max_size=12))
def test_a_reopened_journal_gives_the_same_masks_undo_and_redo(tmp_path_factory, verbs):
    folder = tmp_path_factory.mktemp("journals")
    masks = MaskSet(Journal.of_image(folder, IMAGE))
    for verb in verbs:
        act(masks, verb)
    again = MaskSet(Journal.of_image(folder, IMAGE))
    assert (again.masks, again.can_undo, again.can_redo) == (masks.masks, masks.can_undo, masks.can_redo)
    assert again.saved == masks.saved
    masks.undo()
    again.refresh()
    assert again.masks == masks.masks
