"""Which model answers: a chip that says it, and a list to choose another one from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.models import Desk, Worker
from seg_app.sam import FAILED, Offer, Segmenter, Stock, get_ready
from seg_app.views import theme
from seg_app.views.courier import Courier
from seg_app.views.dialog import make_dialog
from seg_app.views.text import Text

NO_MODEL = "No model answers."
MOST_NAMED = 3
AWAY = "does not answer"


class Chooser(Viewer):
    """The model of one browser tab. It is loaded in a thread of its own: images can be looked at meanwhile."""

    def __init__(self, worker: Worker, courier: Courier):
        super().__init__()
        self._worker, self._courier = worker, courier
        self._loader, self._asker = Worker(), Worker()  # what there is can be told while a model is loaded
        for own in (self._loader, self._asker):
            own.param.watch(lambda event: event.new and worker.complain(event.new), "trouble")
        self._desk: Desk | None = None
        self._stock = Stock(())
        self._chip = pmui.Chip(
            label="", size="small", variant="outlined", visible=False, margin=(0, 8), align="center",
            on_click=lambda _: courier(self._open), description="Choose another model",
        )  # fmt: skip
        self._list = pmui.MenuList(items=[], sizing_mode="stretch_width")
        self._list.on_click(lambda item: courier(lambda: self._on_choice(item)))
        self._advice = Text(kind="caption", margin=(4, 12))
        self.dialog = make_dialog(self._list, self._advice, title="Model")
        self._words = Text(margin=(4, 0), align="center")
        self._way_out = pmui.Button(
            label="Choose a model", size="small", margin=(0, 0, 0, 16), align="center",
            on_click=lambda _: courier(self._open),
        )  # fmt: skip
        self.notice = pmui.Alert(
            objects=[pmui.Row(self._words, self._way_out, margin=0)], severity="warning", visible=False,
            margin=(8, 8, 0, 8), sizing_mode="stretch_width", sx=theme.NOTICE,
        )  # fmt: skip
        """What to do where no SAM answers. Both are to be placed outside of the bar on top, with its own colours."""
        self.on_loaded: Callable[[], object] = lambda: None
        """Called, in the page's thread, when it is known what the first model can do."""

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
        self._then(self._loader.run("Loading the model", get_ready, desk.segmenter), lambda _: self.on_loaded())
        self._then(self._loader.run("Looking for models", desk.models), self._note)

    def _note(self, stock: Stock | None) -> None:
        self._stock = stock or self._stock
        self._show()

    def _show(self) -> None:
        if self._desk:
            doing = self._loader.doing or self._asker.doing
            name = self._desk.segmenter.name
            self._chip.param.update(label=f"{doing} …" if doing else name, visible=True)
            lack = self._stock.lack if self._desk.has_default else ""
            self._words.text = words = self._without_model() if name == FAILED else lack
            self._way_out.visible = name == FAILED
            self.notice.param.update(severity="warning" if name == FAILED else "info", visible=bool(words))

    def _without_model(self) -> str:
        others = [offer for offer in self._stock.offers if self._desk and not self._desk.is_in_use(offer)]
        return " ".join(filter(None, (NO_MODEL, here(others))))

    def _open(self) -> None:
        if self._desk and not self._asker.doing:
            self._then(self._asker.run("Looking for models", self._desk.models), self._list_all)

    def _then(self, future: Any, show: Any) -> None:
        future.add_done_callback(lambda done: self._courier(lambda: show(done.result())))

    def _list_all(self, stock: Stock | None) -> None:
        if stock is None or self._desk is None:
            return
        self._stock, self._advice.text = stock, stock.advice
        self._list.items = [_item(offer, self._desk) for offer in stock.offers]
        self.dialog.open = True  # with its list: what changes in a dialog while it opens may be lost in the browser

    def _on_choice(self, item: Any) -> None:
        desk, chosen = self._desk, next((offer for offer in self._stock.offers if offer.title == item["label"]), None)
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


def here(offers: Sequence[Offer]) -> str:
    """Return which models there are, as a sentence; empty where there is none."""
    names = ["the classical segmenter" if offer.address == "classical:" else offer.title for offer in offers]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    told = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return f"{told[:1].upper()}{told[1:]} {'are' if len(names) > 1 else 'is'} here." if told else ""


def _item(offer: Offer, desk: Desk) -> dict[str, Any]:
    """Return the line of a model; of the one in use it says whether it answers."""
    if not desk.is_in_use(offer):
        return {"label": offer.title, "secondary": offer.judgement, "icon": "radio_button_unchecked"}
    if desk.segmenter.name != FAILED:
        return {"label": offer.title, "secondary": offer.judgement, "icon": "check_circle"}
    return {"label": offer.title, "secondary": f"{AWAY} · {offer.judgement}", "icon": "error", "color": "warning"}
