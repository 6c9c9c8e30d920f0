"""All objects of an image: many points are asked, poor answers dropped, doubles suppressed, and what is left drawn.

Everything but the drawing is done on the coarse grid of logits that the model gives.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from seg_app.geometry import contains
from seg_app.sam.caught import Caught
from seg_app.sam.consensus import agreed
from seg_app.sam.crops import NEAR_PX
from seg_app.sam.doubles import Doubles
from seg_app.sam.lowres import box_of, stability
from seg_app.sam.outline import outline_of
from seg_app.sam.protocol import AutoMask, AutoProgress, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from seg_app.records import Window
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.crops import Crop

SPARING_SEED = 0
WINDOWS_ASKED = 0.95
"""How far a search in windows is when all points are asked; what they agree on takes the rest."""
AGREED_AT_ONCE = 100
"""Objects that windows agree on, which takes some milliseconds each, until a search can be ended again."""


class Measure(NamedTuple):
    """How a mask looks on its window, as the package would see it."""

    stability: float
    box: tuple[float, float, float, float]
    """First and last column and row (x0, y0, x1, y1) in pixels of the window."""


class Answer(NamedTuple):
    """What a model said to a point; see `Answers`."""

    logits: NDArray[np.float32]
    score: float
    point: NDArray[np.float64]
    measure: Measure | None


@dataclass(frozen=True)
class Answers:
    """What a model said to points on a window."""

    logits: NDArray[np.float32]
    """(n, rows, columns) on the model's grid, which lies over the whole window; above `mask_threshold` is inside."""
    scores: NDArray[np.float32]
    """(n,) predicted IoU, all above `pred_iou_thresh`."""
    points: NDArray[np.float64]
    """(n, 2) the point (x, y) that each answers, in pixels of the window."""
    measures: tuple[Measure, ...] | None = None
    """Of each, where the device has measured them, which gives stable ones only; None where that is left to do."""

    def __iter__(self) -> Iterator[Answer]:
        """Go through them one by one."""
        measures = self.measures or [None] * len(self.scores)
        for logits, score, point, measure in zip(self.logits, self.scores, self.points, measures, strict=True):
            yield Answer(logits, float(score), point, measure)


class Decoder(Protocol):
    """Answers points on one window that is embedded."""

    def decode(self, points: NDArray[np.float64], options: AutoOptions) -> Iterable[Answers]:
        """Yield the answers to (n, 2) points x, y in pixels of the window, a few at a time. Raises SegmenterError."""
        ...


def search(
    image: NDArray[np.uint8],
    crops: list[Crop],
    options: AutoOptions,
    *,
    open_window: Callable[[NDArray[np.uint8]], Decoder],
) -> Search:
    """Yield after each batch of points how far the search is and what it has found; the last is the result.

    image: (rows, columns, 3) uint8. open_window: embeds a part of the image; it is called for one crop at a time.
    Closing the iterator ends the search. Raises what the decoder raises.
    """
    catch = Catch(crops, options)
    total = sum(len(crop.points) for crop in crops)
    asked, found, share = 0, (), WINDOWS_ASKED if options.windows else 1.0
    for crop in crops:
        window, decoder = crop.window, None
        for points in _batches(crop, options):
            left = _spared(points, window, options, found)
            if len(left):
                decoder = decoder or open_window(image[window.y0 : window.y1, window.x0 : window.x1])
                catch.ask(crop, left)
                for answers in decoder.decode(left, options):
                    catch.add(crop, answers)
                found = catch.masks()
            asked += len(points)
            yield AutoProgress(share * asked / total, found)
    if options.windows:
        for _ in catch.agree():
            yield AutoProgress(share, found)
    if options.windows or not total:
        yield AutoProgress(1.0, catch.masks())


def _batches(crop: Crop, options: AutoOptions) -> Iterator[NDArray[np.float64]]:
    points = crop.points
    if options.spare_above is not None:
        # far from each other at first, so that most of what follows is inside something
        points = points[np.random.default_rng(SPARING_SEED).permutation(len(points))]
    for start in range(0, len(points), options.points_per_batch):
        yield points[start : start + options.points_per_batch]


def _spared(
    points: NDArray[np.float64], window: Window, options: AutoOptions, found: tuple[AutoMask, ...]
) -> NDArray[np.float64]:
    """Return the points that are worth asking."""
    if options.spare_above is None:
        return points
    sure = [auto.mask for auto in found if (auto.mask.score or 0) >= options.spare_above]
    places = points.round().astype(int) + np.array([window.x0, window.y0])
    return points[[not any(contains(mask, y=y, x=x) for mask in sure) for x, y in places.tolist()]]


class Catch:
    """All masks that are good enough, and which of them survive."""

    def __init__(self, crops: list[Crop], options: AutoOptions) -> None:
        self._options = options
        windows = [crop.window for crop in crops]
        # the edges of the searched area cut nothing: there is no more to see
        low, high = ((w.x0, w.y0) for w in windows), ((w.x1, w.y1) for w in windows)
        self._area = np.concatenate([np.min(list(low), axis=0), np.max(list(high), axis=0)])
        self._answers: list[Caught] = []
        self._groups: dict[int, Doubles[Caught]] = {}
        self._between = Doubles[Caught](options.crop_nms_thresh)
        self._asked: defaultdict[int, list[NDArray[np.float64]]] = defaultdict(list)
        self._agreed: Doubles[Caught] | None = None
        self._drawn: dict[Caught, AutoMask | None] = {}

    def ask(self, crop: Crop, points: NDArray[np.float64]) -> None:
        """Note which points are asked, (n, 2) x, y in pixels of the crop."""
        self._asked[crop.group].append(points + np.array([crop.window.x0, crop.window.y0]))

    def add(self, crop: Crop, answers: Answers) -> None:
        """Take the answers that are stable and whole."""
        for answer in answers:
            caught = self._judged(crop, answer)
            if caught is not None:
                self._answers.append(caught)
                self._settle(caught)

    def agree(self) -> Iterator[None]:
        """Put what the answers agree on in the place of the best of them, without doubles; wait after each few."""
        asked = {group: np.concatenate(points) for group, points in self._asked.items()}
        objects = Doubles[Caught](self._options.box_nms_thresh)
        for i, one in enumerate(agreed(self._answers, asked), start=1):
            objects.put(one, one.box, one.rank)
            if i % AGREED_AT_ONCE == 0:
                yield
        self._agreed = objects

    def masks(self) -> tuple[AutoMask, ...]:
        """Return the masks that survive so far, those of small crops first, and the best of these."""
        survivors = self._survivors()
        for caught in survivors:
            if caught not in self._drawn:
                self._drawn[caught] = caught.drawn(smallest=self._options.min_mask_region_area)
        return tuple(mask for caught in survivors if (mask := self._drawn[caught]) is not None)

    def _judged(self, crop: Crop, answer: Answer) -> Caught | None:
        logits = answer.logits - self._options.mask_threshold
        measure = answer.measure or self._measured(logits, crop.window.shape)
        if measure is None:
            return None
        corner = np.array([crop.window.x0, crop.window.y0])
        box = np.array(measure.box) + np.tile(corner, 2)
        if self._is_cut(box, crop.window) or (box[2:] - box[:2]).max() < crop.smallest_px:
            return None
        (x, y), (score, steady) = answer.point + corner, (answer.score, measure.stability)
        place, arrival = tuple(box.tolist()), len(self._answers)
        return Caught(crop, score, steady, (float(x), float(y)), place, outline_of(logits).in_half(), arrival)

    def _measured(self, logits: NDArray[np.float32], shape: tuple[int, int]) -> Measure | None:
        """Return how a mask looks on a window of (rows, columns), None for one that is not stable or empty."""
        wanted = self._options.stability_score_thresh
        steady = stability(logits, self._options.stability_score_offset, shape=shape, doubt_at=wanted)
        return None if steady < wanted or logits.max() <= 0 else Measure(steady, box_of(logits, shape))

    def _is_cut(self, box: NDArray[np.float64], window: Window) -> bool:
        edges = np.array([window.x0, window.y0, window.x1, window.y1])
        near = np.abs(box - edges) <= NEAR_PX
        return bool((near & (np.abs(box - self._area) > NEAR_PX)).any())

    def _settle(self, caught: Caught) -> None:
        """Let a mask compete in its group, and those that win or lose there by it between the groups."""
        group = self._groups.setdefault(caught.crop.group, Doubles(self._options.box_nms_thresh))
        for one, has_won in group.put(caught, caught.box, (-caught.score,)):
            if has_won:
                self._between.put(one, one.box, one.rank)
            else:
                self._between.drop(one)

    def _survivors(self) -> list[Caught]:
        if self._agreed is not None:
            return self._agreed.kept
        if len(self._groups) > 1:
            return self._between.kept
        return [one for group in self._groups.values() for one in group.kept]
