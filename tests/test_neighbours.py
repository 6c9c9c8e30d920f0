"""From one time or channel of an image to another: the view stays, masks belong to times, and channels share them."""

import pytest
from builders import square
from films import FILM, desk_with_film

from seg_app.errors import MissingError, UnreadableError
from seg_app.models import Volume
from seg_app.records import Box, Calibration, Prompts, Window
from seg_app.views.toolbar import hints


@pytest.fixture
def desk(source, tmp_path):
    """A desk with a film of two times and two channels open."""
    return desk_with_film(source, tmp_path)


def test_masks_of_one_time_are_not_those_of_another(desk):
    desk.session.masks.add([square(2, 3)])
    assert desk.move(t=1).masks.masks == ()
    assert len(desk.move(t=0).masks.masks) == 1


def test_an_image_that_was_left_at_a_time_which_cannot_be_read_any_more_opens_at_the_first(desk, source, monkeypatch):
    source.client.write_array(FILM[0, 0], key="other", dims=tuple("zyx"))
    desk.move(t=1)
    desk.open("other")
    read = Volume.percentiles

    def percentiles(volume, **limits):
        if volume.index.get("t") == 1:
            raise UnreadableError("Plane 1 is damaged.")
        return read(volume, **limits)

    monkeypatch.setattr(Volume, "percentiles", percentiles)
    assert desk.open("film").index == {"t": 0, "c": 0}
    monkeypatch.undo()
    desk.open("other")
    assert desk.open("film").index == {"t": 0, "c": 0}


def test_what_is_outlined_in_one_channel_is_seen_in_the_other(desk):
    mask = desk.session.masks.add([square(2, 3)])
    other = desk.move(c=1)
    assert other.masks.masks == mask
    other.undo()
    assert desk.move(c=0).masks.masks == ()


def test_what_is_said_of_the_scale_and_the_databar_holds_at_all_times(desk):
    desk.session.volume.calibrate(2.5)
    desk.session.volume.set_databar(4)
    later = desk.move(t=1).volume
    assert (later.calibration, later.databar_rows) == (Calibration((None, 2.5, 2.5), "user"), 4)
    later.forget_calibration()
    assert desk.move(t=0, c=1).volume.calibration == Calibration()


def test_plane_view_and_class_stay(desk):
    desk.session.go_to(2)
    desk.session.param.update(view=Box(2, 3, 12, 13), class_name="pore", limits=(5.0, 6.0))
    later = desk.move(t=1)
    assert (later.z, later.view, later.class_name, later.limits) == (2, Box(2, 3, 12, 13), "pore", (5.0, 6.0))


def test_an_image_that_was_left_at_another_time_and_channel_comes_back_there(desk, source):
    source.client.write_array(FILM[0, 0], key="other", dims=tuple("zyx"))
    desk.session.go_to(2)
    mask = desk.move(t=1, c=1).masks.add([square(2, 3)])
    desk.session.limits = (5.0, 6.0)
    desk.open("other")
    again = desk.open("film")
    assert (again.index, again.volume.index, again.z, again.limits) == (*({"t": 1, "c": 1},) * 2, 2, (5.0, 6.0))
    assert again.masks.masks == mask


def test_an_image_that_is_opened_once_more_stays_where_it_is(desk):
    desk.move(t=1)
    assert desk.open("film").index == {"t": 1, "c": 0}


def test_each_channel_has_its_own_contrast(desk):
    desk.session.limits = (5.0, 6.0)
    assert desk.move(c=1).limits == desk.session.volume.percentiles()


def test_it_stays_the_same_session_and_volume_so_that_whoever_looks_need_not_begin_anew(desk):
    session, volume, masks = desk.session, desk.session.volume, desk.session.masks
    later = desk.move(t=1, c=1)
    assert (later is session, later.volume is volume, later.masks is masks) == (True, True, True)
    assert (later.index, volume.index) == ({"t": 1, "c": 1},) * 2
    assert volume.read(2, Window(0, 4, 5, 5, 6)).tolist() == [[FILM[1, 1, 2, 4, 5]]]


def test_points_that_are_not_accepted_stay_at_their_time_and_are_those_of_all_channels(desk, source):
    session, draft = desk.session, desk.session.draft
    session.click(20, 10)
    session.go_to(0)
    session.click(20, 10)
    left = draft.prompts, draft.mask
    desk.move(c=1)
    assert (draft.prompts, draft.mask, draft.left_on) == (*left, (1,))
    desk.move(t=1)
    assert (draft.prompts, draft.mask, draft.left_on, draft.n_left_elsewhere) == (Prompts(), None, (), 1)
    assert hints(session).endswith("not accepted yet at another time")
    source.client.write_array(FILM[0, 0], key="other", dims=tuple("zyx"))
    desk.open("other")
    draft = desk.open("film").draft
    assert (draft.prompts, draft.n_left_elsewhere) == (Prompts(), 1)
    desk.move(t=0)
    assert (draft.prompts, draft.mask, draft.left_on, draft.n_left_elsewhere) == (*left, (1,), 0)


def test_an_undo_at_one_time_changes_nothing_at_another(desk):
    desk.session.masks.add([square(2, 3)])
    desk.move(t=1).masks.add([square(5, 6)])
    desk.session.undo()
    assert desk.session.masks.masks == ()
    assert (len(desk.move(t=0).masks.masks), desk.session.masks.can_undo) == (1, True)


def test_the_model_sees_the_pixels_of_the_time_that_is_on_view(desk):
    session, window = desk.session, Window(0, 0, 0, 20, 30)
    session.limits = (0.0, float(FILM.max()))
    seen = [session.outliner.as_seen(window, 1)]
    desk.move(t=1)
    seen.append(session.outliner.as_seen(window, 1))
    assert seen[1].min() > seen[0].max()


def test_saved_sets_belong_to_the_time_and_to_all_channels(desk):
    desk.session.masks.add([square(2, 3)])
    path = desk.session.save()
    assert path.endswith("film/film_t0/film_t0.npz")
    other = desk.move(c=1)
    assert (other.saved_as, other.unsaved) == (path, False)
    assert [one.path for one in other.saved_sets()] == [path]
    assert desk.move(t=1).saved_sets() == []


def test_the_name_of_a_set_stays_and_nothing_is_news_in_the_other_channel(desk):
    desk.session.masks.add([square(2, 3)])
    desk.session.set_title = "pores"
    path = desk.session.save()
    other = desk.move(c=1)
    assert (other.set_title, other.has_news, other.save()) == ("pores", False, path)


def test_the_name_of_a_set_is_that_of_the_next_time_too_where_it_is_not_saved_yet(desk):
    desk.session.masks.add([square(2, 3)])
    desk.session.set_title = "pores"
    desk.session.save()
    later = desk.move(t=1)
    later.masks.add([square(2, 3)])
    assert (later.set_title, later.has_news, later.saved_as) == ("pores", True, "")


def test_another_scale_than_the_saved_one_is_unsaved_in_the_other_channel_too(desk):
    desk.session.masks.add([square(2, 3)])
    desk.session.save()
    desk.session.volume.calibrate(2.5)
    assert desk.move(c=1).unsaved


def test_a_place_that_cannot_be_read_leaves_the_open_one(desk, source):
    session = desk.session
    session.masks.add([square(2, 3)])
    session.click(20, 10)
    before = (session.volume.image, session.index, session.draft.prompts, session.masks.masks)
    source.client.delete_contents("film", external_only=False)
    with pytest.raises(MissingError):
        desk.move(t=1)
    assert (session.volume.image, session.index, session.draft.prompts, session.masks.masks) == before
    assert desk.session is session


def test_masks_that_were_saved_before_planes_came_can_be_loaded(desk, source):
    source.client.write_array(FILM[0, 0, :2], key="scan", dims=tuple("zyx"))
    desk.open("scan").masks.add([square(2, 3)])
    path = desk.session.save()
    source.client.delete_contents("scan", external_only=False)
    source.client.write_array(FILM[0, 0], key="scan", dims=tuple("zyx"))
    longer = desk.open("scan")
    assert len(longer.masks.masks) == 1
    longer.load(path)
    assert [mask.number for mask in longer.masks.masks] == [1]
