"""Sets of masks as .npz: nothing is lost, equal sets give equal bytes, and what is impossible is not written."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from format_contract import FormatContract
from hypothesis import given
from masks import SMALL, files

from seg_app.errors import StorageError
from seg_app.io.formats import npz
from seg_app.records import Box, Calibration, ImageId, Mask, MaskFile, Point, Prompts

IMAGE = SMALL.image


class TestNpz(FormatContract):
    suffix = ".npz"


@given(files)
def test_a_decoded_file_is_the_encoded_one(file: MaskFile):
    assert npz.decode(npz.encode(file)) == file


@given(files)
def test_equal_files_give_equal_bytes(file: MaskFile):
    assert npz.encode(npz.decode(npz.encode(file))) == npz.encode(file)


def test_the_bytes_do_not_depend_on_the_date(monkeypatch: pytest.MonkeyPatch):
    before = npz.encode(SMALL)
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert npz.encode(SMALL) == before


def test_numpy_reads_the_file_without_pickle():
    with np.load(io.BytesIO(npz.encode(SMALL)), allow_pickle=False) as arrays:
        assert arrays["runs"].tolist() == [1, 4, 1, 0, 1]
        assert arrays["offsets"].tolist() == [0, 3, 5]
        assert json.loads(arrays["header"].tobytes())["masks"][0]["class_name"] == "pore <b>"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_that_numpy_wrote_again_is_read(save):
    with np.load(io.BytesIO(npz.encode(SMALL))) as arrays:
        again = io.BytesIO()
        save(again, **arrays)
    assert npz.decode(again.getvalue()) == SMALL


def test_numbers_of_numpy_are_stored_as_numbers():
    mask = Mask(
        *("a", np.int64(1), np.int32(2), np.uint16(3), 1, np.int64(2), (np.int64(0), np.int64(2))),
        score=np.float32(0.1),  # pyright: ignore[reportArgumentType]
        prompts=Prompts((Point(np.float32(1.5), np.int64(2), np.True_),)),  # pyright: ignore[reportArgumentType]
    )
    assert npz.decode(npz.encode(MaskFile(IMAGE, (mask,)))) == MaskFile(IMAGE, (mask,))


def test_whole_numbers_where_reals_are_meant_give_the_same_bytes():
    one, other = (
        replace(
            SMALL,
            masks=(replace(SMALL.masks[1], score=n(1), prompts=Prompts((Point(n(1), n(2)),), Box(*map(n, range(4))))),),
            calibration=Calibration((None, n(5), n(5))),
        )
        for n in (int, float)
    )
    assert one == other
    assert npz.encode(one) == npz.encode(other)


def test_a_thousand_masks_are_small():
    counts = (3, *(20, 5) * 40, 1022)
    many = MaskFile(IMAGE, tuple(Mask(f"{i:032x}", 0, 0, 0, 45, 45, counts, number=i + 1) for i in range(1000)))
    assert len(npz.encode(many)) < 100_000


WRONG_MASKS = {
    "plane below": {"z": -1},
    "plane beyond": {"z": 4},
    "above": {"y0": -1},
    "left": {"x0": -1},
    "beyond the last row": {"y0": 60},
    "beyond the last column": {"x0": 79},
    "no rows": {"height": 0, "counts": ()},
    "negative box": {"height": -1, "width": -2},
    "too few runs": {"counts": (1,)},
    "too many runs": {"counts": (1, 1, 1)},
    "no runs": {"counts": ()},
    "negative run": {"counts": (3, -1)},
    "negative number": {"number": -1},
    "number that no label image holds": {"number": 2**31},
}


@pytest.mark.parametrize("kind", WRONG_MASKS)
def test_an_impossible_mask_is_not_written(kind: str):
    fields = {"id": "m", "z": 0, "y0": 0, "x0": 0, "height": 1, "width": 2, "counts": (0, 2), **WRONG_MASKS[kind]}
    with pytest.raises(StorageError, match=r"samples/fib volume.* mask 'm'"):
        npz.encode(MaskFile(IMAGE, (Mask(**fields),)))


def no_numbers(value: float) -> dict[str, MaskFile]:
    mask = SMALL.masks[0]
    return {
        "score": replace(SMALL, masks=(replace(mask, score=value),)),
        "point": replace(SMALL, masks=(replace(mask, prompts=Prompts((Point(1.0, value),))),)),
        "box": replace(SMALL, masks=(replace(mask, prompts=Prompts((), Box(0.0, 0.0, value, 1.0))),)),
        "calibration": replace(SMALL, calibration=Calibration((None, value, 5.0))),
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", no_numbers(0))
def test_what_is_no_number_is_not_written(place: str, value: float):
    with pytest.raises(StorageError, match="is no finite number"):
        npz.encode(no_numbers(value)[place])


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, -1, 1), (1, 1, 2**40)])
def test_an_impossible_image_is_not_written(shape: tuple[int, int, int]):
    with pytest.raises(StorageError, match="no image has"):
        npz.encode(MaskFile(ImageId("local", "a", shape, "uint8")))


def test_what_would_be_too_large_to_read_is_not_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(npz, "MAX_BYTES", 500)
    with pytest.raises(StorageError, match="at most 500"):
        npz.encode(SMALL)
