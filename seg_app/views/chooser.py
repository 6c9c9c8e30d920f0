"""Which model answers: a chip that says it, and a list to choose another one from."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.models import Desk, Worker
from seg_app.sam import FAILED, Offer, Segmenter, Stock, get_ready
from seg_app.views.courier import Courier
from seg_app.views.dialog import make_dialog
from seg_app.views.text import Text

NO_MODEL = "No model answers. Choose another one by its name on top: the classical segmenter needs nothing."


class Chooser(Viewer):
    """The model of one browser tab. It is loaded in a thread of its own: images can be looked at meanwhile."""

    def __init__(self, worker: Worker, courier: Courier):
        super().__init__()
        self._worker, self._courier = worker, courier
        self._loader, self._asker = Worker(), Worker()  # what there is can be told while a model is loaded
        for own in (self._loader, self._asker):
            own.param.watch(lambda event: event.new and worker.complain(event.new), "trouble")
        self._desk: Desk | None = None
        self._offers: tuple[Offer, ...] = ()
        self._lack = ""
        self._chip = pmui.Chip(
            label="", size="small", variant="outlined", visible=False, margin=(0, 8), align="center",
            on_click=lambda _: courier(self._open), description="Choose another model",
        )  # fmt: skip
        self._list = pmui.MenuList(items=[], sizing_mode="stretch_width")
        self._list.on_click(lambda item: courier(lambda: self._on_choice(item)))
        self._advice = Text(kind="caption", margin=(4, 12))
        self.dialog = make_dialog(self._list, self._advice, title="Model")
        self.notice = Text(kind="caption", visible=False, margin=(8, 16, 0, 16))
        """What to do where no SAM answers. Both are to be placed outside of the bar on top, with its own colours."""

    def begin(self, desk: Desk) -> None:
        """Load the model of a desk, and say from now on which it is; once."""
        if self._desk:
            return
        self._desk = desk
        show = lambda _: self._courier(self._show)  # noqa: E731 - one name for all the watchers
        for worker in (self._worker, self._loader, self._asker):  # a click may load what could not be loaded before
            worker.param.watch(show, "doing")
        desk.param.watch(show, "segmenter")
        self._show()
        self._loader.run("Loading the model", get_ready, desk.segmenter)
        self._then(self._loader.run("Looking for models", desk.models), self._note)

    def _note(self, stock: Stock | None) -> None:
        self._lack = stock.lack if stock else ""
        self._show()

    def _show(self) -> None:
        if self._desk:
            doing = self._loader.doing or self._asker.doing
            name = self._desk.segmenter.name
            self._chip.param.update(label=f"{doing} …" if doing else name, visible=True)
            words = NO_MODEL if name == FAILED else self._lack if self._desk.has_default else ""
            self.notice.param.update(text=words, visible=bool(words))

    def _open(self) -> None:
        if self._desk and not self._asker.doing:
            self._then(self._asker.run("Looking for models", self._desk.models), self._list_all)

    def _then(self, future: Any, show: Any) -> None:
        future.add_done_callback(lambda done: self._courier(lambda: show(done.result())))

    def _list_all(self, stock: Stock | None) -> None:
        if stock is None or self._desk is None:
            return
        self._offers, self._advice.text = stock.offers, stock.advice
        self._list.items = [
            {
                "label": offer.title,
                "secondary": offer.judgement,
                "icon": "check_circle" if self._desk.is_in_use(offer) else "radio_button_unchecked",
            }
            for offer in stock.offers
        ]
        self.dialog.open = True  # with its list: what changes in a dialog while it opens may be lost in the browser

    def _on_choice(self, item: Any) -> None:
        desk, chosen = self._desk, next((offer for offer in self._offers if offer.title == item["label"]), None)
        if desk is None or chosen is None:
            return
        self.dialog.open = False
        if not desk.is_in_use(chosen):
            loading = self._loader.run(f"Loading {chosen.title}", desk.load, chosen)
            self._then(loading, lambda model: self._on_loaded(chosen, model))

    def _on_loaded(self, chosen: Offer, model: Segmenter | None) -> None:
        # after the clicks that wait, which are for the model of before; where it was not loaded, that one stays
        if self._desk and model:
            self._worker.run("Outlining with the other model", self._desk.use, chosen, model)

    def close(self) -> None:
        """End the threads."""
        self._loader.close()
        self._asker.close()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._chip
