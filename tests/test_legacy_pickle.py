"""Masks of the older tool are read as it wrote them, and nothing in such a file is ever run."""

import base64
import contextlib
import os
import pickle
import random
import sys
import types
import zlib
from typing import Any

import numpy as np
import pytest
from builders import IMAGE
from format_contract import mutated, plane_of
from pydantic import BaseModel

from seg_app.errors import StorageError, UnreadableError
from seg_app.io.formats import legacy_pickle
from seg_app.io.registry import load_masks, save_masks
from seg_app.records import ImageId, MaskFile, Point

BITS = np.zeros((6, 8), bool)
BITS[2:4, 3:7] = True
BITS[0, 0] = True


@pytest.fixture
def tool(monkeypatch):
    """The modules of the older tool: a Pydantic model and a plain class, under the names that it pickles."""

    class SAM_Mask(BaseModel):  # noqa: N801 - its name there
        model_config = {"arbitrary_types_allowed": True}
        segmentation: Any
        area: int = 0
        point_coords: Any = None
        bbox: list[float] = [0, 0, 0, 0]
        crop_box: list[float] = [0, 0, 0, 0]
        stability_score: Any = None
        predicted_iou: float = -1.0
        shape: tuple[int, int] = (6, 8)

    class Mask:
        def __init__(self, **fields):
            self.__dict__.update(fields)

    for made in (SAM_Mask, Mask):
        made.__module__, made.__qualname__ = "utils.masks", made.__name__
    module = types.ModuleType("utils.masks")
    module.__dict__.update(SAM_Mask=SAM_Mask, Mask=Mask)
    monkeypatch.setitem(sys.modules, "utils", types.ModuleType("utils"))
    monkeypatch.setitem(sys.modules, "utils.masks", module)
    return module


def as_text(bits: np.ndarray) -> str:
    """Return bits as the browser of the older tool sent them."""
    return base64.b64encode(zlib.compress(np.flatnonzero(bits).astype("<i4").tobytes())).decode()


SEGMENTATIONS = {
    "places as text": as_text(BITS),
    "packed bits": zlib.compress(np.packbits(BITS).tobytes()),
    "array": BITS,
    "array in columns": np.asfortranarray(BITS),
    "array of bytes": BITS.astype(np.uint8),
    "flat array": BITS.ravel(),
    "array of places": np.flatnonzero(BITS),
    "lists": BITS.astype(int).tolist(),
    "flat list": BITS.astype(int).ravel().tolist(),
}


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("kind", SEGMENTATIONS)
def test_masks_are_read_however_the_tool_kept_their_pixels(tool, kind, protocol):
    made = tool.SAM_Mask(segmentation=SEGMENTATIONS[kind], area=9)
    file = legacy_pickle.decode(pickle.dumps([made], protocol))
    assert file.image == ImageId("local", "", (1, 6, 8), "")
    np.testing.assert_array_equal(plane_of(file.masks[0], file.image), BITS)


def test_a_plain_object_and_a_dictionary_are_masks_too(tool):
    plain = tool.Mask(segmentation=BITS)
    file = legacy_pickle.decode(pickle.dumps([plain, {"segmentation": BITS, "shape": (6, 8)}]))
    assert [(mask.number, mask.area) for mask in file.masks] == [(1, 9), (2, 9)]


def test_points_outside_of_the_outline_exclude(tool):
    made = tool.SAM_Mask(segmentation=BITS, point_coords=[[3.5, 2.5], [7.5, 5.5]])
    (mask,) = legacy_pickle.decode(pickle.dumps([made])).masks
    assert mask.prompts.points == (Point(3, 2), Point(7, 5, include=False))


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({"predicted_iou": 0.75, "stability_score": 0.5}, 0.75),
        ({"stability_score": np.array([0.25], np.float32)}, 0.25),
        ({"stability_score": [0.5]}, 0.5),
        ({"stability_score": np.float64(0.5)}, 0.5),
        ({}, None),
    ],
)
def test_the_score_is_what_the_model_predicted(tool, fields, score):
    (mask,) = legacy_pickle.decode(pickle.dumps([tool.SAM_Mask(segmentation=BITS, **fields)])).masks
    assert mask.score == score


def test_masks_without_a_pixel_are_left_out(tool):
    assert legacy_pickle.decode(pickle.dumps([tool.SAM_Mask(segmentation=BITS & False)])).masks == ()


def test_it_is_only_read(tmp_path):
    with pytest.raises(StorageError, match="sement_duo is only read"):
        save_masks(tmp_path / "a.pkl", MaskFile(IMAGE))


class Attack:
    """Unpickled by Python, it makes a folder."""

    def __init__(self, call, *arguments):
        self.reduced = call, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
def test_code_is_not_run(tmp_path, protocol):
    data = pickle.dumps([Attack(os.mkdir, str(tmp_path / "run"))], protocol)
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(UnreadableError, match=r"a\.pkl': .* which no mask needs: it may be an attack"):
        load_masks(tmp_path / "a.pkl")
    assert not (tmp_path / "run").exists()
    pickle.loads(data)
    assert (tmp_path / "run").exists()  # the attack is a real one


HOSTILE = {
    "eval": pickle.dumps(Attack(eval, "1/0")),
    "a name hidden behind a mask": b"cutils.masks\n__builtins__\n.",
    "a path through a mask": b"\x80\x04\x8c\x0butils.masks\x8c\x17Mask.__init__.__globals__\x93.",
    "an array of objects": pickle.dumps([{"segmentation": np.array([[print]], object)}]),
    "an extension": b"\x82\x01.",
    "an object from outside": b"P1\n.",
    "an old instance": b"(ios\nsystem\n.",
    "memory": b"\x80\x04Nr\xff\xff\xff\x7f0.",
    "a terabyte": b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
    "a negative length": b"\x8b\xff\xff\xff\xff.",
    "state of a list": b"]}b.",
    "a key that is a list": b"}]Ns.",
    "no end": b"]",
    "no list": b"N.",
    "nothing": b"",
    "deep": b"(" * 100_000 + b"t" * 100_000 + b".",
    "deep arguments": pickle.dumps([{"segmentation": 1}])[:-1] + b")" + b"\x85" * 100_000 + b"a.",
    "itself": b"]\x940]h\x00a.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_unreadable(kind):
    with pytest.raises(UnreadableError, match="no mask file of sement_duo"):
        legacy_pickle.decode(HOSTILE[kind])


WRONG_FIELDS = {
    "no pixels": {},
    "no base64": {"segmentation": "ä"},
    "no zlib": {"segmentation": b"abc"},
    "bomb": {"segmentation": zlib.compress(bytes(10**6))},
    "place behind the image": {"segmentation": np.array([48])},
    "place before the image": {"segmentation": np.array([-1])},
    "another shape": {"segmentation": BITS[1:]},
    "absurd image": {"segmentation": b"", "shape": (2**19, 2**19)},
    "negative image": {"segmentation": b"", "shape": (-6, -8)},
    "text in a list": {"segmentation": ["a"]},
    "points of three": {"segmentation": BITS, "point_coords": [[1, 2, 3]]},
    "points of nothing": {"segmentation": BITS, "point_coords": [[float("nan"), 1]]},
}


@pytest.mark.parametrize("kind", WRONG_FIELDS)
def test_impossible_values_are_unreadable(kind):
    with pytest.raises(UnreadableError, match="no mask file of sement_duo"):
        legacy_pickle.decode(pickle.dumps([{"shape": (6, 8), **WRONG_FIELDS[kind]}]))


def test_a_list_that_repeats_itself_is_not_unfolded():
    row = [0] * 1000
    with pytest.raises(UnreadableError, match="repeat themselves"):
        legacy_pickle.decode(pickle.dumps([{"segmentation": [row] * 1000, "shape": (1000, 1000)}]))


def test_mutated_files_are_read_or_unreadable_and_nothing_else(tool):
    masks = [tool.SAM_Mask(segmentation=as_text(BITS), area=9), tool.SAM_Mask(segmentation=BITS, point_coords=[[1, 2]])]
    data, chance = pickle.dumps(masks), random.Random(0)
    for _ in range(400):
        with contextlib.suppress(UnreadableError):
            assert isinstance(legacy_pickle.decode(mutated(data, chance)), MaskFile)
