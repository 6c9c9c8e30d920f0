"""When an object that is followed through planes has ended.

A model that is to say so itself (its logit of presence falls below 0) seldom does so in time: behind the last plane of
a particle it goes on with what lies beneath. What can be seen of that, on the plane where it happens:

- It is less sure than before that the object is there. How sure it is differs between objects and models, so that each
  is compared with its own median; where the model is certain, by any object's measure, that is enough.
- The mask is somewhere else. That of an object that only shrinks or grows lies in the one before, or around it.
- The mask grows again at once after it has shrunk. Bodies do neither end nor begin in this way.

One of them is enough, and what has ended does not begin again. The price: an object that moves by more than about half
of its width from plane to plane, or that is cut through in a plane or two, is given up there. The numbers are round
ones on a plateau, found on the sample volume.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.sam.followed import Followed

CERTAIN = 4.0
"""A logit of presence from which on an object is there, 98%."""
LESS_SURE = 2 / 3
"""Of its median so far: an object of less presence has ended."""
SHARED = 0.6
"""Of the smaller of two masks on neighbouring planes: what shares less is another object."""
SHRUNK, REGROWN = 0.7, 1.3
"""Of the largest mask so far, and of the last one: what was below the first and is above the second has ended."""


class Ending:
    """The end of one object, looked for in one direction."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        """Begin with the (rows, columns) pixels of the object on the plane that it is given on."""
        self._last, self._largest = mask, int(np.count_nonzero(mask))
        self._presences: list[float] = []

    def has_come(self, found: Followed) -> bool:
        """Say whether the object has ended before the next plane, where this was found for it."""
        mask = found.logits > 0
        if self._is_absent(found, mask) or self._is_elsewhere(mask) or self._grows_again(mask):
            return True
        self._last, self._largest = mask, max(self._largest, int(np.count_nonzero(mask)))
        self._presences.append(found.presence)
        return False

    def _is_absent(self, found: Followed, mask: NDArray[np.bool_]) -> bool:
        usual = median([*self._presences, found.presence])
        return found.presence <= 0 or found.presence < min(LESS_SURE * usual, CERTAIN) or not bool(mask.any())

    def _is_elsewhere(self, mask: NDArray[np.bool_]) -> bool:
        smaller = min(int(np.count_nonzero(mask)), int(np.count_nonzero(self._last)))
        return int(np.count_nonzero(mask & self._last)) < SHARED * smaller

    def _grows_again(self, mask: NDArray[np.bool_]) -> bool:
        last, now = int(np.count_nonzero(self._last)), int(np.count_nonzero(mask))
        return last < SHRUNK * self._largest and now > REGROWN * last
