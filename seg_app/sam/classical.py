"""A segmenter without a neural network: the best edges and regions around the clicks, found, rated and cut apart."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from skimage.filters import sobel
from skimage.segmentation import watershed

from seg_app.records import Box, Point, Prompts
from seg_app.sam.cache import ContentKeys, Recent
from seg_app.sam.contours import star_patches
from seg_app.sam.crops import area_of
from seg_app.sam.harvest import harvest
from seg_app.sam.landscape import Landscape, survey
from seg_app.sam.patches import Patch, deepest, overlap, patch_of, softened, tight, union
from seg_app.sam.protocol import EVERYTHING, Candidate
from seg_app.sam.question import check_image, check_prompts, on_image
from seg_app.sam.rating import features, predicted_iou
from seg_app.sam.regions import flood_patches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.protocol import Search, Trace

    Rated = tuple[Patch, float]

KEPT_WINDOWS = 16
READINGS = 3
SAME_OBJECT_IOU = 0.75
MENDED = 4
CENTRES = 3
LAST_RESORT_PX = 3
LAST_RESORT_SCORE = 0.05


class ClassicalSegmenter:
    """Outline what prompts point at by edges and grey values alone. Needs no weights and no torch."""

    name = "Classical · no weights"
    input_size = 1024

    def __init__(self) -> None:
        self._landscapes: Recent[Landscape] = Recent(KEPT_WINDOWS)
        self._previewing, self._keys = Lock(), ContentKeys()

    def embed(self, image: NDArray[np.uint8], *, client: str = "") -> None:  # noqa: ARG002 - nobody waits for a device
        """Smooth a (rows, columns, 3) uint8 image and keep that for the clicks to come. Raises SegmenterError."""
        self._landscape(image)

    def predict(
        self,
        image: NDArray[np.uint8],
        prompts: Prompts,
        *,
        previous: Trace | None = None,  # noqa: ARG002 - all prompts are weighed anew
        mask: NDArray[np.floating] | None = None,
    ) -> list[Candidate]:
        """Return up to three readings of a single point, or one of several prompts, best score first.

        What is like the mask is preferred, of which the deepest place is a seed where no point is.
        Raises SegmenterError when no prompt includes anything, or the image is not (rows, columns, 3) uint8.
        """
        land = self._landscape(image)
        check_prompts(prompts, image.shape, mask)
        prompts = _within(prompts, land.shape)
        is_ambiguous = len(prompts.points) == 1 and prompts.box is None and mask is None
        readings = _readings(land, prompts) if mask is None else _like(land, prompts, patch_of(mask, land.shape))
        chosen = _distinct(readings, limit=READINGS if is_ambiguous else 1)
        return [Candidate(_obeying(softened(patch, land.shape), prompts), score) for patch, score in chosen]

    def preview(self, image: NDArray[np.uint8], point: Point, *, client: str = "") -> list[Candidate]:  # noqa: ARG002
        """Return up to three readings of a point, best score first; [] where the image is not smoothed yet.

        Of several that look at once one gets an answer: nothing here can wait for the clicks. Raises SegmenterError.
        """
        check_image(image)
        if self._landscapes.find(self._keys.of(image)) is None or not self._previewing.acquire(blocking=False):
            return []
        try:
            return self.predict(image, Prompts((point,)))
        finally:
            self._previewing.release()

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return a search for all objects, see `Segmenter`, at the spots of the image in place of a grid of points.

        Points inside what was found are never asked. Of the options it knows `pred_iou_thresh`, `box_nms_thresh`,
        `points_per_batch`, `min_mask_region_area`, `region` and `excluded_rows`. Raises SegmenterError.
        """
        check_image(image)
        area = area_of(options, image.shape)

        def read(window: NDArray[np.uint8], point: Point) -> list[Rated]:
            return _distinct(_readings(self._landscape(window), Prompts((point,))), limit=READINGS)

        return harvest(image, area, options, read=read)

    def close(self) -> None:
        """Forget the kept images."""
        self._landscapes.clear()

    def _landscape(self, image: NDArray[np.uint8]) -> Landscape:
        check_image(image)
        return self._landscapes.get(self._keys.of(image), lambda: survey(image))


def _within(prompts: Prompts, shape: tuple[int, int]) -> Prompts:
    """Return the prompts as far as they are on the image, the corners of the box in order."""
    points = tuple(point for point in prompts.points if on_image(point.x, point.y, shape))
    if (box := prompts.box) is None:
        return Prompts(points)
    x, y = np.clip(sorted((box.x0, box.x1)), 0, shape[1] - 1), np.clip(sorted((box.y0, box.y1)), 0, shape[0] - 1)
    return Prompts(points, Box(float(x[0]), float(y[0]), float(x[1]), float(y[1])))


def _seeds(prompts: Prompts) -> list[tuple[float, float]]:
    """Return where the object surely is: the including points, else the middle of the box."""
    included = [(point.x, point.y) for point in prompts.points if point.include]
    if included or prompts.box is None:
        return included
    return [((prompts.box.x0 + prompts.box.x1) / 2, (prompts.box.y0 + prompts.box.y1) / 2)]


def _readings(land: Landscape, prompts: Prompts) -> list[Rated]:
    """Return what the prompts may mean, best first; never nothing."""
    rated = _rated(land, prompts, patches_of(land, prompts))
    obedient = [(patch, score) for patch, score in rated if _obeys(patch, prompts)]
    unruly = [patch for patch, _ in rated if not _obeys(patch, prompts)][:MENDED]
    mended = [_cut(land, patch, prompts) for patch in unruly]
    obedient += _rated(land, prompts, [patch for patch in mended if _obeys(patch, prompts)])
    return sorted(obedient, key=lambda pair: -pair[1]) or [(_pieced_together(land, prompts), LAST_RESORT_SCORE)]


def _like(land: Landscape, prompts: Prompts, mask: Patch) -> list[Rated]:
    """Return what the prompts may mean and the mask itself, best first: the more like the mask the better."""
    seeded = prompts if any(point.include for point in prompts.points) else prompts.with_point(Point(*deepest(mask)))
    itself = _rated(land, seeded, [mask] if _obeys(mask, prompts) else [])
    rated = [(patch, score * overlap(patch, mask)) for patch, score in [*_readings(land, seeded), *itself]]
    return sorted(rated, key=lambda pair: -pair[1])


def patches_of(land: Landscape, prompts: Prompts) -> list[Patch]:
    """Return candidate objects for prompts on the window, not rated, each at least one pixel large."""
    seeds = _seeds(prompts)
    centres = [tuple(np.mean(seeds, axis=0)), *seeds[-CENTRES:]] if len(seeds) > 1 else seeds
    found = [patch for centre in centres for patch in star_patches(land, prompts, centre)]
    return found + flood_patches(land, prompts, seeds)


def _rated(land: Landscape, prompts: Prompts, patches: list[Patch]) -> list[Rated]:
    if not patches:
        return []
    scores = predicted_iou(features(land, patches, _seeds(prompts)))
    if prompts.box is not None:
        # who draws a box draws it tight
        scores = scores * [0.5 + 0.5 * _box_iou(patch, prompts.box) for patch in patches]
    order = np.argsort(-scores, kind="stable")
    return [(patches[i], float(scores[i])) for i in order]


def _box_iou(patch: Patch, box: Box) -> float:
    y0, x0, y1, x1 = patch.box
    rows, columns = min(y1, box.y1) - max(y0, box.y0), min(x1, box.x1) - max(x0, box.x0)
    common = max(rows, 0.0) * max(columns, 0.0)
    return common / ((y1 - y0) * (x1 - x0) + (box.y1 - box.y0) * (box.x1 - box.x0) - common + 1e-9)


def _obeys(patch: Patch, prompts: Prompts) -> bool:
    return bool(patch.bits.any()) and all(patch.holds(point.y, point.x) == point.include for point in prompts.points)


def _cut(land: Landscape, patch: Patch, prompts: Prompts) -> Patch:
    """Return the part of a patch that edges divide from the excluding points."""
    rows, columns = patch.bits.shape
    grey = land.levels[patch.level][patch.y0 : patch.y0 + rows, patch.x0 : patch.x0 + columns]
    markers = np.zeros(patch.bits.shape, dtype=np.int32)
    for point in prompts.points:
        if (index := patch.locate(point.y, point.x)) is not None:
            markers[index] = 1 if point.include else 2
    bits = watershed(sobel(grey), markers, mask=patch.bits) == 1
    return tight(replace(patch, bits=bits)) if bits.any() else replace(patch, bits=bits)


def _pieced_together(land: Landscape, prompts: Prompts) -> Patch:
    """Return what each including point means by itself, as one object; around each at least a few pixels."""
    discs = [_disc(seed, land.shape) for seed in _seeds(prompts)]
    included = [point for point in prompts.points if point.include]
    excluded = [point for point in prompts.points if not point.include]
    pieces = [_best(land, Prompts((point, *excluded))) for point in included] if len(included) > 1 else []
    whole = discs[0]
    for piece in [*discs[1:], *pieces]:
        whole = union(whole, piece)
    return whole


def _best(land: Landscape, prompts: Prompts) -> Patch:
    return _readings(land, prompts)[0][0]


def _disc(place: tuple[float, float], shape: tuple[int, int]) -> Patch:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return tight(Patch(0, 0, 0, np.hypot(y - round(place[1]), x - round(place[0])) <= LAST_RESORT_PX))


def _distinct(rated: list[Rated], *, limit: int) -> list[Rated]:
    """Return the best readings that are not nearly the same object."""
    chosen: list[Rated] = []
    for patch, score in rated:
        if len(chosen) < limit and all(overlap(patch, other) < SAME_OBJECT_IOU for other, _ in chosen):
            chosen.append((patch, score))
    return chosen


def _obeying(logits: NDArray[np.float32], prompts: Prompts) -> NDArray[np.float32]:
    """Return the logits with the box and then every point, in the order of the clicks, made true."""
    if (box := prompts.box) is not None:
        y, x = np.ogrid[: logits.shape[0], : logits.shape[1]]
        beyond = (y < box.y0) | (y > box.y1) | (x < box.x0) | (x > box.x1)
        logits = np.where(beyond, np.minimum(logits, -1.0), logits)
    for point in prompts.points:
        _stamp(logits, point)
    return logits


def _stamp(logits: NDArray[np.float32], point: Point) -> None:
    index = round(point.y), round(point.x)
    logits[index] = max(logits[index], 1.0) if point.include else min(logits[index], -1.0)
