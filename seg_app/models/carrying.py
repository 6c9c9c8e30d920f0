"""Objects of one plane carried through the others: each on a window that fits it, at the contrast on view."""

from __future__ import annotations

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
        self._session = session

    def carry(self, masks: Sequence[Mask]) -> Iterator[Carried]:
        """Yield what becomes of masks of one plane on the others, as soon as it is found.

        Window by window; on each the planes after that of the masks, then those before it, each nearest first. What
        has ended gives no further mask. Closing the iterator ends it. Raises SegAppError, at once when the segmenter
        cannot follow objects.
        """
        segmenter = self._session.segmenter
        if not isinstance(segmenter, Follower):
            raise SegmenterError(
                f"'{segmenter.name}' cannot follow objects through planes. Use SAM 2.1 on this machine."
            )
        shared = shared_windows(masks, self._session.volume.shape[1:], size=segmenter.input_size)
        return self._carried(segmenter, masks, shared)

    def _carried(
        self, segmenter: Follower, masks: Sequence[Mask], shared: dict[Window, list[int]]
    ) -> Iterator[Carried]:
        for window, indices in shared.items():
            given = {index: paste(masks[index], window) for index in indices}
            for on in segmenter.propagate(Seen(self._session, window), masks[indices[0]].z, given):
                for index, found in on.objects.items():
                    if mask := self._mask(found, window, on.plane):
                        yield Carried(index, mask)

    def _mask(self, found: Followed, window: Window, z: int) -> Mask | None:
        made = Provenance(self._session.segmenter.name)
        answer, plane = Candidate(found.logits, found.score), self._session.volume.shape[1:]
        return windows.to_mask(answer, window, plane, z=z, provenance=made)


class Seen:
    """A window of each plane as the segmenter sees it, see `Planes`."""

    def __init__(self, session: Session, window: Window) -> None:
        self._session, self._window = session, window

    def __len__(self) -> int:
        return self._session.volume.n_planes

    def __getitem__(self, z: int) -> NDArray[np.uint8]:
        return self._session.outliner.as_seen(self._window, z)
