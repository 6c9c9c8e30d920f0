"""What is said of an image in plain words: nothing of a good one, one sentence for each doubt."""

from contextlib import suppress

import numpy as np
import pytest

from seg_app.errors import UnreadableError
from seg_app.models import Volume
from seg_app.models.remarks import remarks_on
from seg_app.records import Window


def remarks(**metadata):
    volume = Volume.from_array(np.zeros((64, 96), np.uint8))
    volume.metadata = metadata
    return remarks_on(volume)


def test_of_a_good_image_nothing_is_said():
    assert remarks(title="Powder", databar_rows=3) == []


def test_damaged_files_and_gaps_are_named():
    assert remarks(damaged_files=["a_3.tif"], missing_numbers=[7, 8]) == [
        "Files that cannot be read: a_3.tif. Their planes keep their place, and cannot be shown.",
        "There is no file with the numbers 7, 8. The planes before and after a gap are shown side by side.",
    ]


def test_files_that_the_server_has_misplaced_or_misread_are_named():
    assert remarks(misplaced_files=["a10.tif", "a2.tif"], odd_files=["a3.tif"]) == [
        "The server has the planes in another order than their numbers: a10.tif comes where a2.tif belongs.",
        "Files that are no plane like the others: a3.tif. What is shown of them may be wrong.",
    ]


def test_planes_that_could_not_be_read_are_named():
    volume = Volume.from_array(np.zeros((5, 64, 96), np.uint8))
    for z in (4, 1):
        with suppress(UnreadableError), volume.unreadable.watching(z, Window(0, 0, 0, 9, 9), stored=0):
            raise UnreadableError("Cannot read it.")
    (remark,) = remarks_on(volume)
    assert remark.startswith("Could not be read, wholly or in part: planes 2, 5.")


def test_of_many_the_first_are_named():
    (remark,) = remarks(missing_numbers=list(range(20)))
    assert "0, 1, 2, 3, 4 and 15 more." in remark


def test_what_was_odd_about_a_file_is_told():
    assert remarks(remarks=["page 3 is missing."]) == ["The file is not quite in order: page 3 is missing."]


def test_why_the_size_of_a_pixel_is_not_known_is_told():
    assert remarks(pixel_size_note="The image was resized.") == ["The image was resized."]


@pytest.mark.parametrize(("tilt", "count"), [(0.0, 0), (0.2, 0), (52.0, 1), (-7.0, 1), ("52", 0)])
def test_a_tilted_stage_is_told(tilt, count):
    assert len(remarks(stage_tilt_deg=tilt)) == count


def test_pixels_that_are_not_square_are_told():
    volume = Volume.from_array(np.zeros((64, 96), np.uint8))
    volume.calibrate(2.0, y_nm=3.0)
    (remark,) = remarks_on(volume)
    assert "2 nm wide and 3 nm high" in remark


@pytest.mark.parametrize(
    "name",
    [
        *("damaged_files", "misplaced_files", "odd_files", "missing_numbers"),
        *("remarks", "pixel_size_note", "stage_tilt_deg"),
    ],
)
@pytest.mark.parametrize("junk", [None, True, {"a": 1}, [None, 4.5, {}], ()])
def test_metadata_of_another_kind_say_nothing(name, junk):
    assert remarks(**{name: junk}) == []
