"""What is in a container of a mask set on Tiled: the set exactly, and what other programs read of it."""

from dataclasses import replace

import httpx
import hypothesis
import numpy as np
import pytest
from builders import square
from masks import IMAGE, SMALL, files

from seg_app.io.tiled_keys import key_of
from seg_app.records import ImageId, MaskFile


@pytest.fixture
def saved(store, catalog):
    """Return a function that saves a set and returns Tiled's own client of its container."""

    def save(file):
        return catalog["/".join(("lab", "masks", *map(key_of, store.save(file).split("/"))))]

    return save


def test_a_saved_set_comes_back_exactly(store):
    path = store.save(SMALL, title="pores")
    assert store.load(path) == SMALL
    (listed,) = store.list(IMAGE)
    assert (listed.path, listed.title) == (path, "pores")
    assert "/lab/masks/" in listed.where


def test_sets_take_the_next_free_name_and_never_that_of_another(store):
    first = store.save(SMALL)
    second = store.save(replace(SMALL, masks=()))
    assert [path.rpartition("/")[2] for path in (first, second)] == ["fib volume.npz", "fib volume_1.npz"]
    assert store.load(first) == SMALL


def test_any_set_comes_back(store):
    @hypothesis.settings(max_examples=5)
    @hypothesis.given(files)
    def comes_back(file: MaskFile) -> None:
        file = replace(file, image=IMAGE)
        assert store.load(store.save(file)) == file

    comes_back()


def test_labels_are_the_numbers_of_the_masks(saved, monkeypatch):
    monkeypatch.setattr("seg_app.io.tiled_sets.TILE", 32)  # 60 × 80 pixels: the last blocks are smaller than the others
    masks = (square(70, 50, 10, z=3, number=7), square(72, 52, 2, z=3, number=9), square(0, 0, 3, number=1))
    labels = saved(MaskFile(IMAGE, masks))["labels"]
    expected = np.zeros((4, 60, 80), np.uint32)
    expected[3, 50:60, 70:80], expected[3, 52:54, 72:74], expected[0, :3, :3] = 7, 9, 1
    assert (labels.shape, labels.dtype, labels.dims) == ((4, 60, 80), np.uint32, ("z", "y", "x"))
    np.testing.assert_array_equal(labels[:], expected)


def test_the_table_of_instances_says_class_score_area_plane_and_number(saved):
    table = saved(SMALL)["instances"].read()
    assert table.iloc[0].to_dict() == {
        "id": "a1", "number": 1, "class": "pore <b>", "score": 0.1, "area": 4, "plane": 3,
        "y0": 10, "x0": 20, "y1": 12, "x1": 23,
    }  # fmt: skip
    assert np.isnan(table["score"][1])


def test_the_table_of_prompts_has_points_and_boxes(saved):
    table = saved(SMALL)["prompts"].read()
    assert table[["mask", "plane", "kind", "include", "x0", "y0"]].values.tolist() == [
        ["a1", 3, "point", True, 21.5, 10.0],
        ["a1", 3, "point", False, 0.0, 59.0],
        ["a1", 3, "box", True, 20.0, 10.0],
    ]
    assert table[["x1", "y1"]].values[2].tolist() == [22.5, 11.0]


def test_training_jobs_of_mlexchange_find_classes_planes_and_the_unlabelled(saved, monkeypatch):
    monkeypatch.setattr("seg_app.io.tiled_sets.MASK_TILE", 32)
    masks = (square(1, 2, z=3, class_name="pore"), square(30, 40, z=1), square(3, 4, z=3, class_name="grain"))
    node = saved(MaskFile(IMAGE, masks))
    expected = np.full((2, 60, 80), -1, np.int8)
    expected[1, 2:6, 1:5], expected[0, 40:44, 30:34], expected[1, 4:8, 3:7] = 0, 1, 2
    mask, about = node["mask"], node.metadata
    assert (mask.shape, mask.dtype) == ((2, 60, 80), np.int8)
    np.testing.assert_array_equal(mask[:], expected)
    assert (about["mask_idx"], about["unlabeled_class_id"], about["image_shape"]) == ([1, 3], -1, [60, 80])
    assert {i: entry["label"] for i, entry in about["classes"].items()} == {"0": "pore", "1": "object", "2": "grain"}
    assert all(len(entry["color"]) == 7 for entry in about["classes"].values())
    assert about["project_name"] == "samples/fib volume"
    assert about["data_uri"] == "https://tiled.example.org/api/api/v1/metadata/samples/fib volume"


def test_a_set_without_masks_has_no_labels(saved):
    assert sorted(saved(replace(SMALL, masks=()))) == ["file"]


def test_more_classes_than_a_byte_can_count_leave_out_the_mask_alone(saved):
    masks = tuple(square(i % 70, i // 70, 1, class_name=str(i)) for i in range(128))
    assert sorted(saved(MaskFile(IMAGE, masks))) == ["file", "instances", "labels", "prompts"]


def test_of_a_large_volume_only_the_blocks_with_masks_are_sent(saved, monkeypatch):
    sent = []
    put = httpx.Client.put
    monkeypatch.setattr(httpx.Client, "put", lambda *a, **k: sent.append(len(k.get("content", b""))) or put(*a, **k))
    image = ImageId("local", "large", (300, 3000, 3000), "uint8")
    node = saved(MaskFile(image, (square(2990, 2990, z=200, number=5),)))
    assert node["labels"].shape == (300, 3000, 3000)
    assert node["labels"][200, 2989:2992, 2989:2992].tolist() == [[0, 0, 0], [0, 5, 5], [0, 5, 5]]
    assert sum(sent) < 4 * 1024**2 + 3000**2 + 50_000
