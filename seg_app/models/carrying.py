"""Objects of one plane carried through the others: each on a window that fits it, at the contrast on view."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seg_app.errors import SegAppError, SegmenterError, UnreadableError
from seg_app.geometry import Neighbourhood, paste
from seg_app.models.finding import Ending, Finding, is_known
from seg_app.records import Mask, Provenance, Window
from seg_app.sam import windows
from seg_app.sam.followed import can_follow, follower, refusal
from seg_app.sam.outline import outline_of
from seg_app.sam.protocol import Distant
from seg_app.sam.sharing import shared_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seg_app.models.numbering import Masks
    from seg_app.models.session import Session
    from seg_app.sam.followed import Followed


@dataclass(frozen=True)
class Carried:
    """A mask on another plane."""

    index: int
    """Of the mask that was carried there."""
    mask: Mask


class Carrier:
    """Asks the segmenter of a session where objects are on the other planes of its volume. Blocking."""

    done = 0.0
    """0 to 1: how much of what `carry` was asked for is done."""

    def __init__(self, session: Session):
        """Take the segmenter that the session has now. Raises SegmenterError when it cannot follow objects."""
        self._session, self._asked, self._segmenter = session, session.segmenter, follower(session.segmenter)
        self.passed_over: set[int] = set()
        """Planes that could not be read, on which nothing can be found."""

    def carry(self, masks: Sequence[Mask]) -> Iterator[Carried]:
        """Return what becomes of masks of one plane on the others, as soon as it is found.

        Window by window; on each the planes after that of the masks, then those before it, each nearest first. What
        has ended gives no further mask. What grows beyond its window (see `shared_windows`), or onto the databar, is
        cut there, and what is so thin that no pixel of its window shows it is not carried. Closing the iterator ends
        it. Raises SegAppError, at once when the masks are of several planes.
        """
        if len({mask.z for mask in masks}) > 1:
            raise SegmenterError("The objects are on several planes. Carry those of one plane at a time.")
        shared = shared_windows(masks, self._session.volume.shape[1:], size=self._segmenter.input_size)
        return self._through(shared, masks)

    def _through(self, shared: dict[Window, list[int]], masks: Sequence[Mask]) -> Iterator[Carried]:
        others, self.done = max(self._session.volume.n_planes - 1, 1), 0.0
        for at, (window, indices) in enumerate(shared.items()):
            for one in self._on(window, indices, masks):
                yield one
                ahead = one.mask.z - masks[0].z
                planes = ahead if ahead > 0 else others - one.mask.z  # those behind come first
                self.done = (at + planes / others) / len(shared)
        self.done = 1.0

    def _on(self, window: Window, indices: Sequence[int], masks: Sequence[Mask]) -> Iterator[Carried]:
        given = {index: bits for index in indices if (bits := paste(masks[index], window)).any()}
        planes = WindowPlanes(self._session, window, on_damage=self.passed_over.add)
        with closing(self._segmenter.propagate(planes, masks[indices[0]].z, given)) as steps:
            for on in steps:
                for index, found in on.objects.items():
                    if mask := self._mask(found, window, on.plane):
                        yield Carried(index, mask)

    def _mask(self, found: Followed, window: Window, z: int) -> Mask | None:
        made = {"z": z, "score": found.score, "provenance": Provenance(self._asked.name)}
        return windows.to_mask(outline_of(found.logits), window, self._session.volume.image_shape, **made)


class Carrying(Finding):
    """Carries accepted objects through the planes, and accepts what it finds there."""

    title = "Following objects through the planes"

    passed_over: Collection[int] = ()
    """Planes that could not be read the last time, on which nothing can be found."""

    @property
    def obstacle(self) -> str:
        """Why the present segmenter cannot follow objects, and the way out; empty: it can, as far as is known."""
        segmenter = self._session.segmenter
        return "" if can_follow(segmenter) else refusal(segmenter)

    def _obstacle_now(self) -> str:
        """Return the obstacle; a server may have another model by now, and is asked."""
        if self.obstacle and isinstance(self._session.segmenter, Distant):
            self._session.segmenter.is_there()
        return self.obstacle

    @property
    def starting(self) -> Masks:
        """What of the selected objects is followed: their masks on the plane on view, else those of one other plane."""
        chosen, z = self._session.masks.chosen, self._session.z
        here = tuple(mask for mask in chosen if mask.z == z)
        return here or (chosen if len({mask.z for mask in chosen}) == 1 else ())

    def run(self, masks: Masks | None = None) -> Masks:
        """Carry masks of one plane, by default `starting`, to the others; return what was accepted there.

        All of it is one change, and part of the object that it comes from, with its number and class. Where something
        is accepted already, also by hand meanwhile, nothing is added. Raises SegAppError; then nothing was accepted.
        """
        session = self._session
        with self._running():
            place, given = session.index, self.starting if masks is None else masks
            if session.volume.n_planes > 1 and (obstacle := self._obstacle_now()):  # else no other model helps
                raise SegAppError(obstacle)
            if not given:
                raise SegAppError("No object of this plane is selected. Click on one, then follow it.")
            if session.volume.n_planes == 1:
                raise SegAppError("This image has one plane: there is nowhere to follow the object to.")
            accepted, carrier = Neighbourhood(session.masks.masks), Carrier(session)
            self.passed_over = carrier.passed_over
            for one in carrier.carry(given):
                start = given[one.index]
                mask = replace(one.mask, class_name=start.class_name, number=start.number)
                beside = [*accepted.of(mask), *(other for other in self.found if other.z == mask.z)]
                found = self.found if is_known(mask, beside) else (*self.found, mask)
                self.param.update(done=carrier.done, found=found)
                if self.ending:
                    break
            return self._kept(place, given)

    def _kept(self, place: dict[str, int], given: Masks) -> Masks:
        if self.ending is Ending.DISCARD:
            return ()
        masks = self._session.masks
        with self._staying(place):
            masks.refresh()
            accepted, now = Neighbourhood(masks.masks), {old.number: masks.get(old.id) or old for old in given}
            # they may have been joined with others meanwhile
            found = (replace(mask, number=now[mask.number].number) for mask in self.found)
            new = tuple(mask for mask in found if not is_known(mask, accepted.of(mask)))
            return self._session.keep_followed(new)


class WindowPlanes:
    """A window of each plane as the segmenter sees it, see `Planes`; `on_damage` hears which cannot be read."""

    def __init__(
        self, session: Session, window: Window, *, on_damage: Callable[[int], object] = lambda _: None
    ) -> None:
        self._session, self._window, self._index, self._on_damage = session, window, session.index, on_damage

    def __len__(self) -> int:
        return self._session.volume.n_planes

    def __getitem__(self, z: int) -> NDArray[np.uint8]:
        try:
            seen = self._session.outliner.as_seen(self._window, z)
        except UnreadableError:
            self._on_damage(z)
            raise
        if self._session.volume.index != self._index:  # which goes before any pixel of there is seen
            raise SegmenterError(
                "Objects cannot be followed any further: another time is shown now. Go back to theirs."
            )
        return seen
