"""`seg-app convert`: one line of what it did, one for each loss, and nothing is overwritten."""

import pickle

import numpy as np
import pandas as pd
import pytest
import tifffile
from builders import square
from PIL import Image

from seg_app.cli import main
from seg_app.io.registry import load_masks, save_masks
from seg_app.models import Volume
from seg_app.records import Calibration, ImageId, MaskFile

IMAGE = ImageId("local", "a", (2, 30, 40), "uint8")
FILE = MaskFile(
    IMAGE,
    (square(3, 4, 8, number=1, class_name="pore"), square(5, 6, 4, number=2), square(0, 0, 3, z=1, number=3)),
    Calibration((20.0, 10.0, 10.0), "instrument"),
)


@pytest.fixture
def saved(tmp_path):
    """A mask file of three masks, of which one lies on another."""
    save_masks(tmp_path / "a.npz", FILE)
    return tmp_path / "a.npz"


@pytest.fixture
def picture(tmp_path):
    """The image of the masks, 30 by 40 pixels, two planes, 7 everywhere."""
    tifffile.imwrite(
        tmp_path / "image.tif",
        np.full((2, 30, 40), 7, np.uint8),
        imagej=True,
        resolution=(50, 50),
        metadata={"unit": "um", "spacing": 0.1, "axes": "ZYX"},
    )
    return tmp_path / "image.tif"


def convert(*arguments) -> int:
    return main(["convert", *map(str, arguments)])


@pytest.mark.parametrize("suffix", [".json", ".geojson", ".zip"])
def test_masks_come_back_from_a_format_that_keeps_all(saved, capsys, suffix):
    out = saved.with_suffix(suffix)
    assert convert(saved, out) == 0
    assert capsys.readouterr().out == f"Saved 3 masks: {out}\n"
    assert convert(out, saved.with_name("b.npz")) == 0
    assert load_masks(saved.with_name("b.npz")) == FILE


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_what_is_lost_is_told(saved, capsys, suffix):
    assert convert(saved, saved.with_suffix(suffix)) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "In 1 mask 16 pixels are missing: they lie under smaller masks."
    ]


def test_masks_of_the_older_tool_come_into_our_own_format(saved):
    bits = np.zeros((30, 40), bool)
    bits[4:12, 3:11] = True
    saved.with_name("old.pkl").write_bytes(pickle.dumps([{"segmentation": bits}]))
    assert convert(saved.with_name("old.pkl"), saved.with_name("b.npz")) == 0
    (mask,) = load_masks(saved.with_name("b.npz")).masks
    assert (mask.y0, mask.x0, mask.area, mask.provenance.engine) == (4, 3, 64, "sement_duo")


def test_measurements_come_as_parquet_too(saved):
    assert convert(saved, saved.with_suffix(".parquet")) == 0
    assert pd.read_parquet(saved.with_suffix(".parquet")).area_px2.tolist() == [64, 16, 9]


def test_one_plane_can_be_chosen(saved):
    assert convert(saved, saved.with_suffix(".json"), "--plane", 2) == 0
    assert [mask.number for mask in load_masks(saved.with_suffix(".json")).masks] == [3]


def test_the_image_gives_its_grey_values_to_the_table(saved, picture):
    assert convert(saved, saved.with_suffix(".csv"), "--image", picture) == 0
    table = pd.read_csv(saved.with_suffix(".csv"))
    assert (table.grey_mean == 7).all()
    assert table.area_um2.tolist() == pytest.approx([64e-4, 16e-4, 9e-4])


def test_the_databar_of_the_image_cuts_objects(saved, picture, monkeypatch):
    monkeypatch.setattr(Volume, "databar_rows", 19)
    assert convert(saved, saved.with_suffix(".csv"), "--image", picture) == 0
    assert pd.read_csv(saved.with_suffix(".csv")).touches_border.tolist() == [True, False, True]


def test_the_image_is_what_a_picture_is_drawn_on(saved, picture, capsys):
    assert convert(saved, saved.with_suffix(".png"), "--image", picture) == 0
    with Image.open(saved.with_suffix(".png")) as drawn:
        assert drawn.size == (40, 30)
    assert "Plane 1 is drawn, without 1 mask on other planes." in capsys.readouterr().out


def test_masks_that_know_no_image_belong_to_the_one_that_is_given(saved, picture):
    labels = np.zeros((2, 30, 40), np.uint16)
    labels[1, 3:5, 3:5] = 9
    tifffile.imwrite(saved.with_name("labels.tif"), labels, photometric="minisblack")
    assert convert(saved.with_name("labels.tif"), saved.with_name("b.npz"), "--image", picture) == 0
    file = load_masks(saved.with_name("b.npz"))
    assert (file.image.path, file.image.dtype) == (picture.as_posix(), "uint8")
    assert file.calibration.pixel_size_nm == pytest.approx((100, 20, 20))


def test_the_size_of_a_pixel_can_be_given(saved):
    assert convert(saved, saved.with_name("b.npz"), "--pixel-size", 2.5) == 0
    assert load_masks(saved.with_name("b.npz")).calibration == Calibration((20.0, 2.5, 2.5), "user")


def test_nothing_is_overwritten(saved, capsys):
    saved.with_suffix(".json").write_text("precious")
    assert convert(saved, saved.with_suffix(".json")) == 1
    assert capsys.readouterr().err.endswith("exists, and nothing is overwritten. Choose another name.\n")
    assert saved.with_suffix(".json").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.npz", "b.json"], "There is no file"),
        (["a.npz", "b.docx"], "Known formats"),
        (["a.npz", "b.pkl"], "sement_duo is only read"),
        (["a.png", "b.npz"], "picture is only written"),
        (["a.npz", "b.json", "--plane", 3], "the image has 2"),
        (["a.npz", "b.json", "--pixel-size", -1], "above 0"),
        (["a.npz", "b.json", "--image", "none.tif"], "There is no"),
        (["a.npz", "b.json", "--image", "small.tif"], "Give the image that the masks were made on"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(saved, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(saved.parent)
    tifffile.imwrite("small.tif", np.zeros((2, 3, 4), np.uint8), photometric="minisblack")
    before = sorted(saved.parent.iterdir())
    assert convert(*arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert sorted(saved.parent.iterdir()) == before
