"""The canvas: a plane with its masks and prompts; gestures become verbs of the session."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.events import RangesUpdate
from holoviews.streams import Pipe
from panel.viewable import Viewer

from seg_app.errors import SegAppError
from seg_app.geometry import load_outlining
from seg_app.models import Latest, Session, Worker
from seg_app.records import Box
from seg_app.views import theme
from seg_app.views.backdrop import keep_colour
from seg_app.views.courier import Courier, Watches
from seg_app.views.drafted import DraftLayer
from seg_app.views.gestures import Gesture, Gestures
from seg_app.views.glance import Glance
from seg_app.views.measures import Measures
from seg_app.views.objects import ObjectsLayer
from seg_app.views.readout import Readout
from seg_app.views.render import (
    BLANK,
    Frame,
    Overlay,
    Viewport,
    canvas_options,
    element,
    make_overlay,
    needs_new_codes,
)
from seg_app.views.rest import AtRest
from seg_app.views.square import keep_square, show_whole
from seg_app.views.toolbar import keys_by_use
from seg_app.views.unseen import Unseen, read_frame

SETTLING_S = 0.05
"""Width and height change one after the other, then the edges of what is shown: one picture is enough for all."""


class ImageView(Viewer):
    """One plane of a session's volume, as large as its place.

    The picture is a HoloViews DynamicMap, fed by a thread that reads what the browser shows; prompts, outline
    and masks are Bokeh glyphs on the same figure, which change in a tenth of the time.
    """

    def __init__(self, session: Session, worker: Worker, courier: Courier, *, on_key: Callable[[str], None]):
        super().__init__()
        self.session, self._worker, self._courier = session, worker, courier
        self._frame = BLANK
        self._viewport: Viewport | None = None
        self._begin = session.view
        self._stale: set[str] = set()
        self._latest = Latest("seg-app-canvas")
        self._rest = AtRest(self._prepare, courier)
        self._glance = Glance(session.preview, courier)
        self._lock = threading.Lock()
        self._watches = Watches()
        self.measures = Measures(session, worker, courier, self._watches)
        self.readout = Readout(
            session, courier, self._watches, seen=lambda: self._frame if self.shows_what_is_there else None
        )
        self._figure: Any = None
        self._mapper: Any = None
        self._on_key = on_key
        self.on_picture: Callable[[], None] = lambda: None
        """Called, in the page's thread, with every picture of the plane."""
        self._objects, self._unseen = ObjectsLayer(), Unseen(session)
        self._make_pane()
        self._watch()
        self._draft = DraftLayer(session, courier, self._watches)
        self._go_on()

    def _make_pane(self) -> None:
        self._pipe = Pipe(data=self._frame)
        picture = hv.DynamicMap(element, streams={"frame": self._pipe.param.data}).opts(self._options())
        self._pane = pn.pane.HoloViews(picture, sizing_mode="stretch_both", linked_axes=False, margin=0)
        self._gestures = Gestures(
            self._on_gesture,
            self._courier,
            object=self._pane,
            sizing_mode="stretch_both",
            margin=0,
            **keys_by_use(),
        )
        self._courier.pushed.append(self._pane)

    def _options(self) -> Any:
        furnish = weakref.WeakMethod(self._on_plot)  # HoloViews keeps options in a table of its own, for ever
        height, width = self.session.volume.shape[1:]
        shown = self._begin or Box(-0.5, -0.5, width - 0.5, height - 0.5)
        hook = lambda plot, _: (on_plot := furnish()) and on_plot(plot)  # noqa: E731
        return canvas_options(shown, hook)

    # The figure

    def _on_plot(self, plot: Any) -> None:
        # HoloViews sets the mapper's limits again with every frame.
        self._mapper = plot.handles.get("color_mapper")
        self._apply_limits()
        if plot.state is not self._figure:
            self._figure = plot.state
            self._furnish(plot.state)

    def _furnish(self, figure: Any) -> None:
        figure.stylesheets = [*figure.stylesheets, theme.FIGURE_CSS]
        figure.outline_line_color = None  # the dark theme would draw one
        # Not WebGL, as HoloViews asks for: without a graphics card a copy of its canvas takes 30 ms of each frame.
        figure.output_backend = "canvas"
        keep_colour(figure)
        keep_square(figure, self.session.volume.shape[1:], moved=self._begin is not None)
        for side in ("inner_width", "inner_height"):
            figure.on_change(side, lambda attr, old, new: self._on_size())  # noqa: ARG005 - Bokeh checks the signature
        figure.on_event(RangesUpdate, lambda _: self._look())
        self._gestures.listen(figure)
        self._objects.furnish(figure)
        self._draft.furnish(figure)
        self.measures.add_to(figure)
        self._unseen.add_to(figure)

    def fit(self) -> None:
        """Show the whole plane."""
        if self._figure and show_whole(self._figure, self.session.volume.shape[1:]):
            self._look()

    # Session -> picture

    def _watch(self) -> None:
        session, watch = self.session, self._watches.add
        watch(session, "z", lambda _: self._redraw("frame", "overlay"))
        watch(session, "index", lambda _: self._redraw("frame", "overlay"))
        watch(session, "limits", lambda _: self._on_limits())
        watch(session, "segmenter", lambda _: self._courier(self._rest.moved))  # it has not seen what is on screen
        watch(session.volume, "sharpened", lambda _: self._redraw("frame"))
        watch(session.masks, ["masks", "selected"], lambda *_: self._redraw("overlay"))
        for finding in session.findings:
            watch(finding, "found", lambda _: self._redraw("overlay"))
        watch(session.preview, "is_on", lambda _: self._courier(self._glance.again))
        watch(session, "z", lambda _: self._go_on())
        watch(session.draft, "drawing", lambda _: self._courier(self._show_drawing))

    def _on_size(self) -> None:
        self._courier.later(SETTLING_S, self._look)

    def _look(self) -> None:
        figure = self._figure
        if not figure.inner_width or not figure.inner_height:
            return
        x0, x1 = sorted((figure.x_range.start, figure.x_range.end))
        y0, y1 = sorted((figure.y_range.start, figure.y_range.end))
        viewport = Viewport((x0, y0, x1, y1), figure.inner_width, figure.inner_height)
        if viewport != self._viewport:
            self._viewport = viewport
            self.session.param.update(scale=viewport.scale, view=Box(*viewport.extent))
            self._redraw("frame", "overlay")

    def _redraw(self, *what: str) -> None:
        with self._lock:
            self._stale.update(what)
        if self._viewport:
            self._latest.ask(self._draw)

    def _draw(self) -> None:
        with self._lock:
            stale, self._stale = self._stale, set()
        session, viewport, z, index = self.session, self._viewport, self.session.z, self.session.index
        assert viewport is not None  # noqa: S101 - for the type checker: `_redraw` has seen it
        is_due = "frame" in stale or not self.shows_what_is_there
        frame = replace(read_frame(session, z, viewport), index=index) if is_due else None
        if frame and frame.trouble:
            self._worker.complain(frame.trouble)
        found = [mask for finding in session.findings for mask in finding.found if mask.z == z]
        masks = [*session.masks.on_plane(z), *found]
        overlay = make_overlay(masks, session.masks.selected, viewport, session.volume.shape[1:])
        self._courier(lambda: self._show(frame, overlay, index))

    @property
    def shows_what_is_there(self) -> bool:
        """Whether the picture is of the time and channel where the session is; else that is on its way."""
        return self._frame.index in (None, self.session.index)

    def _is_unseen(self) -> bool:
        """Say whether there is no picture to click on; to show one is tried again then, and said again why not."""
        is_unseen = bool(self._frame.trouble) and self._frame.z == self.session.z
        if is_unseen:
            self._redraw("frame")
        return is_unseen

    def _show(self, frame: Frame | None, overlay: Overlay | None, index: dict[str, int]) -> None:
        if index != self.session.index:
            return  # nobody waits for it any more
        if frame:
            has_come = not self.shows_what_is_there
            self._frame = frame
            self._pipe.send(frame)
            self._unseen.show(frame)
            self.on_picture()
            self.readout.refresh()
            self._rest.moved()
            if has_come:
                self._glance.point_at(self.readout.place)
        self._objects.show(overlay)

    def _on_limits(self) -> None:
        if needs_new_codes(self._frame, self.session.limits):
            self._redraw("frame")
        else:
            self._courier(self._apply_limits)
            self._courier(self._rest.moved)  # the model sees the contrast that the user sees

    def _apply_limits(self) -> None:
        if self._mapper is not None:
            low, high = self._frame.limits_as_codes(self.session.limits)
            # HoloViews sets that of a grey picture with every frame
            self._mapper.update(low=low, high=high, palette=self._frame.colours or self._mapper.palette)

    def _show_drawing(self) -> None:
        drawing = self.session.draft.drawing
        if drawing and self.measures.ruler.is_on:
            self.measures.end_line()  # a drag draws one of the two
        self._gestures.let_draw(drawing=drawing)

    # Gestures -> session

    def _on_gesture(self, gesture: Gesture) -> None:
        if gesture.kind == "key":
            self._on_key(gesture.key)
        elif gesture.kind in ("hover", "leave"):
            place = (gesture.x, gesture.y) if gesture.kind == "hover" else None
            self.readout.point_at(place)
            self._glance.point_at(place if self.shows_what_is_there else None)
        elif not self.shows_what_is_there:
            return  # who clicked has seen another time
        else:
            seen = self.session.index
            if gesture.kind == "box":
                self._on_box(Box(gesture.x, gesture.y, gesture.x1, gesture.y1))
            else:
                self._on_click(gesture)
            if self.session.index != seen:  # it has waited until the session was there
                self.session.draft.clear()

    def _on_box(self, box: Box) -> None:
        if self._is_unseen():
            return
        try:
            self.session.add_box(box)
        except SegAppError as error:
            self._worker.refuse(str(error))
        else:
            self._worker.run("Outlining the object", self.session.outline)

    def _on_click(self, gesture: Gesture) -> None:
        session = self.session
        if not session.is_on_plane(gesture.x, gesture.y) or self.measures.take_click(gesture.y):
            return
        plain = gesture.kind == "click" and not (gesture.ctrl or gesture.shift)
        is_free = not session.draft.prompts or session.draft.is_useless
        if plain and is_free and session.select_at(gesture.x, gesture.y):
            session.draft.drop_useless()
            return
        if self._is_unseen():
            return
        exclude = gesture.kind == "right-click" or gesture.ctrl or (plain and not session.draft.include)
        session.add_point(gesture.x, gesture.y, include=not exclude)
        self._worker.run("Outlining the object", session.outline)

    def _go_on(self) -> None:
        """Outline what was not yet when its plane, or its image, was left."""
        if self.session.draft.question:
            self._worker.run("Outlining the object", self.session.outline)

    def _prepare(self) -> None:
        self.session.outliner.prepare()
        self._courier(self._glance.on_prepared)
        load_outlining()

    def close(self) -> None:
        """Stop watching and drawing; a picture that is still on its way is nobody's any more."""
        self.on_picture = lambda: None
        self._watches.end()
        self._latest.close()
        self._draft.close()
        self._rest.close()
        self._glance.close()
        self.readout.close()
        self._courier.pushed.remove(self._pane)

    def __panel__(self) -> Gestures:
        return self._gestures
