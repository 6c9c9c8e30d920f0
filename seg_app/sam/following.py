"""Following objects through planes with one question for each plane, see `followwire`: who asks, and who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seg_app.errors import SegmenterError, UnreadableError
from seg_app.sam.cache import Recent, content_key
from seg_app.sam.followed import OnPlane, follower
from seg_app.sam.followwire import Way, unpack_followed, way_to_json
from seg_app.sam.question import check_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from seg_app.sam.followed import Followed, Planes, Propagation
    from seg_app.sam.protocol import Segmenter

    Find = Callable[[str], NDArray[np.uint8]]

KEPT = 16
"""Ways that somebody may go on along; each remembers some planes of each of its objects."""


def followed(
    planes: Planes,
    start: int,
    masks: Mapping[int, NDArray[np.bool_]],
    *,
    ask: Callable[[dict[str, Any]], bytes | None],
    send: Callable[[NDArray[np.uint8]], None],
) -> Propagation:
    """Yield what a server finds on the planes after `start`, then on those before it; see `Follower`.

    ask: returns the answer to a question, None where the server lacks an image. send: gives it one.
    Raises SegmenterError.
    """
    keys: dict[int, str] = {}
    fresh: dict[int, NDArray[np.uint8]] = {}

    def key_of(z: int) -> str:
        if z not in keys:
            fresh[z] = planes[z]
            check_plane(fresh[z], z, next(iter(masks.values())).shape)
            keys[z] = content_key(fresh[z])
        return keys[z]

    for way in (range(start + 1, len(planes)), range(start - 1, -1, -1)) if masks else ():
        key_of(start)  # the first that is read: without it nothing is followed
        seen = [start]
        for z in way:
            try:
                key_of(z)
            except UnreadableError:  # as if it were not there: the server never hears of it
                continue
            seen.append(z)
            question = way_to_json(Way(tuple(map(key_of, seen)), len(planes), masks))
            found = unpack_followed(_answer(question, [fresh.values(), map(planes.__getitem__, seen)], ask, send))
            fresh.clear()
            yield OnPlane(z, found)
            if not found:
                break


def _answer(
    question: dict[str, Any],
    images: Iterable[Iterable[NDArray[np.uint8]]],
    ask: Callable[[dict[str, Any]], bytes | None],
    send: Callable[[NDArray[np.uint8]], None],
) -> bytes:
    """Return the answer to a question; where images are missing, some are sent, then others."""
    for missing in images:
        if (answer := ask(question)) is not None:
            return answer
        for image in missing:
            send(image)
    if (answer := ask(question)) is not None:
        return answer
    raise SegmenterError("The SAM server forgets images faster than it is sent them. Follow fewer objects at a time.")


class Following:
    """What becomes of objects, plane by plane. Blocking, and safe to use from several threads.

    What is remembered along a way is kept until it is the one that nobody has gone on along for the longest; who asks
    for the next plane then, or asks another server, waits until all planes before were looked at anew.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._kept: Recent[_Steps] = Recent(KEPT)

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all ways."""
        self._kept.clear()

    def look(self, way: Way, find: Find) -> Mapping[int, Followed]:
        """Return what is found on the last plane of a way; objects that have ended before are missing.

        find: returns the image of a key, or raises; all are found before anything else is done. Raises SegmenterError.
        """
        find(way.keys[-1])
        steps = self._kept.take(way.before.name)
        if steps is None:
            for key in way.keys:
                find(key)
            steps = _Steps(self._segmenter, way)
        found = steps.go_to(way, find)
        self._kept.keep(way.name, steps)
        return found


class _Steps:
    """A propagation that waits for its next plane; it is a stack of the planes so far, too."""

    def __init__(self, segmenter: Segmenter, way: Way) -> None:
        self._keys: tuple[str, ...] = ()
        self._n_planes = way.n_planes
        self._at = 0
        self._steps = follower(segmenter).propagate(self, 0, way.masks)

    def __len__(self) -> int:
        return self._n_planes

    def __getitem__(self, z: int) -> NDArray[np.uint8]:
        return self._find(self._keys[z])

    def go_to(self, way: Way, find: Find) -> Mapping[int, Followed]:
        """Go on to the end of a way, and return what is there."""
        self._keys, self._find = way.keys, find
        found: Mapping[int, Followed] = {}
        while self._at < len(self._keys) - 1:
            self._at += 1
            on = next(self._steps, None)
            found = on.objects if on else {}
        return found
