"""What is known of an image: the user before the header before the pixels, and kept."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders import IMAGE, square
from databars import powder, with_databar
from discs import Brightness, discs

from seg_app.errors import SegAppError, StorageError
from seg_app.io import LocalFolder, MaskStore
from seg_app.measurements import measurements
from seg_app.models import Notes, Session, Volume, open_volume
from seg_app.records import Box, Calibration, Point, Window
from seg_app.sam import Candidate, connect_sam

BY_FILE = Calibration((5.0, 4.0, 4.0), "FEI header")


def volume_of(array, *, calibration=BY_FILE, **metadata):
    image = Volume.from_array(array, name="samples/tiny")
    return Volume.of(replace(image.whole, calibration=calibration, metadata=metadata).at({}))


@pytest.fixture
def volume():
    return volume_of(np.zeros((3, 64, 96), np.uint8))


@pytest.fixture
def notes(tmp_path):
    return Notes.of_image(tmp_path, IMAGE)


def test_the_file_is_believed_until_somebody_says_otherwise(volume):
    assert volume.calibration == BY_FILE


def test_a_user_may_say_only_how_wide_a_pixel_is(volume):
    volume.calibrate(2.5)
    assert volume.calibration == Calibration((5.0, 2.5, 2.5), "user")


def test_a_user_may_say_all_three_sizes(volume):
    volume.calibrate(2.5, y_nm=3, z_nm=20)
    assert volume.calibration == Calibration((20, 3.0, 2.5), "user")


def test_without_any_size_the_distance_of_planes_stays_unknown():
    volume = volume_of(np.zeros((3, 64, 96), np.uint8), calibration=Calibration())
    volume.calibrate(2.5)
    assert volume.pixel_size_nm == (None, 2.5, 2.5)


def test_a_line_of_known_length_says_how_large_a_pixel_is(volume):
    volume.calibrate_by(Point(10, 60), Point(60, 60), length_nm=1000)
    assert volume.calibration == Calibration((5.0, 20.0, 20.0), "user")


def test_a_slanted_line_counts_the_shape_of_pixels():
    volume = volume_of(np.zeros((64, 96), np.uint8), calibration=Calibration((None, 4.0, 2.0), "FEI header"))
    volume.calibrate_by(Point(0, 0), Point(30, 20), length_nm=200)  # 30 by 2 * 20 widths of a pixel are 50
    assert volume.pixel_size_nm == (None, 8, 4)


@pytest.mark.parametrize("nm", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["x_nm", "y_nm", "z_nm"])
def test_what_is_no_length_is_refused_and_changes_nothing(volume, which, nm):
    with pytest.raises(SegAppError, match="above 0"):
        volume.calibrate(**{"x_nm": 1.0, which: nm})
    assert volume.calibration == BY_FILE


def test_a_line_of_no_length_is_refused(volume):
    with pytest.raises(SegAppError, match="shorter than a pixel"):
        volume.calibrate_by(Point(10, 10), Point(10, 10), length_nm=1000)
    with pytest.raises(SegAppError, match="above 0"):
        volume.calibrate_by(Point(10, 10), Point(20, 10), length_nm=0)


def test_what_was_said_can_be_taken_back(volume):
    volume.calibrate(2.5)
    volume.forget_calibration()
    assert volume.calibration == BY_FILE


def test_what_was_said_is_there_after_a_restart(volume, notes):
    volume.keep_notes(notes)
    volume.calibrate(2.5, y_nm=3)
    volume.set_databar(7)
    again = volume_of(np.zeros((3, 64, 96), np.uint8))
    again.keep_notes(Notes(notes.path))
    assert (again.calibration, again.databar_rows) == (Calibration((5.0, 3.0, 2.5), "user"), 7)
    again.forget_calibration()
    again.forget_databar()
    assert (again.calibration, again.databar_rows) == (BY_FILE, 0)


def test_two_tabs_say_two_things_and_both_are_kept(volume, notes):
    volume.keep_notes(notes)
    other = volume_of(np.zeros((3, 64, 96), np.uint8))
    other.keep_notes(Notes(notes.path))
    volume.calibrate(2.5)
    other.set_databar(7)
    assert (other.pixel_size_nm, other.databar_rows) == ((5.0, 2.5, 2.5), 7)


def test_what_cannot_be_kept_is_not_shown_either(volume, tmp_path):
    (tmp_path / "file").write_text("no folder")
    volume.keep_notes(Notes(tmp_path / "elsewhere.json"))
    volume._notes = Notes(tmp_path / "file" / "notes.json")
    with pytest.raises(StorageError):
        volume.calibrate(2.5)
    assert volume.calibration == BY_FILE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pixel_size_nm": "large"}', '{"databar_rows": 1e400}', "\0\0"])
def test_notes_that_are_damaged_say_nothing(volume, notes, text):
    notes.path.write_text(text)
    volume.keep_notes(notes)
    assert (volume.calibration, volume.databar_rows) == (BY_FILE, 0)


@pytest.mark.parametrize("text", ['{"pixel_size_nm": [null, 0, -1]}', '{"databar_rows": 9999}'])
def test_notes_that_make_no_sense_do_no_harm(volume, notes, text):
    notes.path.write_text(text)
    volume.keep_notes(notes)
    assert volume.calibration == BY_FILE
    assert 0 <= volume.databar_rows < volume.height


def test_measurements_follow_the_user():
    session = Session(volume_of(np.zeros((3, 64, 96), np.uint8)), connect_sam("classical:"))
    session.masks.add([square(size=10)])
    session.volume.calibrate(2000.0)
    table = measurements(session.file)
    assert (table["area_um2"][0], table["pixel_size_source"][0]) == (400, "user")


def test_an_exported_label_image_has_the_scale_of_the_user(tmp_path):
    session = Session(volume_of(np.zeros((3, 64, 96), np.uint8)), connect_sam("classical:"))
    session.masks.add([square(size=10)])
    session.volume.calibrate(2000.0)
    name, data, _ = session.export(".tif")
    (tmp_path / name).write_bytes(data)
    assert open_volume(tmp_path / name).calibration == Calibration((5.0, 2000.0, 2000.0), "ImageJ")


def test_what_was_saved_is_saved_again_with_another_size_of_a_pixel(tmp_path):
    session = Session(
        volume_of(np.zeros((3, 64, 96), np.uint8)), connect_sam("classical:"), store=MaskStore(LocalFolder(tmp_path))
    )
    session.masks.add([square()])
    first = session.save()
    session.volume.calibrate(2000.0)
    assert session.unsaved
    assert session.save() != first
    assert not session.unsaved
    assert session.store.load(session.saved_as).calibration == Calibration((5.0, 2000.0, 2000.0), "user")


@pytest.fixture
def two_tabs(tmp_path, notes):
    """Two sessions on one image, with a mask each."""

    def tab():
        volume = volume_of(np.zeros((3, 64, 96), np.uint8))
        volume.keep_notes(Notes(notes.path))
        session = Session(volume, connect_sam("classical:"), store=MaskStore(LocalFolder(tmp_path / "masks")))
        session.masks.add([square()])
        return session

    return tab(), tab()


def test_masks_are_saved_with_the_scale_that_was_said_in_another_tab(two_tabs):
    first, second = two_tabs
    first.save()
    second.volume.calibrate(2.5)
    assert first.store.load(first.save()).calibration == Calibration((5.0, 2.5, 2.5), "user")
    assert (first.volume.calibration, first.unsaved) == (second.volume.calibration, False)


def test_masks_are_exported_with_the_scale_that_was_said_in_another_tab(two_tabs, tmp_path):
    first, second = two_tabs
    second.volume.calibrate(2.5)
    name, data, _ = first.export(".tif")
    (tmp_path / name).write_bytes(data)
    assert open_volume(tmp_path / name).pixel_size_nm == (5.0, 2.5, 2.5)


def test_without_a_place_for_notes_what_was_said_stays(volume):
    volume.calibrate(2.5)
    volume.refresh_notes()
    assert volume.calibration == Calibration((5.0, 2.5, 2.5), "user")


# The databar

BAR = 59


@pytest.fixture(scope="module")
def micrograph():
    return with_databar(powder(943, 1024), BAR, "thermo")


def test_the_header_is_believed_before_the_pixels(micrograph):
    volume = volume_of(micrograph, databar_rows=40)
    assert (volume.databar_rows, volume.databar_source) == (40, "header")


def test_a_databar_is_found_where_no_header_tells_of_it(micrograph):
    volume = volume_of(micrograph)
    assert (volume.databar_rows, volume.databar_source) == (BAR, "image")


def test_a_stack_has_a_databar_only_if_its_first_and_last_plane_have_it(micrograph):
    plain = powder(943, 1024)
    assert volume_of(np.stack([micrograph] * 3)).databar_rows == BAR
    assert volume_of(np.stack([plain, micrograph, micrograph])).databar_rows == 0


def test_a_session_has_looked_for_the_databar_of_a_colour_image_when_views_ask_for_it(micrograph):
    volume = volume_of(np.repeat(micrograph[..., None], 3, axis=2))
    Session(volume, connect_sam("classical:"))
    assert volume.__dict__["_found_databar"] == BAR


def test_the_user_is_believed_before_all(micrograph):
    volume = volume_of(micrograph, databar_rows=40)
    volume.set_databar(0)
    assert (volume.databar_rows, volume.databar_source) == (0, "user")


@pytest.mark.parametrize("rows", [-1, 943, 5000])
def test_a_databar_that_does_not_fit_is_refused(micrograph, rows):
    volume = volume_of(micrograph)
    with pytest.raises(SegAppError, match="does not fit"):
        volume.set_databar(rows)
    assert volume.databar_rows == BAR


def test_the_contrast_is_that_of_the_image_alone():
    image = np.full((400, 512), 100, np.uint8)
    image[::2] = 150
    image[300:] = 255
    volume = volume_of(image)
    assert volume.percentiles() == (100, 255)
    volume.set_databar(100)
    assert volume.percentiles() == (100, 150)


def test_a_point_on_the_databar_is_refused(micrograph):
    session = Session(volume_of(micrograph), connect_sam("classical:"))
    session.add_point(100, 943 - BAR - 1)
    with pytest.raises(SegAppError, match="databar"):
        session.add_point(100, 943 - BAR)
    assert len(session.draft.prompts.points) == 1


def test_a_box_is_cut_where_the_databar_begins(micrograph):
    session = Session(volume_of(micrograph), connect_sam("classical:"))
    session.add_box(Box(100, 800, 200, 940))
    assert session.draft.prompts.box == Box(100, 800, 200, 943 - BAR - 0.5)


@pytest.fixture
def across():
    """A session about a bright disc at row 90 that reaches 30 rows down, where the databar begins at row 100."""
    session = Session(volume_of(discs((60, 90, 30))), Brightness())
    session.volume.set_databar(100)
    return session


def test_an_outline_ends_where_the_databar_begins_and_a_table_counts_it_as_cut(across):
    assert across.click(60, 90).y1 == 100
    across.accept()
    _, table, _ = across.export(".csv")
    assert pd.read_csv(io.BytesIO(table)).touches_border.tolist() == [True]


def test_what_is_seen_on_the_databar_alone_is_no_object(across):
    below = np.where(np.arange(200)[:, None] >= 100, 1.0, -1.0) * np.ones((200, 240))
    across.segmenter.predict = lambda *_, **__: [Candidate(below.astype(np.float32), 0.9)]
    assert across.click(60, 85) is None


def test_the_search_leaves_out_a_databar_that_was_found(micrograph):
    session = Session(volume_of(micrograph), connect_sam("classical:"))
    assert session.search._databar(Window(0, 0, 0, 943, 1024)) == (943 - BAR, 943)
