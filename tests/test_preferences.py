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
    preferences.type_class("a", "pore")
    assert preferences.class_for(image, [square(class_name=name) for name in classes]) == begins_with


def test_each_image_keeps_what_was_typed_for_it(tmp_path):
    preferences = Preferences(tmp_path / "ada.json")
    for image, name in (("a", "pore"), ("b", "crack"), ("a", "void")):
        preferences.type_class(image, name)
    again = Preferences(tmp_path / "ada.json")
    assert [again.class_for(image, ()) for image in "abc"] == ["void", "crack", "void"]


def test_of_many_images_the_latest_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr("seg_app.models.preferences.MOST_IMAGES", 2)
    preferences = Preferences(tmp_path / "ada.json")
    for image in "abca":
        preferences.type_class(image, f"class of {image}")
    assert list(preferences.classes) == ["c", "a"]


@pytest.mark.parametrize(
    "content", [b'{"classes": {"a": 7}}', b"", b"\xff\xfe", b"[]", b'{"dark": 7}', b'{"other": 1}']
)
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
