"""The object that is being made: its prompts, and the mask that answers them."""

from __future__ import annotations

import param

from seg_app.records import Mask, Point, Prompts


class Draft(param.Parameterized):
    """Prompts on one plane and their mask. `mask` is None until the prompts are answered."""

    prompts = param.ClassSelector(class_=Prompts, default=Prompts(), instantiate=False)
    mask = param.ClassSelector(
        class_=Mask, allow_None=True, default=None, doc="Answers `prompts`, or an earlier state."
    )
    answered = param.Boolean(default=True, doc="Whether `mask` answers `prompts` as they are now.")
    include = param.Boolean(default=True, doc="Whether a plain click includes; a switch for those with one button.")

    def add(self, point: Point) -> Prompts:
        """Add a point; return all prompts."""
        self.param.update(prompts=self.prompts.with_point(point), answered=False)
        return self.prompts

    def take_back(self) -> Prompts:
        """Drop the last point; return the rest."""
        rest = self.prompts.without_last()
        if rest.asks:
            self.param.update(prompts=rest, answered=False)
        else:
            self.param.update(prompts=rest, mask=None, answered=True)
        return rest

    def clear(self) -> None:
        """Drop everything."""
        self.param.update(prompts=Prompts(), mask=None, answered=True)

    def answer(self, prompts: Prompts, mask: Mask | None) -> bool:
        """Set the mask of prompts, unless they have changed since; say whether it was set."""
        if prompts is not self.prompts:
            return False
        self.param.update(mask=mask, answered=True)
        return True
