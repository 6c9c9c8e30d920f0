"""Drives a page as hands do: by mouse and keyboard, in pixels of the image; looks at it as eyes do."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from heard import Heard
from page_scripts import FIGURE, PLACE, READY
from playwright.sync_api import Browser, Locator, Page, expect

PATIENCE_S = 30
"""How long what must come is waited for: on a busy machine it takes its time."""
expect.set_options(timeout=1000 * PATIENCE_S)
LOCAL = ("http://127.0.0.1:", "http://localhost:", "ws://127.0.0.1:", "ws://localhost:", "data:", "blob:")
BENIGN = (
    "GPU stall due to ReadPixels",  # Chromium without a graphics card
    # Bokeh 3.9 measures a figure that it is still building when a neighbour changes its size; it does so again at once.
    "reading 'top_panel'",
)


@contextmanager
def opened(browser: Browser, url: str, **how: Any) -> Iterator[Tab]:
    """Open the app in a new tab, which must end without any trouble in its console."""
    tab = Tab(browser, url, **how)
    yield tab
    tab.close()
    tab.assert_calm()


class Tab:
    """One browser tab with the app in it. `troubles` are errors of its console and requests that leave the machine."""

    def __init__(self, browser: Browser, url: str, *, width: int = 1280, height: int = 800, heard: Heard | None = None):
        self._context = browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", device_scale_factor=1
        )
        self._context.set_default_timeout(1000 * PATIENCE_S)
        self.page: Page = self._context.new_page()
        self.troubles: list[str] = []
        self.received_bytes = 0
        self._listen()
        if heard:
            heard.listen(self.page)
        self.page.goto(url, wait_until="commit")

    def _listen(self) -> None:
        page = self.page
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("console", lambda message: message.type == "error" and self._note(message.text))
        page.on("request", lambda request: request.url.startswith(LOCAL) or self._note(f"leaves: {request.url}"))
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _note(self, trouble: str) -> None:
        if not any(known in trouble for known in BENIGN):
            self.troubles.append(trouble)

    def _count(self, payload: str | bytes) -> None:
        self.received_bytes += len(payload)

    def close(self) -> None:
        """Close the tab."""
        self._context.close()

    def assert_calm(self) -> None:
        """Fail when there was trouble since the last call: in a tab of many tests the one that made it must fail."""
        troubles, self.troubles = self.troubles, []
        assert not troubles

    # Looking

    def wait_for_picture(self) -> None:
        """Wait until a picture is on the canvas and nothing is on its way to it."""
        self.page.wait_for_function(READY)
        place: tuple[float, ...] = ()

        def is_at_rest() -> bool:  # the page finds its layout step by step
            nonlocal place
            self.page.wait_for_timeout(200)
            return place == (place := (*self.place(0, 0), *self.place(99, 99)))

        self.wait_until(is_at_rest)
        self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn all it knows."""
        self.page.wait_for_function(f"() => {FIGURE}?.model.document.is_idle")

    def figure(self, expression: str) -> Any:
        """Evaluate JavaScript with `f`, the view of the figure."""
        self.page.wait_for_function(f"() => {FIGURE}")  # while another image opens there is none
        return self.page.evaluate(f"() => {{ const f = {FIGURE}; return {expression} }}")

    def ranges(self) -> tuple[float, ...]:
        """Return the edges of what is shown: left, right, top, bottom."""
        return tuple(self.figure("(m => [m.x_range.start, m.x_range.end, m.y_range.end, m.y_range.start])(f.model)"))

    def points(self) -> list[tuple[float, float, str]]:
        """Return the prompt markers on the canvas: x, y, 'include' or 'exclude'."""
        marks = self.figure(
            "(d => Array.from(d.x, (x, i) => [x, d.y[i], d.marker[i]]))"
            "(f.model.renderers.find(r => r.glyph.type === 'Scatter').data_source.data)"
        )
        return [(x, y, {"circle_cross": "include", "circle_x": "exclude"}[mark]) for x, y, mark in marks]

    def outline(self) -> list[list[list[float]]]:
        """Return the rings of the outline on the canvas as lists of x and of y."""
        return self.figure(
            "(d => d.xs.length ? d.xs[0][0].map((x, i) => [Array.from(x), Array.from(d.ys[0][0][i])]) : [])"
            "(f.model.renderers.find(r => r.glyph.type === 'MultiPolygons').data_source.data)"
        )

    def overlay_pixels(self, which: int) -> int:
        """Return how many screen pixels the layer of accepted objects (0) or of the selection (1) covers."""
        return self.figure(
            "(r => { const i = r.data_source.data.image[0]; return i ? i.reduce((n, v) => n + (v > 0), 0) : 0 })"
            f"(f.model.renderers.filter(r => r.glyph.type === 'Image')[{which} + "
            "(f.model.renderers[0].glyph.type === 'Image' ? 1 : 0)])"
        )

    def wait_for_rows(self, count: int) -> None:
        """Wait until the list has so many rows."""
        self.wait_until(lambda: self.page.locator(".tabulator-row").count() == count)

    def rows(self) -> list[list[str]]:
        """Return the texts of the list: number, class, area, score, plane of each row."""
        cells = "[...r.querySelectorAll('.tabulator-cell')].filter(c => c.offsetParent)"
        script = f"rows => rows.map(r => {cells}.map(c => c.innerText.trim()))"
        drawn: list[list[str]] = []

        def are_whole() -> bool:  # while the list draws itself anew, its rows have no cells
            drawn[:] = self.page.locator(".tabulator-row").evaluate_all(script)
            return all(any(row) for row in drawn)

        self.wait_until(are_whole)
        return [[text for text in row if text] for row in drawn]

    def selected_rows(self) -> int:
        """Return how many rows are highlighted."""
        return self.page.locator(".tabulator-row.tabulator-selected").count()

    def wait_for_text(self, text: str) -> None:
        """Wait until a text is on the page."""
        self.wait_until(self.page.get_by_text(text).locator("visible=true").first.is_visible)  # not what was closed

    def wait_for_file(self, text: str) -> None:
        """Wait for a text that takes the way of a file: to the server, and back as a picture."""
        self.wait_until(self.page.get_by_text(text).count, timeout_s=40)

    def dialogs(self) -> int:
        """Return how many dialogs there are; also one that fades out takes what is done with the mouse."""
        return self.page.get_by_role("dialog").count()

    def shows(self, text: str) -> bool:
        """Say whether a text is in sight."""
        return self.page.get_by_text(text).filter(visible=True).count() > 0

    def is_drawing(self) -> bool:
        """Say whether the next drag draws a box."""
        return self.page.locator("[data-drawing]").count() > 0

    @property
    def class_field(self) -> Locator:
        """The field of the class that new objects get."""
        return self.page.get_by_label("Class of new objects")

    # Doing

    def show(self, title: str) -> None:
        """Open an image by a click on its title, unless it is open."""
        if not self.page.get_by_text(f"{title} · ").count():
            self.open_by(self.page.get_by_text(title, exact=True).first.click, title)

    def open_by(self, act: Callable[[], object], title: str = "") -> None:
        """Do something that opens another image, and wait until the canvas is its own, at rest, and has its title."""
        before = self.figure("f.model.id")
        act()
        self.page.wait_for_function(f"() => ![undefined, '{before}'].includes({FIGURE}?.model.id)")
        if title:
            self.wait_for_text(f"{title} · ")
        self.wait_for_picture()

    def close_all(self) -> None:
        """Close the dialog and the line of errors, where there are some."""
        if self.dialogs():
            self.press("Escape")
            self.wait_until(lambda: not self.dialogs())
        error = self.page.locator(".MuiAlert-action button").filter(visible=True)
        if error.count():
            error.first.click()
            self.wait_until(lambda: not error.count())

    def drop_points(self) -> None:
        """Drop all points."""
        self.press("Escape")
        self.wait_until(lambda: not self.points())

    def fit(self, width: int, height: int) -> None:
        """Show the whole plane of so many pixels."""

        def fits() -> bool:
            left, right, top, bottom = self.ranges()
            centred = abs(left + right + 1 - width) + abs(top + bottom + 1 - height) < 0.01
            return centred and min(right - left - width, bottom - top - height) < 0.01

        if not fits():
            self.press("0")
            self.wait_until(fits)
        self.settle()

    def delete_all(self) -> None:
        """Delete all objects."""
        self.settle()
        if not self.page.get_by_text("Objects · 0").count():
            self.page.get_by_role("button", name="All", exact=True).click()
            self.wait_until(self.selected_rows)
            self.press("Delete")
            self.wait_for_rows(0)

    def plane(self) -> int:
        """Return which plane the slider is at, counted from 1; it has its number a little later than its name."""
        said = self.page.get_by_text("Plane: ").filter(has_text=re.compile(r"\d"))
        return int(said.inner_text().split()[1])

    def go_to_plane(self, plane: int) -> None:
        """Step to a plane, counted from 1."""
        now = self.plane()
        for _ in range(abs(plane - now)):
            self.press("f" if plane > now else "d")
        self.wait_for_text(f"Plane: {plane} of")
        self.settle()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where an image pixel is on the screen."""
        self.page.wait_for_function(f"() => {FIGURE}")
        left, top = self.page.evaluate(PLACE, [x, y])
        return left, top

    def click(self, x: float, y: float, *, button: Any = "left", held: Sequence[str] = ()) -> None:
        """Click on an image pixel with keys held, and wait for its marker or selection to be drawn."""
        mouse, keyboard = self.page.mouse, self.page.keyboard
        mouse.move(*self.place(x, y))
        self.settle()
        for key in held:
            keyboard.down(key)
        mouse.click(*self.place(x, y), button=button)
        for key in held:
            keyboard.up(key)

    def click_point(self, x: float, y: float, **how: Any) -> None:
        """Click, and wait for one more marker."""
        before = len(self.points())
        self.click(x, y, **how)
        self.wait_until(lambda: len(self.points()) == before + 1)

    def wheel(self, x: float, y: float, notches: int) -> None:
        """Zoom at an image pixel: in for positive notches, out for negative ones; wait for its picture."""
        before = self.ranges()
        self.page.mouse.move(*self.place(x, y))
        for _ in range(abs(notches)):
            self.page.mouse.wheel(0, -120 if notches > 0 else 120)
        self.wait_until(lambda: self.ranges() != before)
        while before != (before := self.ranges()):  # notch by notch
            self.page.wait_for_timeout(150)  # a wheel ends when nothing more comes for a while
        self.settle()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag from one image pixel to another."""
        (x0, y0), (x1, y1) = self.place(*start), self.place(*end)
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move(x1, y1, steps=5)
        self.page.mouse.up()
        self.settle()

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    def wait_until(self, holds: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
        """Look again and again until something holds."""
        end = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > end:
                if folder := os.environ.get("SEG_APP_SHOTS"):  # for those who want to see what a failing test saw
                    self.page.screenshot(path=f"{folder}/{time.time()}.png")
                raise AssertionError(f"Not seen within {timeout_s} s.")
            self.page.wait_for_timeout(50)

    def outlined(self) -> None:
        """Wait until an outline is drawn."""
        self.wait_until(self.outline)
