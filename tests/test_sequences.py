"""Numbered files: in the order of their numbers, split where they differ, and a damaged one in its place."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seg_app.errors import MissingError, UnreadableError
from seg_app.io.files import open_file
from seg_app.io.sequences import sequences

FEI = b"[Scan]\r\nPixelWidth=%de-009\r\nPixelHeight=%de-009\r\n\0"


def plane(value: int, shape=(3, 4), dtype="uint8"):
    return np.full(shape, value, dtype)


def save(folder: Path, *names: str, **kind) -> list[Path]:
    """Write files whose pixels are all their last number."""
    paths = [folder / name for name in names]
    for path in paths:
        number = int("".join(c for c in path.stem if c.isdigit()) or 0)
        Image.fromarray(plane(number, **kind)).save(path)
    return paths


def values(path, **options):
    return open_file(path, **options).levels[0][:, 0, 0].values.tolist()


@pytest.mark.parametrize("kind", ["tif", "tiff", "png", "TIF"])
def test_planes_are_in_the_order_of_their_numbers(tmp_path, kind):
    save(tmp_path, *(f"s{n}.{kind}" for n in (10, 9, 100, 1, 2)))
    assert values(tmp_path) == [1, 2, 9, 10, 100]


def test_jpegs_are_planes(tmp_path):
    save(tmp_path, *(f"s{n}.jpg" for n in (30, 200, 100)))
    assert values(tmp_path) == pytest.approx([30, 100, 200], abs=3)


def test_two_prefixes_are_two_volumes(tmp_path):
    save(tmp_path, *(f"{name}_{n}.tif" for name in ("BSE", "SE") for n in range(3)))
    with pytest.raises(UnreadableError, match=r"BSE_\*\.tif, SE_\*\.tif"):
        open_file(tmp_path)
    assert values(tmp_path, part="SE_*.tif") == [0, 1, 2]


def test_the_last_number_that_differs_counts(tmp_path):
    paths = [tmp_path / f"run2_{n:03}_5kV.tif" for n in range(3)]
    for n, path in enumerate(paths):
        tifffile.imwrite(path, plane(n))
    assert len(sequences(paths)) == 1
    assert list(sequences(paths).values()) == [tuple(paths)]


def test_two_numbered_files_are_two_images(tmp_path):
    assert sequences(save(tmp_path, "a1.tif", "a2.tif")) == {}


@pytest.mark.parametrize("other", [{"shape": (5, 6)}, {"dtype": "uint16"}, {"shape": (3, 4, 3)}])
def test_another_size_or_type_is_another_volume(tmp_path, other):
    first = save(tmp_path, *(f"s{n}.tif" for n in range(4)))
    second = save(tmp_path, *(f"s{n}.tif" for n in range(4, 7)), **other)
    assert list(sequences([*first, *second]).values()) == [tuple(first), tuple(second)]


def test_a_single_file_of_another_size_is_an_image_of_its_own(tmp_path):
    paths = save(tmp_path, *(f"s{n}.tif" for n in range(4)))
    save(tmp_path, "s4.tif", shape=(9, 9))
    assert sequences([*paths, tmp_path / "s4.tif"]) == {"s*.tif": tuple(paths)}


def test_micrographs_of_other_pixel_sizes_are_no_planes_of_one_volume(tmp_path):
    paths = [tmp_path / f"s{n}.tif" for n in range(6)]
    for n, path in enumerate(paths):
        header = FEI % (1 + n // 3, 1 + n // 3)
        tifffile.imwrite(path, plane(n), extratags=[(34682, 2, len(header), header, True)], metadata=None)
    assert list(sequences(paths).values()) == [tuple(paths[:3]), tuple(paths[3:])]


def test_numbered_stacks_are_no_planes(tmp_path):
    paths = [tmp_path / f"s{n}.tif" for n in range(4)]
    for path in paths:
        tifffile.imwrite(path, np.zeros((2, 8, 9), np.uint8), photometric="minisblack")
    assert sequences(paths) == {}


def test_a_damaged_file_stays_in_its_place(tmp_path):
    save(tmp_path, *(f"s{n}.png" for n in range(5)))
    (tmp_path / "s2.png").write_bytes(b"no image")
    opened = open_file(tmp_path)
    level = opened.levels[0]
    assert [int(level[z, 0, 0]) for z in (0, 1, 3, 4)] == [0, 1, 3, 4]
    assert opened.metadata["damaged_files"] == ["s2.png"]
    with pytest.raises(UnreadableError, match=r"s2\.png"):
        level[2].load()


def test_missing_numbers_are_told(tmp_path):
    save(tmp_path, *(f"s{n}.png" for n in (1, 2, 5)))
    assert open_file(tmp_path).metadata["missing_numbers"] == [3, 4]


def test_a_file_that_changed_its_type_is_never_wrapped(tmp_path):
    paths = save(tmp_path, *(f"s{n}.tif" for n in range(3)))
    level = open_file(tmp_path).levels[0]
    tifffile.imwrite(paths[1], plane(1000, dtype="uint16"))
    with pytest.raises(UnreadableError, match=r"s1\.tif has changed"):
        level[1].load()


def test_a_window_of_a_volume_is_that_window(tmp_path):
    for n in range(4):
        tifffile.imwrite(tmp_path / f"s{n}.tif", np.arange(30 * 40, dtype="u2").reshape(30, 40) + n, compression="zlib")
    level = open_file(tmp_path).levels[0]
    np.testing.assert_array_equal(
        level[1:3, 5, ::-10].values, [[1 + 200 + x for x in (39, 29, 19, 9)], [2 + 200 + x for x in (39, 29, 19, 9)]]
    )


def test_a_folder_without_images_says_so(tmp_path):
    with pytest.raises(UnreadableError, match="It has: none"):
        open_file(tmp_path)


def test_a_sequence_that_is_not_there_is_missing(tmp_path):
    save(tmp_path, *(f"s{n}.tif" for n in range(3)))
    with pytest.raises(MissingError, match=r"It has: s\*\.tif"):
        open_file(tmp_path, part="t*.tif")
