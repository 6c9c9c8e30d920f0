"""COCO files: what we write others read, what others write we read, and nothing is lost."""

import json
from typing import Any

import numpy as np
import pytest
from builders import square
from format_contract import FormatContract, plane_of
from pycocotools import mask as pycocotools_mask

from seg_app.errors import UnreadableError
from seg_app.geometry import mask_from_bits
from seg_app.io.formats import coco
from seg_app.records import ImageId, MaskFile

# pycocotools is of the time before numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

pycoco: Any = pycocotools_mask  # its type stubs know only some of what it takes
IMAGE = ImageId("local", "samples/tiny", (2, 30, 40), "uint8")


class TestCoco(FormatContract):
    suffix = ".json"


@pytest.mark.parametrize("seed", range(20))
def test_pycocotools_reads_what_we_write(seed):
    rng = np.random.default_rng(seed)
    bits = rng.random((30, 40)) < rng.choice([0.05, 0.5, 0.95, 1.0])
    mask = mask_from_bits(bits)
    (found,) = json.loads(coco.encode(MaskFile(IMAGE, (mask,))))["annotations"]
    np.testing.assert_array_equal(pycoco.decode(found["segmentation"]), bits)
    assert pycoco.area(found["segmentation"]) == found["area"]
    assert pycoco.toBbox(found["segmentation"]).tolist() == found["bbox"]


@pytest.mark.parametrize("seed", range(20))
def test_what_pycocotools_writes_we_read(seed):
    rng = np.random.default_rng(seed)
    bits = rng.random((30, 40)) < rng.choice([0.05, 0.5, 0.95, 1.0])
    packed = pycoco.encode(np.asfortranarray(bits, np.uint8))
    packed["counts"] = packed["counts"].decode()
    (mask,) = coco.decode(foreign(packed)).masks
    np.testing.assert_array_equal(plane_of(mask, IMAGE), bits)


def foreign(segmentation: Any, **fields: Any) -> bytes:
    """Return a file as another tool writes it: one image, one annotation, nothing beyond the format."""
    return json.dumps(
        {
            "images": [{"id": 7, "file_name": "a.png", "height": 30, "width": 40}],
            "categories": [{"id": 3, "name": "pore"}],
            "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "segmentation": segmentation, **fields}],
        }
    ).encode()


def test_a_file_of_another_tool_has_its_class_score_and_image():
    file = coco.decode(foreign({"size": [30, 40], "counts": [31, 2, 1167]}, score=0.5))
    assert file.image == ImageId("local", "a.png", (1, 30, 40), "")
    assert [(m.class_name, m.score, m.z, m.y0, m.x0, m.area) for m in file.masks] == [("pore", 0.5, 0, 1, 1, 2)]


def test_a_polygon_is_filled_between_its_corners_and_a_hole_stays_free():
    outer, hole = [10, 5, 20, 5, 20, 15, 10, 15], [12, 7, 14, 7, 14, 9, 12, 9]
    (mask,) = coco.decode(foreign([outer, hole])).masks
    assert (mask.x0, mask.y0, mask.width, mask.height, mask.area) == (10, 5, 10, 10, 96)


def test_a_polygon_that_leaves_the_image_ends_at_its_edge():
    (mask,) = coco.decode(foreign([[-1e9, -1e9, 5, -1e9, 5, 5, -1e9, 5]])).masks
    assert (mask.x0, mask.y0, mask.width, mask.height) == (0, 0, 5, 5)


@pytest.mark.parametrize("segmentation", [[], [[]], [[50, 50, 60, 50, 60, 60]], {"size": [30, 40], "counts": [1200]}])
def test_an_annotation_that_outlines_nothing_is_left_out(segmentation):
    assert coco.decode(foreign(segmentation)).masks == ()


def test_planes_are_images_and_classes_are_categories():
    masks = (square(z=1, class_name="pore", number=1), square(size=2, number=2))
    content = json.loads(coco.encode(MaskFile(IMAGE, masks)))
    assert [image["file_name"] for image in content["images"]] == ["samples/tiny#0", "samples/tiny#1"]
    assert [(a["image_id"], a["category_id"]) for a in content["annotations"]] == [(2, 2), (1, 1)]
    assert content["categories"] == [{"id": 1, "name": "object"}, {"id": 2, "name": "pore"}]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        foreign({"size": [30, 41], "counts": [1230]}),
        foreign({"size": [30, 40], "counts": [1201]}),
        foreign({"size": [30, 40], "counts": [1300, -100]}),
        foreign({"size": [30, 40], "counts": "\x7f"}),
        foreign({"size": [30, 40], "counts": [1200]}, score=float("nan")),
        foreign({"size": [30, 40], "counts": [1, 1199]}, image_id=8),
        foreign([[1, 2, 3]]),
        foreign([["a", "b"]]),
        foreign([[0, 0, 9, 0, 9, 9]]).replace(b"30", b"1e9"),
        foreign([[0, 0, 2e6, 0, 2e6, 2e6]]).replace(b'"height": 30, "width": 40', b'"height": 999999, "width": 999999'),
    ],
)
def test_what_is_no_coco_file_is_unreadable(data):
    with pytest.raises(UnreadableError, match="no COCO file of one image"):
        coco.decode(data)


def test_images_of_several_sizes_are_not_one_volume():
    content = json.loads(coco.encode(MaskFile(IMAGE)))
    content["images"][0]["width"] = 41
    with pytest.raises(UnreadableError, match="2 images of 2 sizes"):
        coco.decode(json.dumps(content).encode())
