import json

import pytest

from seg_app.errors import SegmenterError
from seg_app.records import Box
from seg_app.sam.autooptions import AutoOptions, options_from_json, options_to_json

WRONG = [
    {"points_per_side": 0},
    {"points_per_side": 2.5},
    {"points_per_side": None},
    {"points_per_batch": 0},
    {"pred_iou_thresh": 1.5},
    {"stability_score_thresh": float("nan")},
    {"stability_score_offset": -1},
    {"box_nms_thresh": True},
    {"crop_n_layers": -1},
    {"points_per_side": 4, "crop_n_layers": 2, "crop_n_points_downscale_factor": 4},
    {"min_mask_region_area": "many"},
    {"use_m2m": 1},
    {"spare_above": 2},
    {"point_grids": (((0.5, 0.5),),)},
    {"point_grids": (((0.5, 1.5),),), "points_per_side": None},
    {"point_grids": (((0.5, 0.5),),), "points_per_side": None, "crop_n_layers": 1},
    {"windows": True, "crop_n_layers": 1},
    {"region": Box(5, 5, 5, 9)},
    {"excluded_rows": (9, 3)},
    {"excluded_rows": (1, 2, 3)},
]


@pytest.mark.parametrize("values", WRONG, ids=str)
def test_a_value_that_makes_no_sense_is_refused_by_name(values):
    with pytest.raises(SegmenterError, match=next(iter(values))):
        AutoOptions(**values)


def test_the_defaults_are_those_of_the_package():
    pytest.importorskip("sam2")
    from seg_app.sam.compat import ensure_torchvision

    ensure_torchvision()
    import inspect

    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    theirs = inspect.signature(SAM2AutomaticMaskGenerator).parameters
    named = [name for name in theirs if name not in ("model", "output_mode", "kwargs")]
    assert {name: getattr(AutoOptions(), name) for name in named} == {name: theirs[name].default for name in named}


@pytest.mark.parametrize(
    "options",
    [
        AutoOptions(),
        AutoOptions(points_per_side=None, point_grids=(((0.25, 0.5), (1.0, 0.0)),), region=Box(1, 2, 3, 4)),
        AutoOptions(excluded_rows=(90, 96), windows=True, blobs=True, spare_above=0.9),
    ],
)
def test_options_come_back_from_json(options):
    assert options_from_json(json.loads(json.dumps(options_to_json(options)))) == options


@pytest.mark.parametrize(
    "values", [[], 3, {"points": 3}, {"region": 4}, {"point_grids": 7}, {"excluded_rows": [1, "x"]}]
)
def test_json_of_something_else_is_refused(values):
    with pytest.raises(SegmenterError):
        options_from_json(values)
