"""Folders of micrographs, and synthetic ones that are drawn once."""

import numpy as np
import pytest
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.training.micrographs import Drawings, read_folder
from seg_app.training.progress import Progress


@pytest.fixture
def folder(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number in range(5):
        Image.fromarray(np.full((8, 9), number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(np.full((8, 9), 300 + number, np.uint16)).save(tmp_path / "labels" / f"{number}.png")
    return tmp_path


def read(folder, **which):
    return read_folder(folder / "images", folder / "labels", **which)


def test_every_micrograph_is_trained_on_or_held_out(folder):
    training, validation = read(folder, validation=False), read(folder, validation=True)
    assert sorted(int(s.labels[0, 0]) for s in training) == [301, 302]
    assert sorted(int(s.labels[0, 0]) for s in validation) == [300, 303, 304]


def test_a_micrograph_without_labels_is_an_error(folder):
    (folder / "labels" / "1.png").unlink()
    with pytest.raises(MissingError, match="no labels"):
        read(folder, validation=False)


def test_labels_of_another_size_are_an_error(folder):
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "labels" / "2.png")
    with pytest.raises(UnreadableError, match="make them equal"):
        read(folder, validation=False)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(MissingError, match="no micrographs"):
        read(tmp_path, validation=True)


def test_synthetic_micrographs_are_drawn_when_they_are_asked_for(tmp_path):
    drawings = Drawings(tmp_path, count=3, seed=5)
    assert not list(tmp_path.glob("*.npy"))
    first = drawings[1].image.copy()
    assert [path.name for path in tmp_path.iterdir()] == ["scene-5-00001.npy"]
    (tmp_path / "scene-5-00001.npy").unlink()
    assert np.array_equal(Drawings(tmp_path, count=2, seed=5)[1].image, first)


def test_there_is_an_end_to_them(tmp_path):
    with pytest.raises(IndexError):
        Drawings(tmp_path, count=2, seed=5)[2]


def test_a_line_that_a_kill_cut_off_is_not_read(tmp_path):
    progress = Progress(tmp_path)
    progress.write({"step": 1, "real_1": 0.5})
    with progress.path.open("a") as file:
        file.write('{"step": 2, "rea')
    assert progress.entries() == [{"step": 1, "real_1": 0.5}]


def test_the_curve_is_a_table_and_a_picture(tmp_path):
    progress = Progress(tmp_path)
    progress.write({"step": 10, "real_1": 0.25})
    progress.write({"step": 20, "real_1": 0.5, "loss": 3.0})
    progress.draw(["real_1"])
    assert (tmp_path / "curve.csv").read_text().split() == ["step,real_1", "10,0.25", "20,0.5"]
    assert "<polyline" in (tmp_path / "curve.svg").read_text()
