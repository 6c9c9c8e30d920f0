"""How all objects of an image are searched: the parameters of SAM 2's automatic masks, and some of our own."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from seg_app.errors import SegmenterError
from seg_app.records import Box

Grid = tuple[tuple[float, float], ...]

LIMITS: dict[str, tuple[float, float]] = {
    "points_per_side": (1, 1024),
    "points_per_batch": (1, 4096),
    "pred_iou_thresh": (0, 1),
    "stability_score_thresh": (0, 1),
    "stability_score_offset": (0, math.inf),
    "mask_threshold": (-math.inf, math.inf),
    "box_nms_thresh": (0, 1),
    "crop_n_layers": (0, 5),
    "crop_nms_thresh": (0, 1),
    "crop_overlap_ratio": (0, 1),
    "crop_n_points_downscale_factor": (1, 1024),
    "min_mask_region_area": (0, math.inf),
    "spare_above": (0, 1),
}
WHOLE = {
    "points_per_side",
    "points_per_batch",
    "crop_n_layers",
    "crop_n_points_downscale_factor",
    "min_mask_region_area",
}
OPTIONAL = {"points_per_side", "spare_above"}
"""Numbers that may be None."""
SWITCHES = {"use_m2m", "multimask_output", "windows", "blobs"}


@dataclass(frozen=True)
class AutoOptions:
    """What to ask, what to keep, and where to look.

    The first fields are the parameters of `SAM2AutomaticMaskGenerator`, by name, default and meaning
    (https://github.com/facebookresearch/sam2); those from `region` on are ours.
    Raises SegmenterError when a value makes no sense.
    """

    points_per_side: int | None = 32
    """Points along each side of the grid; None when `point_grids` has the points."""
    points_per_batch: int = 64
    """Points between two reports of progress."""
    pred_iou_thresh: float = 0.8
    """Masks are kept whose predicted IoU is above."""
    stability_score_thresh: float = 0.95
    """Masks are kept whose stability is at least this: the IoU of the masks at two thresholds of the logits."""
    stability_score_offset: float = 1.0
    """How far those two thresholds lie above and below `mask_threshold`."""
    mask_threshold: float = 0.0
    """Logits above are inside."""
    box_nms_thresh: float = 0.7
    """Of two masks whose boxes have a larger IoU, the one with the higher predicted IoU is kept."""
    crop_n_layers: int = 0
    """How many times the image is searched again in crops: layer n has 2**n × 2**n of them."""
    crop_nms_thresh: float = 0.7
    """As `box_nms_thresh`, between crops; the mask of the smaller crop is kept."""
    crop_overlap_ratio: float = 512 / 1500
    """By which part of the image the crops of the first layer overlap."""
    crop_n_points_downscale_factor: int = 1
    """Layer n has points_per_side / factor**n points along each side of a crop."""
    point_grids: tuple[Grid, ...] | None = None
    """For each layer of crops its points (x, y), 0 to 1 of the crop; in place of `points_per_side`."""
    min_mask_region_area: int = 0
    """Pixels of the image: smaller holes are filled, smaller islands dropped."""
    use_m2m: bool = False
    """Whether each mask is refined once more, with its own logits as a prompt."""
    multimask_output: bool = True
    """Whether each point gives three masks, or one."""
    region: Box | None = None
    """Where to look, in pixels of the image; everywhere when None. The segmenter sees nothing else."""
    excluded_rows: tuple[int, int] | None = None
    """The first and (exclusive) last row of the databar, at the top or the bottom of the image."""
    windows: bool = False
    """Whether a large image is searched in overlapping windows of the model's input size and then of twice that and
    so on, with `points_per_side` points along each window, in place of once as a whole. An object is then what at least
    a quarter of the points inside of it were answered by, and its outline their mean."""
    blobs: bool = False
    """Whether the points are the middles of dark and bright spots of the image, in place of a grid."""
    spare_above: float | None = None
    """Points inside a mask that was found with at least this predicted IoU are not asked; None asks them all."""

    def __post_init__(self) -> None:
        for name, limits in LIMITS.items():
            _check_number(name, getattr(self, name), limits)
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise SegmenterError(f"{name} is {getattr(self, name)!r}. It must be true or false.")
        _check_points(self)
        _check_place(self)

    def points_in_layer(self, layer: int) -> int:
        """Return the points along each side of a crop of a layer; 0 is the whole image."""
        return int((self.points_per_side or 0) / self.crop_n_points_downscale_factor**layer)


def options_to_json(options: AutoOptions) -> dict[str, Any]:
    """Return options as JSON values."""
    return asdict(options)


def options_from_json(values: Any) -> AutoOptions:
    """Return the options of JSON values; what is not there has its default. Raises SegmenterError."""
    if not isinstance(values, dict):
        raise SegmenterError(f"The options are {values!r}. They must be an object with the fields of AutoOptions.")
    if unknown := set(values) - {field.name for field in fields(AutoOptions)}:
        raise SegmenterError(f"There is no option {', '.join(sorted(unknown))}. See AutoOptions for those there are.")
    try:
        return AutoOptions(**{name: _READERS.get(name, _as_it_is)(value) for name, value in values.items()})
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise SegmenterError(f"Cannot read the options {values!r}: {error!r}.") from error


def _as_it_is(value: Any) -> Any:
    return value


def _box(value: Any) -> Box | None:
    return value and Box(**{name: float(value[name]) for name in ("x0", "y0", "x1", "y1")})


def _rows(value: Any) -> tuple[int, ...] | None:
    return value and tuple(value)


def _grids(value: Any) -> tuple[Grid, ...] | None:
    return value and tuple(tuple((float(x), float(y)) for x, y in grid) for grid in value)


_READERS = {"region": _box, "excluded_rows": _rows, "point_grids": _grids}


def _check_number(name: str, value: Any, limits: tuple[float, float]) -> None:
    if value is None and name in OPTIONAL:
        return
    kind = int if name in WHOLE else (int, float)
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value) or not low <= value <= high:
        number = "a whole number" if name in WHOLE else "a number"
        raise SegmenterError(f"{name} is {value!r}. It must be {number} from {low} to {high}.")


def _check_points(options: AutoOptions) -> None:
    if (options.points_per_side is None) == (options.point_grids is None):
        raise SegmenterError("Give either points_per_side or point_grids: one of them must be None.")
    if options.windows and (options.crop_n_layers or options.point_grids):
        raise SegmenterError("windows takes the place of crop_n_layers and point_grids: leave those at 0 and None.")
    if options.point_grids is not None:
        _check_grids(options.point_grids, layers=options.crop_n_layers + 1)
    elif options.points_in_layer(options.crop_n_layers) < 1:
        raise SegmenterError(
            f"{options.points_per_side} points_per_side leave none in layer {options.crop_n_layers}. "
            "Take a smaller crop_n_points_downscale_factor."
        )


def _check_grids(grids: tuple[Grid, ...], *, layers: int) -> None:
    if len(grids) != layers or not all(grids):
        raise SegmenterError(f"point_grids has {len(grids)} grids. Give one with points for each of {layers} layers.")
    if not all(0 <= place <= 1 for grid in grids for point in grid for place in point):
        raise SegmenterError("A point of point_grids is outside of 0 to 1, the left or top and the right or bottom.")


def _check_place(options: AutoOptions) -> None:
    box, rows = options.region, options.excluded_rows
    if box and not (math.isfinite(box.x0 + box.y0 + box.x1 + box.y1) and box.x0 < box.x1 and box.y0 < box.y1):
        raise SegmenterError(f"The region {box} is empty. Its corners are (x0, y0) top left and (x1, y1) bottom right.")
    if rows is not None and (
        len(rows) != 2 or not all(isinstance(row, int) for row in rows) or not 0 <= rows[0] < rows[1]
    ):
        raise SegmenterError(
            f"excluded_rows is {rows}. Give two whole numbers: the first row, and the row after the last."
        )
