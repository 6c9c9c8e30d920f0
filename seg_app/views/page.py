"""The page of the app: the data on the left, the workbench of the open image beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.util.parameters import edit_readonly
from panel.viewable import Viewer

from seg_app.errors import BusyError
from seg_app.models import Desk, Explorer, Preferences, Session, Wanted, Worker
from seg_app.views import theme
from seg_app.views.about import About
from seg_app.views.address import Address
from seg_app.views.axes import Axes
from seg_app.views.browser import Browser
from seg_app.views.chooser import Chooser
from seg_app.views.connection import Connection
from seg_app.views.courier import Courier, Watches
from seg_app.views.curtain import OPENING, Curtain
from seg_app.views.drops import DropsBrowser
from seg_app.views.reception import Reception
from seg_app.views.text import Text
from seg_app.views.upload import Upload
from seg_app.views.workbench import Workbench

NOTHING_OPEN = (
    "Choose an image on the left. Where there is none yet: put images into the app's folder of samples, or start the "
    "app with their folder (seg-app serve FOLDER), and reload this page."
)


class Page(Viewer):
    """What a browser tab shows. `open_desk` connects to everything; it runs in the worker thread."""

    def __init__(self, open_desk: Callable[[], Desk], preferences: Preferences, reception: Reception | None = None):
        super().__init__()
        self._open_desk, self._preferences, self._reception, self._ticket = open_desk, preferences, reception, ""
        self.worker = Worker()
        self._courier = courier = Courier()
        courier.on_error = self.worker.complain
        self.bench: Workbench | None = None
        self._desk: Desk | None = None
        self._wanted: dict[str, int] = {}
        self._chooser = Chooser(self.worker, courier)
        self._chooser.on_loaded = lambda: self.bench and self.bench.refresh()
        self._about, self._curtain, self._address = About(), Curtain(), Address()
        self._asked = self._address.asked()
        self._is_opening = False
        self._dialogs: list[pmui.Dialog] = []
        self._browser: Browser | None = None
        self._drops: DropsBrowser | None = None
        self._remembered = ""
        self._sidebar = pmui.Column(sizing_mode="stretch_width", margin=0)
        self._welcome = Welcome(self.worker, courier, retry=self.start)
        self._main = pmui.Column(self._welcome, sizing_mode="stretch_both", margin=0)
        unseen = (Connection(), self._address)
        self._page = pmui.Page(
            title="seg_app",
            header=[pmui.Row(self._about, pn.layout.HSpacer(), self._chooser, *unseen, sizing_mode="stretch_width")],
            sidebar=[self._sidebar],
            sidebar_width=260,
            main=[self._chooser.notice, self._main, self._chooser.dialog, self._curtain],
            theme_config=theme.THEME,
            dark_theme=preferences.dark,
            busy_indicator=None,  # what takes long is said in words
            raw_css=[theme.first_paint(dark=preferences.dark)],
        )
        with edit_readonly(self._page):
            # Else it follows each event, twice, and Panel looks through the whole page for each change of it.
            self._page.busy = False
        self._page.param.watch(lambda event: preferences.param.update(dark=event.new), "dark_theme")
        self.worker.param.watch(lambda _: courier(self._draw_curtain), "doing")
        self.start()

    def start(self) -> None:
        """Connect, then open what the address asks for, else the first image; what went wrong before is forgotten."""
        self.worker.trouble = ""
        if self._desk and self._browser:  # what is right on the left stays: somebody may be about to click on it
            self._begin(self._desk)
            if self._browser.is_stale:
                self._browser.reread()
            return
        self.worker.run("Starting", self._open_desk).add_done_callback(
            lambda done: self._courier(lambda: self._on_desk(done.result()))
        )

    def _on_desk(self, desk: Desk | None) -> None:
        if desk is None:
            return
        desk.param.watch(lambda event: self._courier(lambda: self._on_session(desk, event.new)), "session")
        self._desk = desk
        self._sidebar[:] = self._ways_in(desk)
        self._begin(desk)

    def _begin(self, desk: Desk) -> None:
        asked = self._asked
        title = f"Opening {(asked.part or asked.drops or asked.image).rpartition('/')[2] or 'the first image'}"
        self.worker.run(title, lambda: desk.begin(asked, tell=lambda words: setattr(self.worker, "doing", words)))

    def _ways_in(self, desk: Desk) -> list[Any]:
        self._browser = browser = Browser(desk, self.worker, self._courier)
        self._dialogs = [browser.dialog]
        own = self._upload(desk, browser)
        if desk.drops is None:
            return [Text(text="Data", kind="title", margin=(12, 12, 4, 12)), *own, browser]
        self._drops = drops = DropsBrowser(Explorer(desk), self.worker, self._courier)
        tabs = pmui.Tabs(("Data", browser), ("Drops", drops), sizing_mode="stretch_width", margin=0)
        tabs.param.watch(lambda event: event.new and drops.begin(), "active")
        return [*own, tabs]

    def _upload(self, desk: Desk, browser: Browser) -> list[Upload]:
        """Return the way in for files of the user's own computer, where the server has one."""
        if not (self._reception and desk.inbox):
            return []

        def deliver(folder: Path, troubles: list[str]) -> None:
            opening = self.worker.run(f"Opening {folder.name}", desk.open_delivered, folder)
            opening.add_done_callback(lambda _: self._courier(browser.reread))
            if troubles:  # said by the workbench of the new image, which the page makes before
                said = " ".join(troubles[:3])
                opening.add_done_callback(lambda _: self._courier(lambda: self.worker.complain(said)))

        self._reception.dismiss(self._ticket)
        self._ticket = self._reception.admit(desk.inbox, deliver)
        return [Upload(self._ticket, self.worker.complain)]

    def _on_session(self, desk: Desk, session: Session) -> None:
        self._remember(session)
        self._address.follow(session, desk.link, self._courier)
        before, self.bench = self.bench, Workbench(session, self.worker, self._courier)
        for dialog in (self._chooser.dialog, *self._dialogs):
            self.bench.heed(dialog)
        self._is_opening, self.bench.image.on_picture = True, self._on_picture
        self._curtain.words = f"Opening {session.volume.title} …"  # whatever has opened it
        if session.volume.axes:
            self.bench.axes = Axes(session, self._move)
        self._main[:] = [self.bench]
        self._chooser.begin(desk)  # after the first image, which whoever comes wants to see first
        self._welcome.close()
        if before:
            before.close()

    def _on_picture(self) -> None:
        """Name the image with its picture, not before it."""
        if self._is_opening and self.bench:
            self._is_opening = False
            self._about.follow(self.bench)
            self._draw_curtain()

    def _draw_curtain(self) -> None:
        doing = self.worker.doing
        if doing.startswith(OPENING):
            self._curtain.words = f"{doing} …"
        elif not self._is_opening:
            self._curtain.words = ""

    def _move(self, index: dict[str, int], *, has_waited: bool = False) -> None:
        """Go to another place of the image; where the user has moved on until then, to that one.

        It waits for an object that is being accepted, and stays where that could not be kept.
        """
        self._wanted, bench = index, self.bench

        def on_moved(again: bool | None) -> None:
            if again and index is self._wanted:
                self._move(index, has_waited=True)
            elif bench and bench.axes and index is self._wanted:  # else the session goes on from there
                bench.axes.arrive()

        done = self.worker.run("Going to another place of the image", self._go, index, bench, has_waited)
        done.add_done_callback(lambda done: self._courier(lambda: on_moved(done.result())))

    def _go(self, index: dict[str, int], bench: Workbench | None, has_waited: bool) -> bool:
        """Say whether it must be tried again: what waits to be accepted belongs to the place of now."""
        if index is not self._wanted or not (self._desk and bench and self._desk.session is bench.session):
            return False
        draft = bench.session.draft
        if draft.is_in_hand or (has_waited and draft.has_come_back):
            return draft.is_in_hand
        try:
            self._desk.move(**index)
        except BusyError:  # Enter was pressed while it was on its way
            return True
        return False

    def _remember(self, session: Session) -> None:
        preferences, whole = self._preferences, session.volume.whole
        image = whole.path if whole else session.volume.image.path  # all its times and channels have one class
        if self._remembered != image:
            session.class_name = preferences.class_for(image, session.masks.masks)
        elif self.bench:
            session.class_name = self.bench.session.class_name
        self._remembered = image
        session.search.wanted = Wanted.from_json(preferences.search)
        session.preview.is_on = preferences.preview
        session.preview.param.watch(lambda event: preferences.param.update(preview=event.new), "is_on")
        session.param.watch(lambda event: preferences.type_class(image, event.new), "class_name")
        session.search.param.watch(lambda event: preferences.param.update(search=asdict(event.new)), "wanted")

    def close(self) -> None:
        """End the threads of this tab, and take no files from it any more."""
        self._courier.close()
        if self._reception:
            self._reception.dismiss(self._ticket)
        if self._desk:
            self._desk.close()
        if self._drops:
            self._drops.close()
        self._chooser.close()
        if self.bench:
            self.bench.close()
        self.worker.close()

    def __panel__(self) -> pmui.Page:
        return self._page


class Welcome(Viewer):
    """What the page shows while nothing is open: what is going on, or what went wrong and how to try again."""

    def __init__(self, worker: Worker, courier: Courier, *, retry: Callable[[], None]):
        super().__init__()
        self._worker, self._courier = worker, courier
        self._doing = Text(text="Starting …")
        self._message = Text(margin=0)
        self._trouble = pmui.Alert(
            objects=[self._message], severity="error", visible=False, sizing_mode="stretch_width"
        )
        self._retry = pmui.Button(
            label="Try again", icon="refresh", visible=False, margin=(8, 0), on_click=lambda _: retry()
        )
        self._watches = Watches()
        self._watches.add(worker, ["doing", "trouble"], lambda *_: self._courier(self._show))

    def close(self) -> None:
        """Hear of nothing any more: a workbench has taken its place."""
        self._watches.end()

    def _show(self) -> None:
        doing, trouble = self._worker.doing, self._worker.trouble
        self._doing.text = f"{doing} …" if doing else "" if trouble else NOTHING_OPEN
        self._message.text = trouble
        self._trouble.visible = bool(trouble)
        self._retry.visible = bool(trouble) and not doing

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Column(self._doing, self._trouble, self._retry, sizing_mode="stretch_width", margin=24)
