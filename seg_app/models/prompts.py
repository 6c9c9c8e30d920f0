"""The object that is being made: its prompts, and the mask that answers them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import param

from seg_app.errors import SegAppError, UnreadableError
from seg_app.models.left import At, Left, Taken
from seg_app.records import Box, Mask, Point, Prompts


class Draft(param.Parameterized):
    """Prompts on one plane and their mask. `mask` is None until the prompts are answered.

    What is left on other planes, and at other times, is there again when one comes back to them. Prompts come from the
    page's thread and answers from the worker's: each change is made as a whole.
    """

    prompts = param.ClassSelector(class_=Prompts, default=Prompts(), instantiate=False)
    mask = param.ClassSelector(
        class_=Mask, allow_None=True, default=None, doc="Answers `prompts`, or an earlier state."
    )
    include = param.Boolean(default=True, doc="Whether a plain click includes; a switch for those with one button.")
    drawing = param.Boolean(default=False, doc="Whether the next drag over the plane draws the box.")
    is_waiting = param.Boolean(default=False, doc="Whether the segmenter has gone away, and must be asked again.")

    def __init__(self, z: int = 0, path: str = ""):
        """z: the plane on view of the image of that path."""
        super().__init__()
        self._at, self._answered = (path, z), self.prompts
        self._earlier: tuple[Prompts, ...] = ()
        self._returned: Prompts | None = None
        self._choices: tuple[Mask, ...] = ()
        self._has_found = self._is_old = False
        self._in_hand: set[int] = set()
        self._left: dict[At, Left] = {}
        self._lock = self.held = threading.RLock()
        """Who holds it takes, adds and answers alone."""

    @property
    def is_vain(self) -> bool:
        """Whether nothing was found for the prompts."""
        return self.answered and self.mask is None and self.prompts.asks

    @property
    def is_useless(self) -> bool:
        """Whether nothing was found for the prompts, nor for those that they began with."""
        return self.is_vain and not self._has_found

    @property
    def answered(self) -> bool:
        """Whether `mask` answers `prompts` as they are now."""
        return self._answered is self.prompts and not self._is_old

    @property
    def question(self) -> tuple[Prompts, int] | None:
        """What is to be outlined, and on which plane; None where that is done, or nothing is to be."""
        with self._lock:  # else the plane might be another one
            return None if self.answered or not self.prompts.asks else (self.prompts, self._at[1])

    @property
    def choice(self) -> tuple[int, int]:
        """Which mask of how many that answer `prompts`, counted from 1, is `mask`; (0, 0) without any."""
        ids = [mask.id for mask in self._choices]
        return (ids.index(self.mask.id) + 1 if self.mask and self.mask.id in ids else 0, len(ids))

    def next_choice(self) -> None:
        """Choose the next larger mask that answers `prompts`; after the largest, the smallest."""
        with self._lock:
            place, n = self.choice
            if n > 1:
                self.mask = self._choices[place % n]

    def add(self, point: Point) -> Prompts:
        """Add a point; return all prompts. An included one takes the place of prompts that are useless."""
        with self._lock:
            if point.include:
                self.drop_useless()
            return self._go_on(self.prompts.with_point(point))

    def draw(self, box: Box) -> Prompts:
        """Set the box, in place of the one that was there or of useless prompts, and draw no more; return all."""
        with self._lock:
            self.drop_useless()
            prompts = self._go_on(self.prompts.with_box(box))
            self.drawing = False
            return prompts

    def _go_on(self, prompts: Prompts) -> Prompts:
        self._earlier = (*self._earlier, self.prompts)
        self.prompts = prompts
        return prompts

    def take_back(self) -> Prompts:
        """Return to the prompts before the last point or box, and return them."""
        with self._lock:
            *earlier, rest = self._earlier or (self.prompts.without_last(),)
            self._earlier = tuple(earlier)
            if rest.asks:
                self.prompts = rest
            else:
                self._set(rest)
            return rest

    @contextmanager
    def withdrawing(self, prompts: Prompts) -> Iterator[None]:
        """Answer prompts in the block; where their plane cannot be read, return to the last that were answered.

        Also by a model of before: they are the user's work.
        """
        try:
            yield
        except UnreadableError:
            with self._lock:
                while prompts is self.prompts is not self._answered:
                    prompts = self.take_back()
            raise

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._earlier = ()
            self._set(Prompts())

    def turn(self, z: int, path: str | None = None) -> None:
        """Leave what is there on its plane, unless it is useless, and take up what was left on plane z.

        path: that of the image at another time, where one goes there.
        """
        with self._lock:
            self._left = self.waiting
            self._at = (self._at[0] if path is None else path, z)
            self.clear()
            self.resume(self._left)

    @property
    def waiting(self) -> dict[At, Left]:
        """What is not accepted, by where it is; without what is useless."""
        with self._lock:
            if not self.prompts or self.is_useless:
                return self._left.copy()
            return {**self._left, self._at: self._now}

    @property
    def _now(self) -> Left:
        state = (self._answered, self._earlier, self._choices, self._has_found, self._is_old)
        return Left(self.prompts, self.mask, *state)

    def resume(self, waiting: Mapping[At, Left]) -> None:
        """Go on with what was `waiting`, at once with that of the plane on view."""
        with self._lock:
            self._left = {**waiting}
            if left := self._left.pop(self._at, None):
                self._take_up(left)

    def _take_up(self, left: Left) -> None:
        self._answered, self._earlier, self._choices = left.answered, left.earlier, left.choices
        self._has_found, self._is_old = left.has_found, left.is_old
        self.param.update(prompts=left.prompts, mask=left.mask)

    @property
    def left_on(self) -> tuple[int, ...]:
        """The planes, from 0, on which something was left that is not accepted, at the time on view."""
        return tuple(sorted(z for path, z in self._left if path == self._at[0]))

    @property
    def n_left_elsewhere(self) -> int:
        """At how many other times something was left that is not accepted."""
        return len({path for path, _ in self._left} - {self._at[0]})

    def drop_useless(self) -> None:
        """Drop prompts for which nothing was ever found: what comes next is for another object."""
        with self._lock:
            if self.is_useless:
                self.clear()

    def drop(self) -> None:
        """Draw no box any more; where none was to be drawn, drop everything."""
        if self.drawing:
            self.drawing = False
        else:
            self.clear()

    def switch_drawing(self) -> None:
        """Let the next drag draw the box, or no longer."""
        self.drawing = not self.drawing

    def ask_again(self) -> None:
        """Take no mask for an answer any more: another model is to give one. Until then it stays."""
        with self._lock:
            self._is_old, self._choices = True, ()
            self._left = {at: replace(left, is_old=True, choices=()) for at, left in self._left.items()}

    def answer(self, prompts: Prompts, masks: Sequence[Mask]) -> bool:
        """Set the masks that answer prompts, best first, unless these have changed since; say whether they were set."""
        with self._lock:
            if prompts is not self.prompts:
                return False
            was_empty = self.mask is None
            self._set(prompts, *masks)
            if was_empty and not masks:
                self.param.trigger("mask")  # that nothing was found is news, too
            return True

    def take(self, *, class_name: str) -> Taken | None:
        """Empty the draft and return the object that was in it, outlined or not; None, and keep all, without one."""
        with self._lock:
            mask = self.mask if self.answered else None
            if not self.prompts.asks or (self.answered and mask is None):
                return None
            taken = Taken(self.prompts, mask, self._at[1], class_name, self._now)
            self._in_hand.add(id(taken))
            self.clear()
            return taken

    @property
    def is_in_hand(self) -> bool:
        """Whether an object was taken and is not kept yet: it is of the image as it is now."""
        return bool(self._in_hand)

    @property
    def has_come_back(self) -> bool:
        """Whether what is in the draft was taken and could not be kept."""
        there = (self.prompts, *(left.prompts for left in self._left.values()))
        return any(prompts is self._returned for prompts in there if prompts)

    def let_go(self, taken: Taken) -> None:
        """Say that an object is kept, or cannot be."""
        self._in_hand.discard(id(taken))

    def put_back(self, taken: Taken) -> bool:
        """Return an object to the draft of its plane, unless another is begun there; say whether it was put back."""
        with self._lock:
            at = (self._at[0], taken.z)  # one goes to no other time while it is in hand
            if self.prompts if at == self._at else at in self._left:
                return False
            self._returned = taken.prompts
            if at == self._at:
                self._take_up(taken.left)
            else:
                self._left[at] = taken.left
            return True

    def _set(self, prompts: Prompts, *masks: Mask) -> None:
        self._answered, self._choices = prompts, tuple(sorted(masks, key=lambda mask: mask.area))
        self._has_found, self._is_old = bool(masks) or (self._has_found and bool(prompts)), False
        # Param takes an equal value for a change, and the page would paint the points once more before the outline.
        changed = {} if prompts is self.prompts else {"prompts": prompts}
        waits = self.is_waiting and bool(prompts)
        self.param.update(mask=masks[0] if masks else None, is_waiting=waits, **changed)


def box_on_plane(box: Box, plane: tuple[int, int]) -> Box:
    """Return the part of a box that is on a plane of (rows, columns), its top left corner first.

    Raises SegAppError when that is less than a pixel wide or high.
    """
    x0, x1 = sorted((box.x0, box.x1))
    y0, y1 = sorted((box.y0, box.y1))
    x0, y0, x1, y1 = max(x0, -0.5), max(y0, -0.5), min(x1, plane[1] - 0.5), min(y1, plane[0] - 0.5)
    if not (x1 - x0 >= 1 and y1 - y0 >= 1):  # so that no comparison with NaN lets it pass
        raise SegAppError(
            f"The box has no pixel of the plane of {plane[1]} × {plane[0]} pixels in it. "
            "Draw it from corner to corner around the object."
        )
    return Box(x0, y0, x1, y1)
