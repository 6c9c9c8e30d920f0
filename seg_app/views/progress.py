"""How far something is that finds many objects, and how to end it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.models import Ending, Worker
from seg_app.views import theme
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.models import Finding
    from seg_app.records import Mask
    from seg_app.views.workbench import Workbench

LEAST_DONE, LEAST_S = 0.03, 5.0
"""Before so much is done, and so long has passed, nobody can say how long the rest takes."""
STEPS_S = ((60, 10), (600, 60), (3600, 300), (math.inf, 1800))
"""(up to, in steps of): nobody needs to know it better."""


class Progress(Viewer):
    """How far it is and what it has found; nothing while it does not run. Subclasses have the words."""

    def __init__(self, bench: Workbench, finding: Finding):
        super().__init__()
        self._bench, self._finding, self._worker = bench, finding, Worker()
        self._accepted: set[str] = set()
        self._left_s: float | None = None
        self._text = Text(margin=(8, 12, 4, 12), sizing_mode="stretch_width")
        self._bar = pmui.LinearProgress(value=0, variant="determinate", sizing_mode="stretch_width", margin=(2, 12))
        self._keep = self._button("Keep these", Ending.KEEP, "Accept what was found so far")
        self._discard = self._button("Discard", Ending.DISCARD, "End it, and forget what it has found")
        self._close = pmui.Button(label="OK", variant="text", size="small", on_click=lambda _: self.hide(), margin=4)
        self._paper = pmui.Paper(
            self._text, self._bar, pmui.Row(self._keep, self._discard, self._close, margin=(0, 8, 4, 8)),
            width=380, elevation=0, sx=theme.PAPER, margin=(8, 8, 0, 0), visible=False,
        )  # fmt: skip
        bench.watches.add(finding, ["is_running", "done", "found"], lambda *_: bench.courier(self._show))
        bench.watches.add(bench.session.masks, "masks", lambda _: bench.courier(self._on_masks))
        bench.watches.add(self._worker, "trouble", lambda event: event.new and self._complain(event.new))

    def _button(self, label: str, ending: Ending, description: str) -> pmui.Button:
        return pmui.Button(
            label=label, variant="text", size="small", description=description, margin=4,
            on_click=lambda _: self._finding.end(ending),
        )  # fmt: skip

    def _complain(self, trouble: str) -> None:
        self._bench.worker.complain(trouble, cause=self._worker.cause)

    def start(self, *what: Any) -> None:
        """Find what is wanted, in a thread of its own: clicks are answered meanwhile."""
        running = self._worker.run(self._finding.title, self._finding.run, *what)
        running.add_done_callback(lambda done: self._bench.courier(lambda: self._on_end(done.result())))

    def _words(self) -> str:
        """Return what was found so far, in words."""
        raise NotImplementedError

    def _outcome(self, accepted: tuple[Mask, ...]) -> str:
        """Return what it has brought, and what can be done now."""
        raise NotImplementedError

    def _show(self) -> None:
        if not self._finding.is_running:
            return
        done = min(round(100 * self._finding.done), 100)
        self._left_s = seconds_left(self._finding.done, self._finding.elapsed_s, said_s=self._left_s)
        self._text.text = f"{self._finding.title}: {done} %{spoken_left(self._left_s)} · {self._words()}"
        self._bar.value = done
        self._arrange(is_running=True)

    def _on_end(self, accepted: tuple[Mask, ...] | None) -> None:
        self._accepted = {mask.id for mask in accepted or ()}
        self._text.text = self._outcome(accepted or ())
        self._arrange(is_running=False)
        # of what went wrong the line of errors speaks, and who discarded knows that nothing was kept
        self._paper.visible = accepted is not None and self._finding.ending is not Ending.DISCARD
        self._on_masks()  # who was quick has undone it by now

    def _on_masks(self) -> None:
        if self._accepted and not self._accepted & {mask.id for mask in self._bench.session.masks.masks}:
            self.hide()  # it was undone

    def _arrange(self, *, is_running: bool) -> None:
        self._bar.visible = self._keep.visible = self._discard.visible = is_running
        self._close.visible = not is_running
        self._paper.visible = True

    def hide(self) -> None:
        """Speak no more of what has ended."""
        self._accepted = set()
        self._paper.visible = False

    def close(self) -> None:
        """End it and its thread, as another image takes the place of this one; what was found is accepted here."""
        self._finding.end(Ending.KEEP)
        self._worker.close()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._paper


def seconds_left(done: float, elapsed_s: float, *, said_s: float | None = None) -> float | None:
    """Return how long something will still take, by the share that is done, rounded; None: it is too early to say.

    said_s: what was said of it before, which stays as long as it is about right.
    """
    if done < LEAST_DONE or elapsed_s < LEAST_S:
        return None
    left_s = elapsed_s * max(1 - done, 0) / done
    if said_s is not None and abs(left_s - said_s) < 0.75 * _step_s(said_s):
        return said_s
    step_s = _step_s(left_s)
    return max(round(left_s / step_s), 1) * step_s


def _step_s(left_s: float) -> float:
    return next(step_s for most_s, step_s in STEPS_S if left_s <= most_s)


def spoken_left(left_s: float | None) -> str:
    """Return what follows the share that is done: how long it will still take; nothing where nobody can say."""
    if left_s is None:
        return ""
    if left_s <= STEPS_S[0][1]:
        return ", some seconds left"
    number, unit = (left_s, "s") if left_s < 60 else (left_s / 60, "min") if left_s < 3600 else (left_s / 3600, "h")
    return f", about {number:g} {unit} left"
