"""Images and their labels: which belong together, and which objects are clicked."""

import shutil

import numpy as np
import pytest
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.evaluation.labelled import Labelled, labelled_images, objects_of, read_labels, spread


def test_images_and_labels_belong_together_by_name_and_others_are_counted(folders, caplog) -> None:
    images, labels = folders
    (labels / "b.png").unlink()
    np.save(labels / "a.npy", np.zeros((60, 80)))
    (labels / "a.png").unlink()
    assert labelled_images(images, labels) == [Labelled(images / "a.png", labels / "a.npy")]
    assert "1 of 2 images" in caplog.text


def test_unwanted_images_are_left_out(folders) -> None:
    assert [pair.name for pair in labelled_images(*folders, keep=lambda name: name == "b.png")] == ["b.png"]


def test_folders_that_do_not_fit_are_named(folders, tmp_path) -> None:
    with pytest.raises(MissingError, match="No image in"):
        labelled_images(folders[0], tmp_path)
    with pytest.raises(MissingError, match="There is no folder"):
        labelled_images(folders[0], tmp_path / "none")


LABELS = np.array([[0, 1, 1, 300], [0, 2, 2, 300]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_whole_numbers_are_labels(tmp_path, dtype) -> None:
    np.save(tmp_path / "a.npy", LABELS.clip(max=200).astype(dtype))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy", (2, 4)), LABELS.clip(max=200))


def test_a_16_bit_png_has_labels_above_255(tmp_path) -> None:
    Image.fromarray(LABELS.astype(np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", (2, 4)), LABELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_each_colour_is_an_object_and_black_or_transparent_is_none(tmp_path, mode) -> None:
    colours = [(0, 0, 0, 255), (1, 0, 0, 255), (0, 0, 1, 255), (9, 9, 9, 255 if mode == "RGB" else 0)]
    Image.fromarray(np.array([colours], np.uint8)).convert(mode).save(tmp_path / "a.png")
    assert len(np.unique(read_labels(tmp_path / "a.png", (1, 4)))) == (4 if mode == "RGB" else 3)
    assert read_labels(tmp_path / "a.png", (1, 4))[0, 0] == 0


@pytest.mark.parametrize("array", [np.zeros((2, 4)), np.zeros((4, 2), np.uint8), np.zeros((2, 2, 4), np.uint8)])
def test_labels_that_do_not_fit_are_refused(tmp_path, array) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnreadableError, match="whole numbers of one plane of 2 × 4 pixels"):
        read_labels(tmp_path / "a.npy", (2, 4))


def test_objects_come_by_size_and_those_below_30_pixels_are_left_out() -> None:
    assert objects_of(np.repeat([0, 7, 5, 9, 3], [100, 31, 30, 29, 90])) == ([5, 7, 3], 1)


@pytest.mark.parametrize(("limit", "kept"), [(None, [*range(9)]), (9, [*range(9)]), (3, [1, 4, 7]), (1, [4])])
def test_a_limit_spreads_over_all(limit, kept) -> None:
    assert spread(range(9), limit) == kept


def test_a_jpeg_holds_no_labels(tmp_path) -> None:
    for name in ("a.png", "labels/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    with pytest.raises(MissingError, match="has labels in"):
        labelled_images(tmp_path, tmp_path / "labels")


def test_two_label_images_of_one_name_are_refused(folders) -> None:
    labels = next(folders[1].iterdir())
    shutil.copy(labels, labels.with_suffix(".tif"))
    with pytest.raises(UnreadableError, match=f"both labels of '{labels.stem}'"):
        labelled_images(*folders)
