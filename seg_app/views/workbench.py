"""One session on the screen: canvas, toolbar, masks, planes, contrast; running jobs and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.errors import AwayError, SegAppError
from seg_app.models import Comeback, Session, Worker
from seg_app.views import theme
from seg_app.views.axes import Axes
from seg_app.views.carrying import CarryingProgress
from seg_app.views.contrast import Contrast
from seg_app.views.courier import Courier, Watches
from seg_app.views.dialog import make_dialog
from seg_app.views.image import ImageView
from seg_app.views.masklist import MaskList
from seg_app.views.ontop import OnTop
from seg_app.views.planes import Planes
from seg_app.views.remarks import Remarks
from seg_app.views.scale import DRAWING, ScaleForm
from seg_app.views.search import SearchForm, SearchProgress
from seg_app.views.text import Text
from seg_app.views.toolbar import Toolbar, help_tables, hints, tool_of_key

ELSEWHERE = "The image went to another time before this was done; nothing has changed. Repeat it if it is meant here."


class Workbench(Viewer):
    """The bench that masks are worked on. Every verb is the session's; here is where they are reached."""

    height: int | None = None
    """In pixels, for a bench that stands alone; None fills its place in a page."""
    axes: Axes | None = None
    """The choice of another time or channel, where somebody can open it."""

    def __init__(self, session: Session, worker: Worker | None = None, courier: Courier | None = None):
        super().__init__()
        self.session = session
        self.worker = worker or Worker()
        self._own_worker = None if worker else self.worker
        self.courier = courier or Courier()
        self.watches = Watches()
        self.seen = session.volume.image.path
        """Of which time the page shows the objects; all channels share them."""
        self.image = ImageView(session, self.worker, self.courier, on_key=self._on_key)
        self._toolbar = Toolbar(self)
        self._masklist = MaskList(self)
        self._search, self._searching = SearchForm(self), SearchProgress(self, session.search)
        self._carrying = CarryingProgress(self, session.carrying)
        self._scale, self._remarks = ScaleForm(self), Remarks(session.volume)
        self._plane = Planes(session)
        self._contrast = Contrast(self)
        self._status = Status(self)
        tables = [pmui.Markdown(one, stylesheets=[theme.HELP_CSS], width=470, margin=(0, 8)) for one in help_tables()]
        self._help = make_dialog(pmui.Row(*tables, sx=theme.WRAP), title="Keys and mouse", width_option="lg")
        asking = (self._search.dialog, self._scale.dialog, self._remarks.dialog)
        self._dialogs = (self._help, *self._masklist.dialogs, *asking)
        self._comeback = Comeback(session, self._ask_again)
        self._watch()

    def _watch(self) -> None:
        session = self.session
        refresh = lambda *_: self.courier.soon(self.refresh)  # noqa: E731 - one name for all the watchers
        self.watches.add(session.masks, ["masks", "selected", "can_undo", "can_redo", "saved"], refresh)
        self.watches.add(session.timeline, ["past", "future"], refresh)
        self.watches.add(session.draft, ["prompts", "mask", "include", "drawing", "is_waiting"], refresh)
        self.watches.add(session.draft, ["mask", "is_waiting"], lambda *_: self._on_answer())
        self.watches.add(session, ["z", "limits", "set_title", "segmenter"], refresh)
        self.watches.add(session, "index", lambda _: self.courier(self._on_place))
        for finding in session.findings:
            self.watches.add(finding, "is_running", refresh)
        self.watches.add(session.preview, "is_on", refresh)
        self.watches.add(session.volume, ["calibration", "said_databar"], refresh)
        self.watches.add(session.volume, "image", lambda _: self.courier(self._grow))
        for dialog in self._dialogs:
            self._watch_dialog(dialog)

    def _watch_dialog(self, dialog: pmui.Dialog) -> None:
        self.watches.add(dialog, "open", lambda _: self._status.give_way(to_dialog=any(d.open for d in self._dialogs)))

    def refresh(self) -> None:
        """Show what makes sense now."""
        for view in (self._toolbar, self._masklist, self._plane, self._contrast, self._scale, self._status):
            view.refresh()

    def _grow(self) -> None:
        self._plane.grow()
        if self.axes:
            self.axes.refresh()

    def _on_place(self) -> None:
        """Show what is another one at another time or channel; what was listed for the one of before is closed."""
        self.seen = self.session.volume.image.path
        for dialog in self._masklist.dialogs:
            dialog.open = False
        self._contrast.turn()
        for progress in (self._searching, self._carrying):
            progress.hide()
        self.refresh()

    # Verbs

    def do(self, title: str, verb: Callable[..., Any], *args: Any, then: Callable[[Any], None] | None = None) -> None:
        """Run a verb in the worker thread, after those that wait there; then give its result to the page.

        It is refused where the image is at another time by then: what was seen when it was asked for is not there.
        """
        seen = self.seen

        def at_its_place() -> Any:
            if self.session.volume.image.path != seen:
                raise SegAppError(ELSEWHERE)
            return verb(*args)

        future = self.worker.run(title, at_its_place)
        if then:
            future.add_done_callback(lambda done: self.courier(lambda: then(done.result())))

    def take_back(self) -> None:
        """Drop the last point or box at once, then outline what the others mean."""
        self.session.draft.take_back()
        self.worker.run("Outlining the object", self.session.outline)

    def _ask_again(self) -> None:
        """Outline what a segmenter that had gone away did not."""
        self.worker.run("Outlining the object", self.session.outline)

    def _on_answer(self) -> None:
        """Say no longer that the segmenter is away, whoever was the first to find it there."""
        if isinstance(self.worker.cause, AwayError) and not self.session.draft.is_waiting:
            self.worker.trouble = ""

    def accept(self) -> None:
        """Take the object at once, then outline it if it is not yet, and keep it: nobody has to wait for a model."""
        if taken := self.session.take():
            self.worker.run("Accepting the object", self.session.keep, taken)

    def join(self) -> None:
        """Make what is selected now one object through the planes."""
        self.do("Joining", self.session.masks.join, self.session.masks.selected)

    def split(self) -> None:
        """Make the objects that are selected now others from the plane on view on."""
        self.do("Splitting", self.session.masks.split, self.session.masks.selected, self.session.z)

    def delete_selected(self) -> None:
        """Delete what is selected now, whatever is selected when the worker comes to it."""
        self.do("Deleting", self.session.masks.remove, self.session.masks.selected)

    def delete_here(self) -> None:
        """Delete what is selected now on the plane on view, and leave it on others."""
        here = [mask.id for mask in self.session.masks.chosen if mask.z == self.session.z]
        self.do("Deleting", self.session.masks.remove, here)

    def heed(self, dialog: pmui.Dialog) -> None:
        """While a dialog of the page is open, let keys close it and do nothing else."""
        self._dialogs = (*self._dialogs, dialog)
        self._watch_dialog(dialog)

    def _on_key(self, key: str) -> None:
        dialog = next((dialog for dialog in self._dialogs if dialog.open), None)
        if dialog:
            dialog.open = key != "Escape"
        elif self.image.measures.ruler.is_on and key == "Escape":
            self.leave_line()
        elif tool := tool_of_key(key):
            tool.verb(self)  # ready or not: what makes it ready may still wait in the worker, before it

    def save(self) -> None:
        """Save the masks and say where."""
        self.do("Saving the masks", self.session.save)

    def show_search(self) -> None:
        """Ask what to look for, then `find_all`."""
        self.courier(self._search.ask)

    def find_all(self) -> None:
        """Find all objects that the search of the session wants, and accept them."""
        self._searching.start()

    def carry(self) -> None:
        """Follow the selected objects through the planes, and accept what is found there."""
        self._carrying.start(self.session.masks.chosen)

    def show_scale(self) -> None:
        """Show how large a pixel is and where the databar begins, to change it."""
        self.courier(self._scale.ask)

    def show_remarks(self) -> None:
        """Show what should be known of the image before measuring on it."""
        self.courier(self._remarks.tell)

    def draw_line(self) -> None:
        """Let the next drag draw a line, whose length is asked for then."""
        self.courier(self.image.measures.begin_line)
        self.courier(self._status.refresh)

    def leave_line(self) -> None:
        """Draw no line, and forget the one that was drawn."""
        self.courier(self.image.measures.end_line)
        self.courier(self._status.refresh)

    def show_help(self) -> None:
        """Show all keys and gestures."""
        self.courier(lambda: setattr(self._help, "open", True))

    def close(self) -> None:
        """End the threads of this bench, and hear of nothing any more."""
        self.watches.end()
        self._comeback.close()
        self.image.close()
        for progress in (self._searching, self._carrying):
            progress.close()
        if self._own_worker:
            self._own_worker.close()

    def __panel__(self) -> pn.viewable.Viewable:
        before, names = (self.axes.sliders, self.axes.names) if self.axes else ([], [])
        grey = pmui.Row(*names, self._contrast, sizing_mode="stretch_width", margin=0, min_width=300 + 160 * len(names))
        sliders = pmui.Row(
            *before, self._plane, grey, sizing_mode="stretch_width", margin=0, min_height=60, sx=theme.WRAP
        )
        canvas = pmui.Paper(
            self._toolbar, self.image, sliders, sizing_mode="stretch_both", elevation=0, sx=theme.PAPER, margin=8
        )
        objects = pmui.Column(
            *(self._searching, self._carrying, self._masklist), sizing_mode="stretch_height", width=388, margin=0
        )
        bench = pmui.Row(canvas, objects, sizing_mode="stretch_both", margin=0)
        root = pmui.Column(
            *(bench, self._status, self._help, self._search, self._scale, self._remarks),
            sizing_mode="stretch_both",
            margin=0,
            min_height=520,
        )
        if self.height:
            root.param.update(
                sizing_mode="stretch_width", height=self.height, min_height=self.height, theme_config=theme.THEME
            )
        return root


class Status(Viewer):
    """One line below: what is going on, what can be done, what is under the pointer; errors above it until closed."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench = bench
        worker = bench.worker
        self._hint = Text(text=hints(bench.session), kind="line", margin=(2, 12))
        self._readout = Text(kind="line", margin=(2, 12))
        self._message = Text(margin=0)
        self._trouble = pmui.Alert(
            objects=[self._message], severity="error", closeable=True, visible=False, sx=theme.FLOATING
        )
        self._on_top = OnTop(content=self._trouble)
        self._bar = pmui.LinearProgress(
            variant="indeterminate", sx=theme.HIDDEN, sizing_mode="stretch_width", height=3, margin=(0, 8)
        )
        bench.watches.add(worker, "doing", lambda _: bench.courier(self._show_doing))
        bench.watches.add(worker, "trouble", lambda _: bench.courier(self._show_trouble))
        bench.image.readout.text.rx.watch(lambda text: self._readout.param.update(text=text))

    def refresh(self) -> None:
        """Say what the next gesture does."""
        self._show_doing()

    def _show_doing(self) -> None:
        doing = self._bench.worker.doing
        hint = DRAWING if self._bench.image.measures.ruler.is_on else hints(self._bench.session)
        self._hint.text = f"{doing} …" if doing else hint
        self._bar.sx = {} if doing else theme.HIDDEN

    def _show_trouble(self) -> None:
        trouble = self._bench.worker.trouble
        self._message.text = trouble
        self._trouble.param.update(visible=bool(trouble), closed=False)
        self._on_top.rise() if trouble else self._on_top.sink()

    def give_way(self, *, to_dialog: bool) -> None:
        """Say what went wrong where it covers no dialog, or none any more."""
        self._on_top.over_dialog = to_dialog

    def __panel__(self) -> pn.viewable.Viewable:
        line = pmui.Row(
            self._hint, pn.layout.HSpacer(), self._readout, sizing_mode="stretch_width", margin=0, min_height=21
        )
        return pmui.Column(self._bar, self._on_top, line, sizing_mode="stretch_width", margin=0)
