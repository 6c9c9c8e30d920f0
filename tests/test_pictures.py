"""PNG and JPEG: every kind opens as one plane, unless its header tells of more than fits in memory."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiffs import pixels

from seg_app.errors import UnreadableError
from seg_app.io.files import open_file

PLANE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
COLOUR = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def claiming(path: Path, mode: str, side: int) -> Path:
    """Write a picture of one pixel whose header tells of more."""
    Image.new(mode, (1, 1)).save(path)
    data = bytearray(path.read_bytes())
    if path.suffix == ".png":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    else:
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.png", "1"), ("a.png", "I;16"), ("a.png", "RGBA"), ("a.jpg", "RGB")])
def test_a_picture_of_16384_pixels_a_side_opens(tmp_path, name, mode):
    assert open_file(claiming(tmp_path / name, mode, 16384)).image.shape == (1, 16384, 16384)


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [("a.png", "1", r"1\.6 GB"), ("a.png", "I;16", r"3\.2 GB"), ("a.jpg", "RGB", r"4\.8 GB")],
)
def test_a_picture_that_would_fill_the_memory_is_not_opened(tmp_path, name, mode, size):
    with pytest.raises(UnreadableError, match=rf"{name}: 40000 × 40000 pixels \({size}\).*TIFF"):
        open_file(claiming(tmp_path / name, mode, 40000))


@pytest.mark.parametrize("array", [PLANE.astype(np.uint8), PLANE, COLOUR], ids=["8 bits", "16 bits", "colour"])
def test_a_png_opens_as_one_plane(tmp_path, array):
    Image.fromarray(array).save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), array[np.newaxis])


@pytest.mark.parametrize(
    ("mode", "shape"), [("1", (1, 4, 5)), ("P", (1, 4, 5, 3)), ("LA", (1, 4, 5)), ("RGBA", (1, 4, 5, 4))]
)
def test_every_kind_of_png_opens(tmp_path, mode, shape):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png").shape == shape


def test_a_jpeg_opens_as_colour(tmp_path):
    Image.fromarray(np.full((4, 5, 3), 200, np.uint8)).save(tmp_path / "a.JPG")
    assert abs(int(pixels(tmp_path / "a.JPG").max()) - 200) < 3
