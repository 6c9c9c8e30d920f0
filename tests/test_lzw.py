"""A damaged strip of LZW is an error; without the check the decoder reads anywhere, and may die of it."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from tifffile.tifffile import CompressionCodec

from seg_app.errors import UnreadableError
from seg_app.io.files import open_file
from seg_app.io.lzw import check_strip, refuse_damaged_strips

NOISE = np.random.default_rng(0).integers(0, 90, 20_000, np.uint8).tobytes()
"""So much of it that the table is full several times."""


def strip(*codes: int, is_old: bool = False) -> bytes:
    """Return codes of 9 bits in a row, as new files have them, or those of before 1990."""
    bits = "".join(f"{code:09b}"[:: -1 if is_old else 1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8][:: -1 if is_old else 1], 2) for i in range(0, len(bits), 8))


@pytest.mark.parametrize("pixels", [b"", b"a", bytes(5000), NOISE], ids=["none", "one", "flat", "noise"])
def test_what_was_written_is_in_order(pixels):
    check_strip(imagecodecs.lzw_encode(pixels))


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("codes", [(256, 7, 258, 257), (256, 256, 7), (256, 7, 256, 8, 257), (256, 257), (256,)])
def test_tables_that_begin_with_a_byte_or_with_nothing_are_in_order(codes, is_old):
    check_strip(strip(*codes, is_old=is_old))


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("codes", [(256, 300, 7), (256, 256, 258), (256, 7, 256, 258, 257)])
def test_a_table_that_begins_with_what_is_not_in_it_is_damaged(codes, is_old):
    with pytest.raises(ValueError, match="LZW is damaged"):
        check_strip(strip(*codes, is_old=is_old))


def test_also_behind_a_full_table():
    whole, damaged = imagecodecs.lzw_encode(NOISE), []
    for bit in range(8 * 5380, 8 * 5440):  # codes of 9 to 12 bits fill a table with 5,400 bytes
        broken = bytearray(whole)
        broken[bit // 8] ^= 128 >> bit % 8
        try:
            check_strip(bytes(broken))
        except ValueError:
            damaged.append(bit)
    assert len(damaged) == 1  # the highest of the first code


@pytest.fixture
def first_read(monkeypatch):
    """As in a process that has read no TIFF so far."""
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", CompressionCodec(encode=False))
    refuse_damaged_strips.cache_clear()
    yield
    refuse_damaged_strips.cache_clear()


@pytest.mark.usefixtures("first_read")
def test_a_file_with_such_a_strip_is_damaged(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((16, 48), np.uint8), compression="lzw")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages.first.dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[at : at + 4] = strip(256, 300, 7)
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match="a strip of its LZW is damaged"):
        open_file(path).levels[0].load()
