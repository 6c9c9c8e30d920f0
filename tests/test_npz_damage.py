"""Hostile and broken bytes: a part of a good file is replaced, and its archive made anew with right checksums."""

import contextlib
import io
import json
import math
import random
import tracemalloc
import zipfile

import numpy as np
import pytest
from format_contract import mutated
from masks import SMALL

from seg_app.errors import UnreadableError
from seg_app.io.formats import npz
from seg_app.records import MaskFile


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return packed.getvalue()


def npy(values: object, dtype: str = "<i8") -> bytes:
    raw = io.BytesIO()
    np.save(raw, np.array(values, dtype=dtype))
    return raw.getvalue()


def with_part(name: str, data: bytes) -> bytes:
    return archive_of({**parts_of(npz.encode(SMALL)), f"{name}.npy": data})


def with_header(change) -> bytes:
    with np.load(io.BytesIO(npz.encode(SMALL))) as arrays:
        header = json.loads(arrays["header"].tobytes())
    change(header)
    return with_part("header", npy(list(json.dumps(header).encode()), "u1"))


def set_in(*keys, value):
    """Return a change of a header: the value at the end of the keys."""

    def change(header) -> None:
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value

    return change


class Exploding:
    """Unpickled, it fails the test."""

    def __reduce__(self):
        return pytest.fail, ("something was unpickled",)


BROKEN = {
    "nothing": b"",
    "no archive": b"hello",
    "pickle": b"\x80\x04\x95",
    "empty archive": archive_of({}),
    "other archive": archive_of({"a.txt": b"1"}),
    "one array less": archive_of({k: v for k, v in parts_of(npz.encode(SMALL)).items() if k != "runs.npy"}),
    "one array more": archive_of({**parts_of(npz.encode(SMALL)), "more.npy": npy([1])}),
    "packed by bzip2": archive_of(parts_of(npz.encode(SMALL)), zipfile.ZIP_BZIP2),
    "packed by lzma": archive_of(parts_of(npz.encode(SMALL)), zipfile.ZIP_LZMA),
    "objects": with_part("runs", npy([Exploding()], "O")),
    "objects as header": with_part("header", npy(Exploding(), "O")),
    "floats": with_part("runs", npy([1.0], "<f8")),
    "other byte order": with_part("runs", npy([1, 4, 1, 0, 1], ">i8")),
    "square": with_part("runs", npy([[1, 4], [1, 0]])),
    "claims a terabyte": with_part("runs", npy([1]).replace(b"(1,), }        ", b"(137438953472,), }")),
    "claims less": with_part("runs", npy([1, 4, 1, 0, 1]).replace(b"(5,)", b"(4,)")),
    "half a value": with_part("runs", npy([1, 4, 1, 0, 1])[:-3]),
    "no JSON": with_part("header", npy(list(b"{"), "u1")),
    "deep JSON": with_part("header", npy(list(b"[" * 100_000), "u1")),
    "no UTF-8": with_part("header", npy([0xFF, 0xFE, 0x80], "u1")),
    "JSON list": with_part("header", npy(list(b"[]"), "u1")),
    "long number": with_part("header", npy(list(b"1" * 10_000), "u1")),
    "NaN as score": with_header(set_in("masks", 0, "score", value=math.nan)),
    "infinite point": with_header(set_in("masks", 0, "points", 0, 0, value=math.inf)),
    "infinite box": with_header(set_in("masks", 0, "prompt_box", 0, value=-math.inf)),
    "NaN as pixel size": with_header(set_in("calibration", "pixel_size_nm", 0, value=math.nan)),
    "other format": with_header(set_in("format", value="other")),
    "no version": with_header(lambda header: header.pop("version")),
    "no image": with_header(set_in("image", value=None)),
    "flat image": with_header(set_in("image", "shape", value=[60, 80])),
    "empty image": with_header(set_in("image", "shape", value=[0, 60, 80])),
    "negative image": with_header(set_in("image", "shape", value=[4, -60, 80])),
    "absurd image": with_header(set_in("image", "shape", value=[4, 10**12, 10**12])),
    "image of halves": with_header(set_in("image", "shape", value=[4.0, 60.5, 80])),
    "path as list": with_header(set_in("image", "path", value=["a"])),
    "calibration of one number": with_header(set_in("calibration", "pixel_size_nm", value=5)),
    "calibration as text": with_header(set_in("calibration", "pixel_size_nm", value="123")),
    "too few masks": with_header(lambda header: header["masks"].pop()),
    "mask as number": with_header(set_in("masks", 0, value=1)),
    "masks as number": with_header(set_in("masks", value=1)),
    "number as id": with_header(set_in("masks", 0, "id", value=1)),
    "true as plane": with_header(set_in("masks", 0, "z", value=True)),
    "plane beyond": with_header(set_in("masks", 0, "z", value=4)),
    "negative box": with_header(set_in("masks", 0, "box", value=[10, 20, -2, -3])),
    "negative place": with_header(set_in("masks", 0, "box", value=[-1, 20, 2, 3])),
    "box beyond": with_header(set_in("masks", 0, "box", value=[59, 20, 2, 3])),
    "absurd box": with_header(set_in("masks", 0, "box", value=[0, 0, 10**9, 10**9])),
    "box of another size": with_header(set_in("masks", 0, "box", value=[10, 20, 3, 3])),
    "box of three": with_header(set_in("masks", 0, "box", value=[10, 20, 2])),
    "score as text": with_header(set_in("masks", 0, "score", value="high")),
    "endless score": with_header(set_in("masks", 0, "score", value=10**400)),
    "points of two": with_header(set_in("masks", 0, "points", value=[[1, 2]])),
    "point neither in nor out": with_header(set_in("masks", 0, "points", value=[[1, 2, None]])),
    "prompt box of two": with_header(set_in("masks", 0, "prompt_box", value=[1, 2])),
    "no provenance": with_header(set_in("masks", 0, "provenance", value={})),
    "negative run": with_part("runs", npy([1, -4, 9, 0, 1])),
    "runs that overflow": with_part("runs", npy([2**62, 2**62, 2**63 - 1, 0, 1])),
    "runs that do not fill": with_part("runs", npy([1, 4, 0, 0, 1])),
    "one run more": with_part("runs", npy([1, 4, 1, 0, 1, 0])),
    "offsets backwards": with_part("offsets", npy([0, 6, 5])),
    "offsets that overflow": with_part("offsets", npy([0, -(2**63), 5])),
    "offset beyond": with_part("offsets", npy([0, 3, 50])),
    "late start": with_part("offsets", npy([1, 3, 5])),
    "no offsets": with_part("offsets", npy([])),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_bytes_are_unreadable(kind: str):
    with pytest.raises(UnreadableError, match="not a mask set of this program, or damaged"):
        npz.decode(BROKEN[kind])


@pytest.mark.parametrize("version", [2, "1.0", None])
def test_another_version_asks_for_an_update(version: object):
    with pytest.raises(UnreadableError, match=rf"version {version!r}, known is 1\. Update"):
        npz.decode(with_header(set_in("version", value=version)))


def test_every_beginning_of_a_file_is_unreadable():
    data = npz.encode(SMALL)
    for length in range(0, len(data), 7):
        with pytest.raises(UnreadableError):
            npz.decode(data[:length])


def test_a_zip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch):
    bomb = with_part("runs", npy(np.zeros(200_000)))
    monkeypatch.setattr(npz, "MAX_BYTES", 1_000_000)
    with pytest.raises(UnreadableError, match="at most 1000000 are allowed"):
        npz.decode(bomb)


def test_a_zip_bomb_that_lies_of_its_size_is_not_unpacked():
    bomb = with_part("runs", npy(np.zeros(2_000_000)))
    lie = bomb.replace((16_000_128).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    assert lie != bomb
    tracemalloc.start()
    with pytest.raises(UnreadableError, match="CRC"):
        npz.decode(lie)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize("seed", range(30))
def test_mutated_files_are_read_or_unreadable_and_nothing_else(seed: int):
    chance = random.Random(seed)
    good = npz.encode(SMALL)
    for number in range(10):
        parts = parts_of(good)
        name = chance.choice(sorted(parts))
        inside = archive_of({**parts, name: mutated(parts[name], chance)})
        data = inside if number % 2 else mutated(good, chance)
        with contextlib.suppress(UnreadableError):
            assert isinstance(npz.decode(data), MaskFile)
