"""A session: from a click to a mask that is kept, and what is said when that cannot be."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from builders import Nested
from masks import SMALL
from scipy.ndimage import label
from skimage.draw import disk

from seg_app.errors import RefusedError, SegAppError, SegmenterError, StorageError, UnreadableError
from seg_app.geometry import bits_of
from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Journal, MaskSet, Session, Volume
from seg_app.records import Box, Point, Prompts, Window
from seg_app.sam import Candidate, connect_sam

DISCS = ((60, 50, 20), (150, 140, 30))
"""(x, y, radius), the same on all three planes."""


class Brightness:
    """Outlines the bright connected regions that are included, without those that are excluded."""

    name = "Brightness"

    def __init__(self, input_size=1024):
        self.input_size = input_size
        self.images, self.embedded, self.corrected = [], [], []
        self.meanwhile = lambda: None
        """Called while an answer is on its way."""

    def embed(self, image, *, client=""):
        self.embedded.append((image, client))

    def predict(self, image, prompts, *, previous=None):
        self.images.append(image)
        self.corrected.append(previous)
        self.meanwhile()
        regions, _ = label(image[..., 0] > 127)
        inside = np.zeros(regions.shape, bool)
        for point in sorted(prompts.points, key=lambda point: not point.include):
            region = regions[round(point.y), round(point.x)]
            inside[(regions == region) & (region > 0)] = point.include
        return [Candidate(np.where(inside, 1, -1).astype(np.float32), 0.9, f"{len(prompts.points)} points")]

    def close(self):
        """Nothing is open."""


def discs(*where, shape=(200, 240), dtype=np.uint8, dark=20, bright=220):
    plane = np.full(shape, dark, dtype)
    for x, y, radius in where:
        plane[disk((y, x), radius, shape=shape)] = bright
    return plane


def is_disc(mask, x, y, radius, *, shape=(200, 240)):
    """Say whether a mask is exactly one disc."""
    found = np.zeros(shape, bool)
    found[mask.y0 : mask.y1, mask.x0 : mask.x1] = bits_of(mask)
    return np.array_equal(found, discs((x, y, radius), shape=shape) > 127)


@pytest.fixture
def segmenter():
    return Brightness()


@pytest.fixture
def store(tmp_path):
    return MaskStore(LocalFolder(tmp_path / "masks"))


@pytest.fixture
def volume():
    return Volume.from_array(np.stack([discs(*DISCS)] * 3), name="samples/discs")


@pytest.fixture
def session(volume, segmenter, store):
    return Session(volume, segmenter, store=store, user="ada")


@pytest.fixture
def accepted(session):
    """A session with both discs accepted."""
    for x, y, _ in DISCS:
        session.click(x, y)
        session.accept()
    return session


# The object that is being made


def test_the_middle_plane_is_shown_first(session):
    assert session.z == 1


def test_a_click_outlines_exactly_the_object_under_it(session):
    mask = session.click(60, 50)
    assert is_disc(mask, *DISCS[0])
    assert (mask.z, mask.score, session.draft.mask) == (1, 0.9, mask)


def test_the_classical_segmenter_outlines_a_disc(volume):
    mask = Session(volume, connect_sam("classical:")).click(150, 140)
    found, (_, _, radius) = mask.area, DISCS[1]
    assert found == pytest.approx(np.pi * radius**2, rel=0.1)


def test_the_sizes_of_a_click_are_gone_through_from_the_best_to_the_larger_ones_and_round(volume):
    session = Session(volume, Nested())
    areas = [session.click(60, 50).area]
    for _ in range(3):
        session.next_size()
        areas.append(session.draft.mask.area)
    assert areas == [16**2, 24**2, 8**2, 16**2]


def test_the_chosen_size_is_what_is_accepted(volume):
    session = Session(volume, Nested())
    session.click(60, 50)
    session.next_size()
    assert (session.accept().area, session.draft.choice) == (24**2, (0, 0))


def test_a_size_that_the_window_cuts_is_no_choice(volume):
    session = Session(volume, Nested())
    session.segmenter.input_size = 32
    session.click(36, 50)  # in the window from 16 to 48, which the largest square touches
    assert session.draft.choice == (2, 2)


def test_without_an_outline_there_is_no_next_size(session):
    session.next_size()
    assert session.draft.choice == (0, 0)


def test_a_second_point_adds_and_an_excluding_one_takes_away(session):
    session.click(60, 50)
    both = session.click(150, 140)
    one = session.click(60, 50, include=False)
    assert both.area > one.area
    assert is_disc(one, *DISCS[1])


def test_taking_the_last_point_back_gives_the_mask_of_the_others(session):
    session.click(60, 50)
    session.click(150, 140)
    assert is_disc(session.take_back(), *DISCS[0])


def test_without_any_including_point_the_model_is_not_asked(session, segmenter):
    session.click(60, 50)
    session.click(150, 140, include=False)
    asked = len(segmenter.images)
    session.take_back()
    session.take_back()
    assert session.click(60, 50, include=False) is None
    assert len(segmenter.images) == asked + 1  # for the one point that was left


def test_a_point_where_nothing_is_gives_no_object(session):
    assert session.click(5, 5) is None
    assert session.accept() is None


def test_the_next_click_after_one_that_found_nothing_begins_anew(session):
    session.click(5, 5)
    assert is_disc(session.click(60, 50), *DISCS[0])
    assert session.draft.prompts == Prompts((Point(60, 50),))
    assert session.take_back() is None
    assert not session.draft.prompts


def test_a_box_after_a_click_that_found_nothing_begins_anew(session):
    session.click(5, 5)
    session.add_box(Box(40, 30, 80, 70))
    assert session.draft.prompts == Prompts((), Box(40, 30, 80, 70))


def test_points_that_found_something_before_are_kept_when_nothing_is_left(session):
    session.click(60, 50)
    assert session.click(60, 50, include=False) is None
    assert is_disc(session.click(150, 140), *DISCS[1])
    assert len(session.draft.prompts.points) == 3


def test_an_excluding_click_does_not_begin_anew(session):
    session.click(5, 5)
    session.click(9, 9, include=False)
    assert session.draft.prompts == Prompts((Point(5, 5), Point(9, 9, include=False)))
    session.take_back()
    assert session.draft.is_useless


def test_what_was_found_for_dropped_points_says_nothing_of_the_next_ones(session):
    session.click(60, 50)
    session.drop()
    session.click(5, 5)
    assert session.draft.is_useless


def test_a_click_that_was_not_answered_yet_is_joined_by_the_next(session):
    session.add_point(5, 5)
    session.click(60, 50)
    assert len(session.draft.prompts.points) == 2


def test_a_taken_object_for_which_nothing_is_found_comes_back_and_is_known_to_be_none(session):
    session.add_point(5, 5)
    assert session.accept() is None
    assert session.draft.prompts == Prompts((Point(5, 5),))
    assert session.draft.is_useless


@pytest.mark.parametrize("pixel", [(-1, 5), (5, -0.6), (239.5, 5), (5, 199.5), (float("nan"), 5)])
def test_a_point_off_the_plane_is_refused_and_changes_nothing(session, pixel):
    with pytest.raises(SegAppError, match=r"240 × 200 pixels\. Choose a point inside it"):
        session.click(*pixel)
    assert not session.draft.prompts


@pytest.mark.parametrize("pixel", [(-0.5, -0.5), (239.4, 199.4)])
def test_all_of_an_edge_pixel_is_on_the_plane(session, pixel):
    session.click(*pixel)
    assert len(session.draft.prompts.points) == 1


def test_dropping_leaves_nothing_to_accept(session):
    session.click(60, 50)
    session.drop()
    assert session.accept() is None
    assert session.masks.masks == ()


def test_an_answer_tells_nobody_that_the_points_have_changed(session):
    told = []
    session.add_point(60, 50)
    session.draft.param.watch(lambda *events: told.extend(event.name for event in events), ["prompts", "mask"])
    session.outline()
    assert told == ["mask"]


def test_an_answer_that_was_outrun_by_another_point_is_dropped(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = lambda: session.add_point(150, 140)
    assert session.outline() is None
    assert not session.draft.answered
    segmenter.meanwhile = lambda: None
    assert session.outline().area > np.pi * (20**2 + 29**2)


def test_an_answer_to_dropped_points_is_dropped(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = session.drop
    assert session.outline() is None
    assert session.accept() is None


def test_an_answer_for_a_plane_that_was_left_is_dropped(session, segmenter):
    session.add_point(60, 50)
    segmenter.meanwhile = lambda: session.go_to(2)
    session.outline()
    assert (session.z, session.draft.mask) == (2, None)


def test_an_object_that_is_not_outlined_yet_is_outlined_before_it_is_accepted(session):
    session.add_point(60, 50)
    assert is_disc(session.accept(), *DISCS[0])


def test_a_taken_object_is_kept_as_it_was_when_it_was_taken(session):
    session.class_name = "pore"
    session.click(60, 50)
    taken = session.take()
    session.go_to(0)
    session.class_name = "grain"
    session.add_point(150, 140)
    kept = session.keep(taken)
    assert (kept.z, kept.class_name, len(session.draft.prompts.points)) == (1, "pore", 1)
    assert is_disc(kept, *DISCS[0])


def test_a_taken_object_that_cannot_be_outlined_comes_back(session, segmenter):
    def fail():
        raise SegmenterError("gone")

    session.add_point(60, 50)
    taken = session.take()
    segmenter.meanwhile = fail
    with pytest.raises(SegmenterError):
        session.keep(taken)
    segmenter.meanwhile = lambda: None
    assert is_disc(session.accept(), *DISCS[0])


def test_a_taken_object_does_not_push_the_next_one_aside(session):
    session.add_point(5, 5)
    taken = session.take()
    session.click(60, 50)
    assert session.keep(taken) is None
    assert is_disc(session.draft.mask, *DISCS[0])


def test_a_model_that_fails_leaves_the_points_for_another_try(session, segmenter):
    def fail():
        raise SegmenterError("gone")

    segmenter.meanwhile = fail
    with pytest.raises(SegmenterError):
        session.click(60, 50)
    segmenter.meanwhile = lambda: None
    assert is_disc(session.outline(), *DISCS[0])


def test_switching_the_mode_is_switched_back_and_can_be_set(session):
    session.switch_mode()
    switched = session.draft.include
    session.switch_mode(include=True)
    assert (switched, session.draft.include) == (False, True)


# What the model sees


def test_an_object_larger_than_the_window_is_answered_on_a_coarser_one():
    plane = discs((200, 190, 90), shape=(400, 420))
    segmenter = Brightness(input_size=64)
    mask = Session(Volume.from_array(plane), segmenter).click(200, 190)
    assert [image.shape[:2] for image in segmenter.images] == [(64, 64)] * 3
    assert mask.area == pytest.approx(np.pi * 90**2, rel=0.03)
    assert (mask.x0 + mask.x1 - 1) / 2 == pytest.approx(200, abs=4)


def test_an_object_larger_than_the_windows_of_the_classical_segmenter_is_whole():
    plane = discs((800, 700, 560), shape=(1400, 1600))
    mask = Session(Volume.from_array(plane), connect_sam("classical:")).click(800, 700)
    assert mask.area == pytest.approx(np.pi * 560**2, rel=0.05)


def test_a_small_object_is_looked_at_again_and_comes_out_the_same():
    segmenter = Brightness(input_size=256)
    session = Session(Volume.from_array(discs((400, 300, 9), shape=(700, 800))), segmenter)
    assert is_disc(session.click(400, 300), 400, 300, 9, shape=(700, 800))
    assert [image.shape[:2] for image in segmenter.images] == [(256, 256), (128, 128), (64, 64)]


def test_a_second_look_that_sees_nothing_is_forgotten():
    class Shy(Brightness):
        def predict(self, image, prompts, *, previous=None):
            return super().predict(image if len(image) > 128 else 0 * image, prompts, previous=previous)

    session = Session(Volume.from_array(discs((400, 300, 9), shape=(700, 800))), Shy(input_size=256))
    assert is_disc(session.click(400, 300), 400, 300, 9, shape=(700, 800))


def test_an_object_at_the_edge_of_the_plane_is_not_cut():
    plane = discs((0, 0, 40))
    segmenter = Brightness(input_size=64)
    assert is_disc(Session(Volume.from_array(plane), segmenter).click(2, 2), 0, 0, 40)
    assert len(segmenter.images) == 1


def test_a_zoomed_out_view_is_answered_on_what_it_shows(segmenter):
    session = Session(Volume.from_array(discs((800, 800, 20), shape=(1600, 1600))), segmenter)
    session.scale = 2.0
    mask = session.click(800, 800)
    assert segmenter.images[0].shape == (800, 800, 3)
    assert mask.area == pytest.approx(np.pi * 20**2, rel=0.1)


def test_faint_16_bit_objects_are_seen_as_the_user_sees_them(segmenter):
    plane = discs(*DISCS, dtype=np.uint16, dark=30_000, bright=30_100)
    session = Session(Volume.from_array(plane), segmenter)
    assert is_disc(session.click(60, 50), *DISCS[0])
    (seen,) = segmenter.images
    assert (seen.dtype, seen.shape, seen.min(), seen.max()) == (np.uint8, (200, 240, 3), 0, 255)


def test_the_contrast_that_is_set_reaches_the_model(session, segmenter):
    session.limits = (250.0, 255.0)
    assert session.click(60, 50) is None
    assert segmenter.images[0].max() == 0


@pytest.fixture
def on_screen(segmenter):
    """A session whose view shows a part of a large plane at twice its size."""
    session = Session(Volume.from_array(discs((2000, 1500, 20), shape=(3000, 4000))), segmenter)
    session.param.update(scale=0.5, view=Box(1700, 1300, 2300, 1700))
    return session


@pytest.mark.parametrize("place", [(2000, 1500), (1990, 1490), (2010, 1510)])
def test_a_click_on_what_was_prepared_asks_about_the_same_pixels(on_screen, segmenter, place):
    on_screen.outliner.prepare()
    on_screen.click(*place)
    ((prepared, _),) = segmenter.embedded
    assert segmenter.images[0] is prepared


def test_what_is_prepared_is_asked_for_in_the_name_of_the_session(on_screen, segmenter, session):
    for one in (on_screen, on_screen, session):
        one.outliner.prepare()
    clients = [client for _, client in segmenter.embedded]
    assert clients[0] == clients[1] != clients[2]


def test_without_a_view_the_middle_of_the_plane_is_prepared(segmenter):
    Session(Volume.from_array(discs((2000, 1500, 20), shape=(3000, 4000))), segmenter).outliner.prepare()
    assert segmenter.embedded[0][0].max() > 200


def test_what_the_user_has_left_while_it_was_read_is_not_prepared(on_screen, segmenter, monkeypatch):
    read = on_screen.volume.read

    def move_on(*where):
        monkeypatch.setattr(on_screen.volume, "read", read)
        on_screen.view = Box(100, 100, 700, 500)
        on_screen.outliner.prepare()
        return read(*where)

    monkeypatch.setattr(on_screen.volume, "read", move_on)
    on_screen.outliner.prepare()
    assert [image.max() for image, _ in segmenter.embedded] == [
        on_screen.outliner.as_seen(Window(0, 0, 0, 9, 9), 0).max()
    ]


# Accepted masks


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


# What a click corrects


def test_each_click_on_an_object_corrects_the_answer_before_it(session):
    for x in (60, 62, 64):
        session.click(x, 50)
    assert session.segmenter.corrected == [None, "1 points", "2 points"]


def test_taking_a_point_back_leads_to_the_answer_before_it(session):
    for x in (60, 62, 64):
        session.click(x, 50)
    session.take_back()
    assert session.segmenter.corrected[-1] == "1 points"


def test_another_object_corrects_nothing(session):
    session.click(60, 50)
    session.accept()
    session.click(150, 140)
    assert session.segmenter.corrected == [None, None]


def test_what_was_seen_in_another_contrast_is_not_corrected(session):
    session.click(60, 50)
    session.limits = (0.0, 100.0)
    session.click(62, 50)
    assert session.segmenter.corrected == [None, None]


# A box


class Filling:
    """Outlines the box; the points only count for the score."""

    name, input_size = "Filling", 1024

    def __init__(self):
        self.asked = []

    def predict(self, image, prompts, *, previous=None):  # noqa: ARG002
        self.asked.append(prompts)
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        inside = np.full(image.shape[:2], prompts.box is None)
        if box := prompts.box:
            inside = (x >= box.x0) & (x <= box.x1) & (y >= box.y0) & (y <= box.y1)
        return [Candidate(np.where(inside, 1, -1).astype(np.float32), len(prompts.points) / 10)]


@pytest.fixture
def boxed(volume):
    """A session whose segmenter outlines boxes, with the next drag drawing one."""
    session = Session(volume, Filling())
    session.draft.switch_drawing()
    return session


def test_a_box_is_outlined_at_once_and_the_next_drag_draws_none(boxed):
    mask = boxed.draw_box(Box(40, 30, 80, 70))
    assert (mask.x0, mask.y0, mask.x1, mask.y1) == (40, 30, 81, 71)
    assert not boxed.draft.drawing


def test_the_classical_segmenter_outlines_what_is_in_a_box(volume):
    mask = Session(volume, connect_sam("classical:")).draw_box(Box(37, 27, 83, 73))
    assert mask.area == pytest.approx(np.pi * 20**2, rel=0.1)


@pytest.mark.parametrize("box", [Box(80, 70, 40, 30), Box(40, 70, 80, 30)])
def test_a_box_may_be_drawn_from_any_corner(boxed, box):
    boxed.draw_box(box)
    assert boxed.draft.prompts.box == Box(40, 30, 80, 70)


def test_a_box_is_cut_at_the_edges_of_the_plane(boxed):
    boxed.draw_box(Box(-50, 30, 9000, 70))
    assert boxed.draft.prompts.box == Box(-0.5, 30, 239.5, 70)


@pytest.mark.parametrize(
    "box", [Box(40, 30, 80, 30.5), Box(-9, -9, -2, -2), Box(240, 0, 250, 50), Box(float("nan"), 3, 80, 70)]
)
def test_a_box_without_a_pixel_is_refused_and_changes_nothing(boxed, box):
    boxed.click(60, 50)
    with pytest.raises(SegAppError, match="Draw it from corner to corner"):
        boxed.draw_box(box)
    assert (boxed.draft.prompts.box, len(boxed.draft.prompts.points), boxed.draft.drawing) == (None, 1, True)


def test_points_refine_a_box_and_are_taken_back_before_it(boxed):
    boxed.draw_box(Box(40, 30, 80, 70))
    boxed.click(60, 50)
    boxed.click(70, 50, include=False)
    assert (boxed.draft.mask.score, boxed.draft.prompts.box) == (0.2, Box(40, 30, 80, 70))
    scores = [boxed.take_back().score for _ in range(2)]
    assert (scores, boxed.take_back(), boxed.draft.prompts) == ([0.1, 0.0], None, Prompts())


def test_a_box_after_a_point_is_taken_back_before_it(boxed):
    boxed.click(60, 50)
    boxed.draw_box(Box(40, 30, 80, 70))
    boxed.take_back()
    assert boxed.draft.prompts == Prompts((Point(60, 50),))


def test_of_two_boxes_the_second_counts_and_taking_it_back_brings_the_first(boxed):
    boxed.draw_box(Box(40, 30, 80, 70))
    assert boxed.draw_box(Box(10, 10, 20, 20)).x1 == 21
    assert boxed.take_back().x1 == 81


def test_taking_back_a_point_that_was_not_answered_needs_no_other_answer(session, segmenter):
    first = session.click(60, 50)
    session.add_point(150, 140)
    assert session.take_back() is first
    assert len(segmenter.images) == 1


def test_while_a_box_is_to_be_drawn_dropping_ends_that_only(boxed):
    boxed.click(60, 50)
    boxed.drop()
    kept = boxed.draft.prompts, boxed.draft.drawing
    boxed.drop()
    assert (kept, boxed.draft.prompts) == ((Prompts((Point(60, 50),)), False), Prompts())


def test_a_boxed_object_that_could_not_be_kept_is_taken_back_in_its_order(boxed):
    boxed.click(60, 50)
    boxed.add_box(Box(40, 30, 80, 70))
    boxed.draft.put_back(boxed.take())
    boxed.take_back()
    assert boxed.draft.prompts == Prompts((Point(60, 50),))


def test_an_accepted_object_knows_its_box(boxed):
    boxed.draw_box(Box(40, 30, 80, 70))
    assert boxed.accept().prompts.box == Box(40, 30, 80, 70)


def test_a_box_on_a_zoomed_out_view_is_asked_in_pixels_of_what_is_seen():
    session = Session(Volume.from_array(discs((800, 800, 20), shape=(1600, 1600))), Filling())
    session.scale = 2.0
    session.draw_box(Box(779.5, 779.5, 819.5, 819.5))
    assert session.segmenter.asked[0].box == Box(389.5, 389.5, 409.5, 409.5)
