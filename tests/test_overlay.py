"""Pictures of masks: pixel for pixel, in the colours of the page, with a bar of the right length."""

import io

import numpy as np
import pytest
from builders import square
from PIL import Image, ImageDraw, ImageFont

from seg_app.colours import rgb_of
from seg_app.errors import StorageError
from seg_app.io.formats import overlay
from seg_app.records import Calibration, ImageId, MaskFile

IMAGE = ImageId("local", "a", (3, 300, 400), "uint8")
TEN_NM = Calibration((None, 10.0, 10.0), "instrument")
MASKS = (square(50, 60, 20, z=1, number=1), square(100, 60, 20, z=1, number=2), square(0, 0, 9, z=2, number=3))


def drawn(masks=MASKS, calibration=Calibration(), **options) -> np.ndarray:  # noqa: B008 - it is frozen
    return np.asarray(Image.open(io.BytesIO(overlay.encode(MaskFile(IMAGE, masks, calibration), **options))))


def test_the_plane_with_the_most_masks_is_drawn_and_others_are_told():
    pixels = drawn()
    assert pixels.shape == (300, 400, 4)
    assert (pixels[..., 3] > 0).sum() == 800
    assert overlay.losses(MaskFile(IMAGE, MASKS)) == [
        "A picture cannot be read as masks again: keep them in another format, too.",
        "Plane 2 is drawn, without 1 mask on other planes.",
        "There is no scale bar: the size of a pixel is not known.",
    ]


def test_without_an_image_fillings_and_edges_cover_a_transparent_ground():
    pixels = drawn()
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels[70, 60].tolist() == [*rgb_of(1), round(0.34 * 255)]
    assert pixels[60, 50].tolist() == [*rgb_of(1), round(0.95 * 255)]


def test_on_an_image_colours_are_mixed_with_its_greys():
    picture = np.full(IMAGE.shape, 100, np.uint16)
    picture[1, :, :200] = 300
    pixels = drawn(picture=picture)
    assert pixels[0, [0, 399], :3].tolist() == [[255] * 3, [0] * 3]
    assert pixels[70, 60, :3].tolist() == [round(0.34 * c + 0.66 * 255) for c in rgb_of(1)]
    assert (pixels[..., 3] == 255).all()


def test_a_coloured_image_keeps_its_colours():
    picture = np.zeros((*IMAGE.shape, 3), np.uint8)
    picture[1] = (10, 20, 30)
    assert drawn(picture=picture)[0, 0].tolist() == [10, 20, 30, 255]


def test_a_smaller_mask_lies_on_a_larger_one():
    pixels = drawn((square(50, 60, 20, number=1), square(55, 65, 10, number=2)))
    assert pixels[70, 60, :3].tolist() == list(rgb_of(2))


def test_the_bar_is_as_long_as_it_says():
    pixels = drawn((), TEN_NM)
    assert overlay._bar(MaskFile(IMAGE, (), TEN_NM)) == (50, "500 nm")
    row = (pixels[-11] == 255).all(axis=1)
    assert row.sum() == 50
    assert np.flatnonzero(row)[[0, -1]].tolist() == [340, 389]
    assert (pixels[270:285] > 200).any(), "the length is written above it"


def test_micro_is_written_though_the_font_has_no_sign_for_it():
    def written(text):
        picture = Image.new("L", (200, 60))
        overlay._write(ImageDraw.Draw(picture), (100, 40), text, ImageFont.load_default(40))
        return np.asarray(picture) > 128

    micro, u = written("2 µm"), written("2 um")
    assert (micro >= u).all()
    below = np.argwhere(micro[42:] & ~u[42:])  # a stroke down at the left of the u, as wide as one of its own
    assert below[:, 0].max() in (5, 6)
    assert 3 <= np.ptp(below[:, 1]) + 1 <= 6


@pytest.mark.parametrize(
    ("x_nm", "bar"),
    [(10.0, (50, "500 nm")), (12.5, (80, "1 µm")), (62.5, (80, "5 µm")), (0.05, (40, "2 nm")), (1e5, (50, "5 mm"))],
)
def test_bars_are_round_lengths_of_at_most_a_fifth(x_nm, bar):
    assert overlay._bar(MaskFile(IMAGE, (), Calibration((None, 1.0, x_nm)))) == bar


@pytest.mark.parametrize("size_nm", [None, (None, 1.0, 0.0), (None, 1.0, float("inf")), (None, 1.0, 1e300)])
def test_without_a_sensible_pixel_size_there_is_no_bar(size_nm):
    assert overlay._bar(MaskFile(IMAGE, (), Calibration(size_nm))) is None


def test_an_image_of_another_size_is_refused():
    with pytest.raises(StorageError, match="the picture has"):
        drawn(picture=np.zeros((3, 30, 40)))


def test_a_tiny_picture_has_no_room_for_a_bar_but_is_drawn():
    file = MaskFile(ImageId("local", "a", (1, 2, 3), "uint8"), (square(0, 0, 1),), TEN_NM)
    assert Image.open(io.BytesIO(overlay.encode(file))).size == (3, 2)
