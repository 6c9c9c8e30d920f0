"""The databar that is found in the pixels: as five makers draw it, and never where there is none."""

import io

import numpy as np
import pytest
from databars import MAKERS, photographs, powder, with_databar
from PIL import Image
from scipy.ndimage import gaussian_filter

from seg_app.io.databar import find_databar

SIZES = ((472, 512, 30), (943, 1024, 59), (858, 768, 90), (840, 1280, 72))
"""(rows, columns, rows of the databar)."""


@pytest.fixture(scope="module", params=SIZES, ids=str)
def micrograph(request):
    rows, columns, bar = request.param
    return powder(rows, columns, seed=rows), bar


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("maker", MAKERS)
def test_the_strip_of_each_maker_is_found_to_the_row(micrograph, maker, dark):
    image, bar = micrograph
    assert find_databar(with_databar(image, bar, maker, dark=dark)) == bar


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_strip_that_the_image_shines_through_is_found_to_the_row(micrograph, maker, dark):
    image, bar = micrograph
    assert find_databar(with_databar(image, bar, maker, dark=dark, veil=0.7)) == bar


def test_a_micrograph_without_a_strip_has_none(micrograph):
    image, _ = micrograph
    assert find_databar(image) == 0


@pytest.mark.parametrize("name", ["camera", "coins", "moon", "brick", "gravel", "cell"])
def test_a_strip_below_a_photograph_is_found(name):
    image = photographs()[name]
    bar = image.shape[0] // 9
    assert [find_databar(with_databar(image.copy(), bar, maker)) for maker in MAKERS] == [bar] * len(MAKERS)


@pytest.mark.parametrize("name", sorted(photographs()))
def test_a_photograph_has_none_whichever_side_is_up(name):
    image = photographs()[name]
    assert [find_databar(turned) for turned in (image, image[::-1], np.rot90(image), 255 - image)] == [0] * 4


def test_a_strip_is_found_in_16_bits_also_when_its_text_is_brighter_than_any_image():
    image = with_databar(powder(840, 1280), 72, "zeiss")
    deep = image.astype(np.uint16) * 16
    deep[-72:][image[-72:] == 255] = 65535
    assert find_databar(deep) == 72


@pytest.mark.parametrize("maker", MAKERS)
def test_a_strip_is_found_where_jpeg_has_blurred_it(maker):
    packed = io.BytesIO()
    Image.fromarray(with_databar(powder(943, 1024), 59, maker)).save(packed, "JPEG", quality=80)
    assert find_databar(np.asarray(Image.open(packed))) == 59


def test_a_strip_is_found_in_colour():
    assert find_databar(np.repeat(with_databar(powder(840, 1280), 72, "jeol")[..., None], 3, axis=2)) == 72


def test_a_strip_above_a_few_rows_of_black_is_found():
    image = np.vstack([with_databar(powder(840, 1280), 72, "hitachi"), np.zeros((6, 1280), np.uint8)])
    assert find_databar(image) == 78


def test_a_large_image_is_looked_at_in_steps_and_still_answered_to_the_row(monkeypatch):
    monkeypatch.setattr("seg_app.io.databar.MOST_PIXELS", 100_000)
    assert find_databar(with_databar(powder(1886, 2048), 121, "thermo")) == 121


def test_only_the_lower_part_is_read():
    class Rows(np.ndarray):
        read: list = []  # noqa: RUF012

        def __getitem__(self, key):
            self.read.append(key)
            return np.asarray(super().__getitem__(key))

    image = with_databar(powder(943, 1024), 59, "thermo").view(Rows)
    assert find_databar(image) == 59
    assert min(rows.start for rows, *_ in Rows.read) > 0.6 * 943


NOISE = np.random.default_rng(3).normal(scale=6, size=(700, 900))
ROWS = np.arange(700)[:, None]


def grey(values):
    return np.broadcast_to(values, (700, 900)).clip(0, 255).astype(np.uint8)


def debris():
    """A black hole at the bottom, with specks of dirt in it, all of another size."""
    image = powder(700, 900).astype(float)
    image[600:] = 0
    rng = np.random.default_rng(5)
    for _ in range(40):
        y, x, r = rng.integers(610, 690), rng.integers(10, 890), rng.integers(2, 9)
        image[y - r : y + r, x - r : x + r] = 220
    return image


def cross_section():
    """Level layers, the lowest with a row of contacts, as sharp as a microscope shows them."""
    image = np.select([ROWS < 300, ROWS < 560], [150.0, 60.0], 105.0) + np.zeros((700, 900))
    for x in range(30, 880, 45):
        image[600:640, x : x + 18] = 230
    return gaussian_filter(image, 1) + NOISE


NOTHING = {
    "black": np.zeros((700, 900)),
    "white": np.full((700, 900), 255),
    "noise": 120 + 5 * NOISE,
    "gradient": ROWS / 700 * 255 + np.zeros((700, 900)),
    "noisy gradient": ROWS / 700 * 200 + NOISE,
    "steps": (ROWS // 70) * 25 + np.zeros((700, 900)),
    "dark bottom": powder(700, 900) * np.where(ROWS > 600, 0.2, 1.0),
    "black bottom": powder(700, 900) * (ROWS < 620),
    "white bottom": np.where(ROWS > 630, 255, powder(700, 900)),
    "black bottom with dirt": debris(),
    "layers": np.select([ROWS < 250, ROWS < 500, ROWS < 610], [180, 60, 130], 30) + NOISE,
    "cross-section": cross_section(),
    "stripes": np.where(ROWS % 20 < 10, 200, 40) + NOISE,
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_none_the_answer_is_0(name):
    assert find_databar(grey(NOTHING[name])) == 0


@pytest.mark.parametrize("shape", [(3, 3), (20, 600), (600, 20), (64, 64)])
def test_a_tiny_image_has_none(shape):
    assert find_databar(np.zeros(shape, np.uint8)) == 0
