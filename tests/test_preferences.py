"""What a user chose is found again; a damaged file of it stops nobody."""

import logging

import pytest
from builders import square

from seg_app.models import Preferences


def test_what_was_chosen_is_found_again(tmp_path):
    Preferences(tmp_path / "new" / "ada.json").param.update(dark=True, class_name="pore")
    again = Preferences(tmp_path / "new" / "ada.json")
    assert (again.dark, again.class_name) == (True, "pore")


@pytest.mark.parametrize(
    ("image", "classes", "begins_with"),
    [
        ("a", ["grain"], "pore"),
        ("a", [], "pore"),
        ("b", ["grain", "coin"], "coin"),
        ("b", ["coin", ""], ""),
        ("b", [], "pore"),
    ],
)
def test_an_image_begins_with_its_own_class_and_one_without_objects_with_the_last(
    tmp_path, image, classes, begins_with
):
    preferences = Preferences(tmp_path / "ada.json")
    preferences.param.update(class_name="pore", class_image="a")
    assert preferences.class_for(image, [square(class_name=name) for name in classes]) == begins_with


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"dark": 7}', b'{"other": 1}'])
def test_a_file_that_makes_no_sense_is_as_none(tmp_path, content):
    path = tmp_path / "ada.json"
    path.write_bytes(content)
    assert Preferences(path).dark is False


def test_a_place_that_cannot_be_written_is_logged_and_the_choice_holds(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way of a folder")
    preferences = Preferences(tmp_path / "file" / "ada.json")
    with caplog.at_level(logging.WARNING):
        preferences.dark = True
    assert preferences.dark
    assert "could not be kept" in caplog.text
