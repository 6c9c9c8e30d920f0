"""What a segmenter wants to see again of its answers, while more points are added to the same object."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from seg_app.records import Prompts
    from seg_app.sam.protocol import Trace

KEPT = 16
"""Answers of at most three masks, each of 256 KiB with the official models."""


class Corrections:
    """The traces of the answers to the points of an object: each click corrects the mask that was on the screen.

    With the bundled weights this is worth 0.02 of IoU at three clicks and 0.004 at five, over 95 objects.

    They are found by the prompts they answer, so that taking a point back leads to the answer before it.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[Prompts, Hashable], dict[str, Trace]] = OrderedDict()

    def keep(self, prompts: Prompts, seen: Hashable, traces: dict[str, Trace]) -> None:
        """Keep the traces of the masks that answer prompts, by mask id, best first. seen: what the model looked at."""
        self._answers[prompts, seen] = traces
        self._answers.move_to_end((prompts, seen))
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)

    def before(self, prompts: Prompts, seen: Hashable, *, chosen: str = "") -> Trace | None:
        """Return the trace of the mask that the last of the prompts corrects; None where nothing was seen before it.

        chosen: id of the mask on the screen. Of several that answered it is the one, and stays it.
        """
        key = prompts.without_last(), seen
        traces = self._answers.get(key, {})
        if chosen in traces:
            traces = self._answers[key] = {chosen: traces[chosen]}
        return next(iter(traces.values()), None)
