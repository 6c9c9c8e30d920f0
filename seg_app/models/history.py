"""What the masks of an image were, are, and would be again: where undo and redo lead."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from seg_app.models.journal import Change, Saving
from seg_app.models.numbering import Masks

UNDO_STEPS = 200


@dataclass(frozen=True, slots=True)
class Saved:
    """Masks that are kept elsewhere, too, and where."""

    saving: Saving = field(default_factory=lambda: Saving(path=""))
    masks: Masks = ()


@dataclass(frozen=True, slots=True)
class History:
    """The masks now, the sets that undo and redo return to, and the one that was saved or loaded last."""

    masks: Masks = ()
    past: tuple[Masks, ...] = ()
    future: tuple[Masks, ...] = ()
    saved: Saved = field(default_factory=Saved)

    def after(self, change: Change) -> History:
        """Return the history after one more change; an undo without a past changes nothing."""
        if change.op == "save":
            return self._with_saved(change.saving)
        if change.op == "undo":
            return self._at(self.past[-1], self.past[:-1], (*self.future, self.masks)) if self.past else self
        if change.op == "redo":
            return self._at(self.future[-1], (*self.past, self.masks), self.future[:-1]) if self.future else self
        return self._at(EDITS[change.op](self.masks, change), (*self.past, self.masks)[-UNDO_STEPS:])

    @property
    def top(self) -> int:
        """The highest number that any of these masks ever had."""
        seen = (self.masks, *self.past, *self.future)
        return max((mask.number for state in seen for mask in state), default=0)

    def _at(self, masks: Masks, past: tuple[Masks, ...], future: tuple[Masks, ...] = ()) -> History:
        return History(masks, past, future, self.saved)

    def _with_saved(self, saving: Saving | None) -> History:
        masks = self.states().get(saving.steps_back) if saving else None
        return self if saving is None or masks is None else replace(self, saved=Saved(saving, masks))

    def states(self) -> dict[int, Masks]:
        """Return the masks by how many changes ago they were there, the present ones first; negative: after redos."""
        past = dict(enumerate([self.masks, *reversed(self.past)]))
        return past | {-i: masks for i, masks in enumerate(reversed(self.future), start=1)}


def _edited(masks: Masks, change: Change) -> Masks:
    new = {mask.id: mask for mask in change.masks}
    return tuple(new.get(mask.id, mask) for mask in masks)


EDITS = {
    "add": lambda masks, change: (*masks, *change.masks),
    "remove": lambda masks, change: tuple(mask for mask in masks if mask.id not in change.ids),
    "edit": _edited,
    "load": lambda _, change: change.masks,
}
