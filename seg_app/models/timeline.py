"""What undo takes back: the last change of the masks of an image, or of what the user says of its scale and databar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import param

from seg_app.models.history import UNDO_STEPS, History

if TYPE_CHECKING:
    from seg_app.models.facts import ImageFacts
    from seg_app.models.history import Masks
    from seg_app.models.maskset import MaskSet
    from seg_app.models.notes import Saying


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that was said, or taken back, and how the masks were at that moment."""

    saying: Saying
    history: History

    def is_last(self, now: History) -> bool:
        """Say whether no change of the masks has come since, but such as were undone."""
        then = self.history
        return now.masks == then.masks and now.past[-1:] == then.past[-1:]

    def is_next(self, now: History) -> bool:
        """Say whether nothing has come since but such as was redone, after which this was."""
        return self.is_last(now) and now.future == self.history.future


Moments = tuple[Moment, ...]


class Timeline(param.Parameterized):
    """Undo and redo of all that a session changes, each change in its turn.

    Masks have a journal, one for each time of an image; what is said of the image is said of all its times, in one
    file. Who said it can take it back while their session lasts, at any time of the image, unless it was said anew
    elsewhere. When they go to another time, all that was said so far comes before the changes of the masks there.
    """

    past = param.ClassSelector(class_=tuple, default=cast("Moments", ()), doc="What was said, the last one last.")
    future = param.ClassSelector(class_=tuple, default=cast("Moments", ()), doc="What of it was taken back.")

    def __init__(self, facts: ImageFacts, masks: MaskSet):
        super().__init__()
        self._facts, self._masks = facts, masks
        self._passed: tuple[Masks, ...] = ()
        """Changes of the masks that had been taken back when something was said: these do not come again."""
        facts.param.watch(lambda event: self._note(event.new), "saying")

    def _note(self, saying: Saying) -> None:
        self._passed = self._masks.history.future
        self.param.update(past=(*self.past, self._now(saying))[-UNDO_STEPS:], future=())

    @property
    def _can_redo_masks(self) -> bool:
        return self._masks.can_redo and self._masks.history.future != self._passed

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._masks.can_undo or self._last is not None

    @property
    def can_redo(self) -> bool:
        """Whether a change was taken back, and nothing has changed since."""
        return self._next is not None or self._can_redo_masks

    def undo(self) -> None:
        """Take the last change back. Raises StorageError, and changes nothing."""
        if self._last:
            self._facts.refresh_notes()  # which may end it
        if saying := self._last:
            self._facts.keep(saying.before)
            self.param.update(past=self.past[:-1], future=(*self.future, self._now(saying)))
        else:
            self._masks.undo()

    def redo(self) -> None:
        """Take the last undo back. Raises StorageError, and changes nothing."""
        if self._next:
            self._facts.refresh_notes()
        if saying := self._next:
            self._facts.keep(saying.after)
            self.param.update(past=(*self.past, self._now(saying)), future=self.future[:-1])
        elif self._can_redo_masks:
            self._masks.redo()

    def arrive(self) -> None:
        """Let what was said be the last change before all that comes: the masks are those of another time now."""
        here = self._masks.history
        self.param.update(
            **{
                name: tuple(replace(moment, history=here) for moment in moments)
                for name, moments in (("past", self.past), ("future", self.future))
            }
        )

    @property
    def _last(self) -> Saying | None:
        """What was said after all changes of the masks that can be undone, where it still holds."""
        history, is_alone = self._masks.history, not self._masks.can_undo
        due = (moment.saying for moment in self.past[-1:] if is_alone or moment.is_last(history))
        return next((saying for saying in due if self._facts.says(saying.after)), None)

    @property
    def _next(self) -> Saying | None:
        """What was taken back last, where nothing has changed since."""
        due = (moment.saying for moment in self.future[-1:] if moment.is_next(self._masks.history))
        return next((saying for saying in due if self._facts.says(saying.before)), None)

    def _now(self, saying: Saying) -> Moment:
        return Moment(saying, self._masks.history)
