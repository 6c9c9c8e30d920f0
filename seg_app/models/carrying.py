"""Objects of one plane carried through the others: each on a window that fits it, at the contrast on view."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seg_app.errors import SegmenterError
from seg_app.geometry import paste
from seg_app.records import Mask, Provenance, Window
from seg_app.sam import windows
from seg_app.sam.followed import Follower
from seg_app.sam.protocol import Candidate
from seg_app.sam.sharing import shared_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

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

    def __init__(self, session: Session):
        """Take the segmenter that the session has now. Raises SegmenterError when it cannot follow objects."""
        segmenter, name = session.segmenter, session.segmenter.name
        if not isinstance(segmenter, Follower):
            raise SegmenterError(f"'{name}' cannot follow objects through planes. Use SAM 2.1 on this machine.")
        self._session, self._segmenter, self._name = session, segmenter, name

    def carry(self, masks: Sequence[Mask]) -> Iterator[Carried]:
        """Return what becomes of masks of one plane on the others, as soon as it is found.

        Window by window; on each the planes after that of the masks, then those before it, each nearest first. What
        has ended gives no further mask. What grows beyond its window (see `shared_windows`) is cut there, and what is
        so thin that no pixel of its window shows it is not carried. Closing the iterator ends it. Raises SegAppError,
        at once when the masks are of several planes.
        """
        if len({mask.z for mask in masks}) > 1:
            raise SegmenterError("The objects are on several planes. Carry those of one plane at a time.")
        shared = shared_windows(masks, self._session.volume.shape[1:], size=self._segmenter.input_size)
        return (one for window, indices in shared.items() for one in self._on(window, indices, masks))

    def _on(self, window: Window, indices: Sequence[int], masks: Sequence[Mask]) -> Iterator[Carried]:
        given = {index: bits for index in indices if (bits := paste(masks[index], window)).any()}
        planes = WindowPlanes(self._session, window)
        with closing(self._segmenter.propagate(planes, masks[indices[0]].z, given)) as steps:
            for on in steps:
                for index, found in on.objects.items():
                    if mask := self._mask(found, window, on.plane):
                        yield Carried(index, mask)

    def _mask(self, found: Followed, window: Window, z: int) -> Mask | None:
        answer, plane = Candidate(found.logits, found.score), self._session.volume.shape[1:]
        return windows.to_mask(answer, window, plane, z=z, provenance=Provenance(self._name))


class WindowPlanes:
    """A window of each plane as the segmenter sees it, see `Planes`."""

    def __init__(self, session: Session, window: Window) -> None:
        self._session, self._window, self._index = session, window, session.index

    def __len__(self) -> int:
        return self._session.volume.n_planes

    def __getitem__(self, z: int) -> NDArray[np.uint8]:
        seen = self._session.outliner.as_seen(self._window, z)
        if self._session.volume.index != self._index:  # which goes before any pixel of there is seen
            raise SegmenterError(
                "Objects cannot be followed any further: another time is shown now. Go back to theirs."
            )
        return seen
