"""Accepted masks of a session: kept, undone, saved, loaded, and what is said when that cannot be."""

from dataclasses import replace
from threading import Thread

import pytest
from masks import SMALL

from seg_app.errors import RefusedError, SegAppError, StorageError, UnreadableError
from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Journal, MaskSet, Session


def test_an_accepted_object_says_who_made_it_with_what(session):
    session.class_name = "pore"
    session.click(60, 50)
    mask = session.accept()
    assert session.masks.masks == (mask,)
    assert (mask.number, mask.class_name, mask.z) == (1, "pore", 1)
    assert (mask.provenance.engine, mask.provenance.user) == ("Brightness", "ada")
    assert mask.prompts.points[0].x == 60


def test_accepting_ends_the_object_that_was_being_made(session):
    session.click(60, 50)
    session.accept()
    assert not session.draft.prompts
    assert session.accept() is None
    assert len(session.masks.masks) == 1


def test_an_object_that_cannot_be_put_on_disk_stays_prompted(volume, segmenter, tmp_path, monkeypatch):
    session = Session(volume, segmenter, masks=MaskSet(Journal(tmp_path / "journal")))
    mask = session.click(60, 50)

    def full(*_):
        raise StorageError("full")

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(StorageError):
        session.accept()
    assert (session.draft.mask, session.masks.masks, session.unsaved) == (mask, (), False)


def test_a_click_selects_the_object_under_it_or_nothing(accepted):
    assert accepted.select_at(150.4, 139.6) == accepted.masks.masks[1]
    assert accepted.masks.selected == (accepted.masks.masks[1].id,)
    assert accepted.select_at(5, 5) is None
    assert accepted.masks.selected == ()


def test_objects_of_other_planes_are_not_selected(accepted):
    accepted.go_to(0)
    assert accepted.select_at(150, 140) is None


def test_deleting_can_be_undone_and_redone(accepted):
    accepted.select_at(60, 50)
    counts = []
    for verb in (accepted.delete_selected, accepted.undo, accepted.redo):
        verb()
        counts.append(len(accepted.masks.masks))
    assert counts == [1, 2, 1]


@pytest.mark.parametrize(("wanted", "shown"), [(2, 2), (99, 2), (-5, 0)])
def test_the_nearest_plane_is_shown_and_points_stay_behind(session, wanted, shown):
    session.click(60, 50)
    session.go_to(wanted)
    assert session.z == shown
    assert not session.draft.prompts


def test_staying_on_a_plane_keeps_the_points(session):
    session.click(60, 50)
    session.go_to(1)
    assert session.draft.mask


# Keeping them


def test_what_was_saved_is_loaded_as_it_was(accepted):
    before = accepted.masks.masks
    path = accepted.save()
    accepted.select_at(60, 50)
    accepted.delete_selected()
    accepted.load(path)
    assert accepted.masks.masks == before
    assert (accepted.saved_as, accepted.unsaved) == (path, False)


def test_a_loaded_set_can_be_undone(accepted):
    path = accepted.save()
    accepted.select_at(60, 50)
    accepted.delete_selected()
    accepted.load(path)
    accepted.undo()
    assert len(accepted.masks.masks) == 1


def test_what_is_saved_already_is_not_saved_again(accepted):
    assert accepted.save() == accepted.save()
    assert len(accepted.saved_sets()) == 1


def test_saved_sets_are_listed_newest_first(accepted):
    paths = [accepted.save()]
    accepted.masks.classify([accepted.masks.masks[0].id], "pore")
    paths.append(accepted.save())
    assert {saved.path for saved in accepted.saved_sets()} == set(paths)
    assert [saved.name for saved in accepted.saved_sets()] == ["discs_1.npz", "discs.npz"]


def test_masks_are_exported_with_what_is_lost(accepted):
    name, data, losses = accepted.export(".csv")
    assert (name, len(data.splitlines())) == ("discs.csv", 3)
    assert losses
    with pytest.raises(StorageError, match="folder"):
        accepted.export(".zarr")


def test_an_image_without_saved_sets_has_none(session):
    assert session.saved_sets() == []


def changes():
    """What changes masks, each on a session with one selected."""
    return {
        "accept": lambda s: (s.go_to(0), s.click(60, 50), s.accept()),
        "delete": lambda s: s.delete_selected(),
        "undo": lambda s: s.undo(),
        "classify": lambda s: s.masks.classify(s.masks.selected, "pore"),
    }


@pytest.mark.parametrize("change", changes())
def test_masks_are_unsaved_from_their_next_change_on(accepted, change):
    accepted.save()
    accepted.select_at(60, 50)
    saved = accepted.unsaved
    changes()[change](accepted)
    assert (saved, accepted.unsaved) == (False, True)


@pytest.mark.parametrize("verb", ["undo", "redo", "delete_selected", "accept"])
def test_a_verb_that_changes_nothing_leaves_nothing_unsaved(session, verb):
    getattr(session, verb)()
    assert not session.unsaved


def test_masks_that_changed_while_they_were_saved_are_unsaved(accepted, monkeypatch):
    save = MaskStore.save

    def slowly(store, file, **how):
        accepted.undo()
        return save(store, file, **how)

    monkeypatch.setattr(MaskStore, "save", slowly)
    accepted.save()
    assert accepted.unsaved


def test_masks_of_an_image_of_another_shape_are_refused(accepted, store):
    before = accepted.masks.masks
    other = store.save(SMALL)
    with pytest.raises(SegAppError, match=r"\(4, 60, 80\).*\(3, 200, 240\)\. Open the image"):
        accepted.load(other)
    assert accepted.masks.masks == before


def test_a_file_that_is_broken_leaves_the_masks_as_they_were(accepted, tmp_path):
    path, before = accepted.save(), accepted.masks.masks
    (tmp_path / "masks" / path).write_bytes(b"PK garbage")
    with pytest.raises(UnreadableError, match="Cannot read"):
        accepted.load(path)
    assert accepted.masks.masks == before


def test_masks_that_are_saved_in_one_place_are_not_in_another(accepted, tmp_path):
    accepted.save()
    elsewhere = Session(
        accepted.volume, accepted.segmenter, masks=accepted.masks, store=MaskStore(LocalFolder(tmp_path / "elsewhere"))
    )
    assert (elsewhere.unsaved, elsewhere.saved_as, elsewhere.has_news) == (True, "", True)
    path = elsewhere.save()
    assert elsewhere.store.load(path).masks == accepted.masks.masks
    assert (elsewhere.unsaved, elsewhere.saved_as) == (False, path)


def test_a_set_that_was_deleted_in_its_place_is_saved_again(accepted, store, tmp_path):
    path = accepted.save()
    (tmp_path / "masks" / path).unlink()
    assert accepted.save() == path
    assert store.load(path).masks == accepted.masks.masks


@pytest.mark.parametrize("verb", [Session.save, Session.saved_sets, lambda session: session.load("discs.npz")])
def test_without_a_store_it_is_said_what_to_do(volume, segmenter, verb):
    with pytest.raises(SegAppError, match="Give `Session` a `store`"):
        verb(Session(volume, segmenter))


def test_a_failed_save_keeps_masks_and_says_that_they_are_unsaved(accepted, monkeypatch):
    before = accepted.masks.masks

    def refuse(*_, **__):
        raise RefusedError("password")

    with monkeypatch.context() as patch:
        patch.setattr(MaskStore, "save", refuse)
        with pytest.raises(RefusedError):
            accepted.save()
    assert (accepted.masks.masks, accepted.unsaved, accepted.saved_as) == (before, True, "")
    assert accepted.save().endswith("discs.npz")
    assert not accepted.unsaved


def test_a_loaded_mask_is_never_numbered_again(accepted):
    path = accepted.save()
    fresh = Session(accepted.volume, accepted.segmenter, store=accepted.store)
    fresh.load(path)
    fresh.go_to(0)
    fresh.click(60, 50)
    assert fresh.accept().number == 3


def test_two_equal_sessions_save_equal_files(accepted, store):
    first = accepted.save()
    masks = tuple(replace(mask) for mask in accepted.masks.masks)
    again = Session(accepted.volume, accepted.segmenter, store=store)
    again.masks.load(masks)
    assert store.load(again.save()) == store.load(first)


def test_a_drop_while_an_answer_is_shown_is_what_is_shown_last(session):
    session.add_point(60, 50)
    dropping, shown = Thread(target=session.drop), []

    def drop_meanwhile(event):
        if event.new:
            dropping.start()
            dropping.join(0.1)  # it may have to wait for us

    session.draft.param.watch(drop_meanwhile, "mask")
    session.draft.param.watch(lambda event: shown.append(event.new), "mask")
    session.outline()
    dropping.join()
    assert (shown[-1], session.draft.mask) == (None, None)
