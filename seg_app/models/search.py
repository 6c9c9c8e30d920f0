"""The search for all objects of a plane."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from seg_app.errors import SegAppError
from seg_app.geometry import Neighbourhood, bits_of, distinct, mask_from_bits
from seg_app.models.finding import Ending, Finding, is_known
from seg_app.models.numbering import Masks
from seg_app.records import Mask, Provenance, Window
from seg_app.sam import AutoOptions, windows
from seg_app.sam.outline import Outline, outline_of
from seg_app.sam.pieces import clicked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seg_app.models.session import Session

LARGEST_PIXELS = 36_000_000
"""A whole plane that is larger is searched on a coarser level: the segmenter gets it in one piece."""
ALIKE = 0.7
"""Two masks with a larger IoU are one object, as in the package; that compares their boxes, which differ by crumbs."""

LEAST_SEEN_PX = 32
"""Of the level that is searched, so that it follows the zoom: what is smaller has two cells of the grid of 4 × 4 pixels
that models draw on, and is a sliver rather than an outline. 0.4 % of the particles that people have outlined in the
micrographs of EMPS are smaller; of the powder sample a search finds none below 128, at any zoom."""
CUT_PX = 2
"""What is drawn nearer to the edge of what was searched, in pixels of the level, is cut by it. Of the particles of the
powder sample, those that the edge cuts were all drawn up to it, and whole ones ended three pixels before it or more."""
ROOM_PX = 2
"""Around a mask, for its soft edge."""
SOFT_PX = 0.7
"""Standard deviation of the blur of bits that are enlarged. Discs of 6 pixels of the level, enlarged 2, 4 and 8 times,
have an IoU of 0.955, 0.951 and 0.953 with true ones, of 12 pixels 0.98; without it 0.928 to 0.938 and 0.966."""
LEAST = np.float32(0.05)
"""What a pixel that was found keeps: nothing as thin as a wire is lost."""
STABILITY = 0.8
"""Least stability of a mask. The package's 0.95 leaves nearly nothing of what the bundled model finds; with 0.8 it
finds 84 % of the particles on a piece of the powder sample."""
FEWEST_POINTS, MOST_POINTS = 8, 64
"""Along a side of what the model sees at once."""


@dataclass(frozen=True)
class Wanted:
    """Which objects to search."""

    whole_plane: bool = False
    """Else what is on screen, as fine as it is shown there."""
    least_score: float = 0.5
    """Objects are kept whose predicted IoU is above."""
    least_area: int | None = None
    """Smaller objects are dropped; in pixels of full resolution. None: those of less than `LEAST_SEEN_PX`."""
    points: int = 32
    """Points along 512 pixels of what is searched."""
    at_spots: bool = False
    """Whether dark and bright spots are asked, in place of a grid of points."""
    with_cut: bool = False
    """Whether objects are kept that the edge of the screen cuts. Nobody knows how large they are: who counts or
    measures leaves them out (ISO 13322-1). Those at the edge of the plane are kept: no other view shows more of them.
    """

    @classmethod
    def from_json(cls, values: Any) -> Wanted:
        """Return what JSON values say; what makes no sense there is as it is by default."""
        known = {field.name: type(field.default) for field in fields(cls)} | {"least_area": int}
        given = {**values} if isinstance(values, dict) else {}
        if not given.get("least_area"):  # 0 was what nobody had chosen
            given["least_area"] = None
        return cls(**{name: v for name, v in given.items() if v is not None and type(v) is known.get(name)})


class Search(Finding):
    """The search for all objects of the plane on view."""

    wanted = param.ClassSelector(class_=Wanted, default=Wanted(), doc="What the next search looks for.")
    left_out = param.Integer(default=0, doc="Of the present search or the last: objects that the screen's edge cuts.")

    title = "Finding all objects"

    def __init__(self, session: Session):
        super().__init__(session)
        self.z = session.z
        """The plane of the present search or the last."""

    def run(self, wanted: Wanted | None = None) -> Masks:
        """Search the plane on view and accept what is found, as one change; return it. Raises SegAppError.

        Objects that are accepted already, or by hand meanwhile, are not accepted again. Where the session has gone to
        another place meanwhile nothing is accepted, and that is an error, too.
        """
        with self._running():
            self.left_out, self.z, place = 0, self._session.z, self._session.index
            sieve = self._look(wanted or self.wanted)
            self.left_out = sieve.left_out
            if self.ending is Ending.DISCARD:
                return ()
            with self._staying(place):
                return self._session.keep_all(sieve.still_new(self.found))

    def least_area(self, *, whole_plane: bool = False) -> int:
        """Return the smallest area, in pixels of full resolution, that a search now keeps where none is wished.

        Raises SegAppError when nothing of the plane is on screen.
        """
        wanted = Wanted(whole_plane=whole_plane)
        return least_area_of(wanted, window_of(self._session, wanted))

    def _look(self, wanted: Wanted) -> _Sieve:
        session, z = self._session, self.z
        window = window_of(session, wanted)
        image = session.outliner.as_seen(window, z)
        sieve = _Sieve(session, window, z, wanted)
        with closing(session.segmenter.automask(image, self._options(wanted, window))) as steps:
            for step in steps:
                self.param.update(done=step.done, found=sieve.sifted([auto.mask for auto in step.masks]))
                if self.ending:
                    break
        return sieve

    def _options(self, wanted: Wanted, window: Window) -> AutoOptions:
        return AutoOptions(
            pred_iou_thresh=wanted.least_score,
            stability_score_thresh=STABILITY,
            points_per_side=_points_per_side(wanted, min(max(window.shape), self._session.segmenter.input_size)),
            blobs=wanted.at_spots,
            windows=max(window.shape) > 1.5 * self._session.segmenter.input_size,
            excluded_rows=self._databar(window),
        )

    def _databar(self, window: Window) -> tuple[int, int] | None:
        rows, height = self._session.volume.databar_rows, self._session.volume.height
        y0 = (height - rows) // window.factor - window.y0
        return (max(y0, 0), window.shape[0]) if rows and y0 < window.shape[0] else None


def _points_per_side(wanted: Wanted, edge: int) -> int:
    """Return how many points go along a side of `edge` pixels, which is what the model sees at once."""
    return min(max(round(wanted.points * edge / 512), FEWEST_POINTS), MOST_POINTS)


class _Sieve:
    """Turns what was found on a window into masks of the plane, each once, and drops what nobody wants."""

    def __init__(self, session: Session, window: Window, z: int, wanted: Wanted):
        self._window, self._z, self._wanted = window, z, wanted
        self._image, self._level = session.volume.image_shape, session.volume.level_shape(window.level)
        self._least_area = least_area_of(wanted, window)
        self._session, self._accepted = session, Neighbourhood(session.masks.on_plane(z))
        self._made = Provenance(session.segmenter.name)
        self._known: dict[str, Mask | None] = {}
        self._cut: dict[str, Mask] = {}
        self._last: Sequence[Mask] = ()

    def sifted(self, found: Sequence[Mask]) -> Masks:
        masks = (self._known[mask.id] if mask.id in self._known else self._new(mask) for mask in found)
        self._last = found
        return tuple(mask for mask in masks if mask)

    @property
    def left_out(self) -> int:
        """How many objects of what was sifted last would be wanted, were they not cut."""
        return len(distinct([self._cut[mask.id] for mask in self._last if mask.id in self._cut], alike=ALIKE))

    def still_new(self, found: Masks) -> Masks:
        """Return what is found, each object once, without what was accepted by hand meanwhile."""
        self._session.masks.refresh()
        self._accepted = Neighbourhood(self._session.masks.on_plane(self._z))
        return tuple(mask for mask in distinct(found, alike=ALIKE) if not self._is_known(mask))

    def _new(self, found: Mask) -> Mask | None:
        mask = without_crumbs(found)
        placed = self._placed(replace(mask, provenance=self._made))
        is_wanted = placed and placed.area >= self._least_area and not self._is_known(placed)
        if placed and is_wanted and not self._wanted.with_cut and self._is_cut(mask):
            self._cut[found.id] = placed
            is_wanted = False
        self._known[found.id] = placed if is_wanted else None
        return self._known[found.id]

    def _is_cut(self, mask: Mask) -> bool:
        """Say whether a mask of the window touches an edge of it that is no edge of the plane."""
        window, (rows, columns) = self._window, self._level
        below, beside = window.shape[0] - mask.y1, window.shape[1] - mask.x1
        sides = (
            (window.y0 > 0, mask.y0),
            (window.x0 > 0, mask.x0),
            (window.y1 < rows, below),
            (window.x1 < columns, beside),
        )
        return any(within and gap < CUT_PX for within, gap in sides)

    def _is_known(self, mask: Mask) -> bool:
        return is_known(mask, self._accepted.of(mask))

    def _placed(self, mask: Mask) -> Mask | None:
        window = self._window
        y0, x0, prompts = mask.y0 + window.y0, mask.x0 + window.x0, window.to_plane(mask.prompts)
        if window.level == 0:
            return replace(mask, z=self._z, y0=y0, x0=x0, prompts=prompts)
        above, left = min(y0, ROOM_PX), min(x0, ROOM_PX)
        logits = softened(np.pad(bits_of(mask), ((above, ROOM_PX), (left, ROOM_PX))))
        y0, x0 = y0 - above, x0 - left
        place = Window(window.level, y0, x0, y0 + logits.shape[0], x0 + logits.shape[1])
        fields = {"z": self._z, "score": mask.score or 0.0, "prompts": prompts, "provenance": self._made}
        return windows.to_mask(outline_of(logits), place, self._image, **fields)


def softened(bits: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return values above 0 where bits are set, however thin, which keep a smooth edge when they are enlarged."""
    from scipy.ndimage import gaussian_filter  # weight: only who has zoomed out needs it

    hard = np.where(bits, 1.0, -1.0).astype(np.float32)
    soft = np.asarray(gaussian_filter(hard, SOFT_PX, mode="nearest"), np.float32)
    return np.where(bits, np.maximum(soft, LEAST), soft)


def without_crumbs(mask: Mask) -> Mask:
    """Return a mask without the pieces that its point does not lie in, as a click there would outline it."""
    logits = np.where(bits_of(mask), 1.0, -1.0).astype(np.float32)
    whole = Outline(logits, 0, 0, (mask.height, mask.width))
    kept = clicked(whole, mask.prompts.moved(dx=-mask.x0, dy=-mask.y0))
    if kept is whole:
        return mask
    made = {"score": mask.score, "prompts": mask.prompts}
    return mask_from_bits(kept.logits > 0, y0=mask.y0, x0=mask.x0, **made) or mask


def least_area_of(wanted: Wanted, window: Window) -> int:
    """Return the area of the smallest objects that a search of a window keeps, in pixels of full resolution."""
    return LEAST_SEEN_PX * window.factor**2 if wanted.least_area is None else wanted.least_area


def window_of(session: Session, wanted: Wanted) -> Window:
    """Return the window that is searched: what is on screen, or the plane at the finest level that is not too large.

    Raises SegAppError when nothing of the plane is on screen.
    """
    volume, view = session.volume, session.view
    if wanted.whole_plane or view is None:
        level = max(0, math.ceil(math.log2(volume.height * volume.width / LARGEST_PIXELS) / 2))
        return Window(level, 0, 0, *volume.level_shape(level))
    level = min(max(0, math.floor(math.log2(max(session.scale, 1)))), volume.n_levels - 1)
    rows, columns = volume.level_shape(level)
    x0, y0, x1, y1 = ((edge + 0.5) / 2**level for edge in (view.x0, view.y0, view.x1, view.y1))
    corner, end = (
        (max(math.floor(y0), 0), max(math.floor(x0), 0)),
        (min(math.ceil(y1), rows), min(math.ceil(x1), columns)),
    )
    if min(end[0] - corner[0], end[1] - corner[1]) < 1:
        raise SegAppError("The plane is not on screen. Press 0 to show it, or search the whole plane.")
    return Window(level, *corner, *end)
