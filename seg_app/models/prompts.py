"""The object that is being made: its prompts, and the mask that answers them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import param

from seg_app.records import Mask, Point, Prompts


@dataclass(frozen=True, slots=True)
class Taken:
    """An object that was taken out of the draft to be accepted, as it was at that moment."""

    prompts: Prompts
    mask: Mask | None
    """None where the prompts are not answered yet."""
    z: int
    class_name: str


class Draft(param.Parameterized):
    """Prompts on one plane and their mask. `mask` is None until the prompts are answered.

    Points come from the page's thread and answers from the worker's: each change is made as a whole.
    """

    prompts = param.ClassSelector(class_=Prompts, default=Prompts(), instantiate=False)
    mask = param.ClassSelector(
        class_=Mask, allow_None=True, default=None, doc="Answers `prompts`, or an earlier state."
    )
    include = param.Boolean(default=True, doc="Whether a plain click includes; a switch for those with one button.")

    def __init__(self):
        super().__init__()
        self._answered = self.prompts
        self._lock = threading.RLock()

    @property
    def answered(self) -> bool:
        """Whether `mask` answers `prompts` as they are now."""
        return self._answered is self.prompts

    def add(self, point: Point) -> Prompts:
        """Add a point; return all prompts."""
        with self._lock:
            self.prompts = self.prompts.with_point(point)
            return self.prompts

    def take_back(self) -> Prompts:
        """Drop the last point; return the rest."""
        with self._lock:
            rest = self.prompts.without_last()
            if rest.asks:
                self.prompts = rest
            else:
                self._set(rest, None)
            return rest

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._set(Prompts(), None)

    def answer(self, prompts: Prompts, mask: Mask | None) -> bool:
        """Set the mask of prompts, unless they have changed since; say whether it was set."""
        with self._lock:
            if prompts is not self.prompts:
                return False
            self._set(prompts, mask)
            return True

    def take(self, *, z: int, class_name: str) -> Taken | None:
        """Empty the draft and return the object that was in it, outlined or not; None, and keep all, without one."""
        with self._lock:
            mask = self.mask if self.answered else None
            if not self.prompts.asks or (self.answered and mask is None):
                return None
            taken = Taken(self.prompts, mask, z, class_name)
            self._set(Prompts(), None)
            return taken

    def put_back(self, taken: Taken) -> bool:
        """Return an object to the draft, unless another one is begun there; say whether it was put back."""
        with self._lock:
            if self.prompts:
                return False
            self.prompts = taken.prompts
            if taken.mask:
                self._set(taken.prompts, taken.mask)
            return True

    def _set(self, prompts: Prompts, mask: Mask | None) -> None:
        self._answered = prompts
        # Param takes an equal value for a change, and the page would paint the points once more before the outline.
        changed = {} if prompts is self.prompts else {"prompts": prompts}
        self.param.update(mask=mask, **changed)
