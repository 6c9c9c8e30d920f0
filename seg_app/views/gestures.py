"""What hands do over a Bokeh figure: clicks of both buttons with modifiers, boxes, keys, hover."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import param
from bokeh.events import DoubleTap, MouseLeave, MouseMove, PressUp, Tap
from bokeh.models import BoxAnnotation, CustomJS
from panel.custom import JSComponent
from panel.viewable import Child

from seg_app.views import theme
from seg_app.views.courier import Courier

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gesture:
    """One gesture; x and y are data coordinates of the figure."""

    kind: str
    """'click', 'right-click', 'box', 'hover', 'leave' or 'key'."""
    x: float = float("nan")
    y: float = float("nan")
    x1: float = float("nan")
    y1: float = float("nan")
    """Of a box (x, y) is the corner where the drag began, (x1, y1) the one where it ended."""
    shift: bool = False
    ctrl: bool = False
    alt: bool = False
    key: str = ""


ANSWERS = {"hover": {"seen": True}, "box": {"drawn": True}}
"""What the browser waits for before it sends the next place, or draws no box of its own any more."""


class Gestures(JSComponent):
    """Wraps the pane of one figure and reports gestures over it.

    Bokeh 3.9 has no event for the right button, nor for keys; HoloViews' streams lose modifiers and quick
    clicks. Left clicks are Bokeh events, the rest listens on this component's own element; where the pointer
    is in data coordinates comes from Bokeh's MouseMove.
    """

    object = Child()
    keys = param.List(default=[], doc="Keys to report, e.g. 'Enter', 'ctrl+z'. All others stay the browser's.")
    repeating = param.List(default=[], doc="Keys that repeat while they are held.")
    place = param.String(doc="Names this figure among those of the page.")
    mode = param.Tuple(
        default=(False, 0), doc="Whether a drag draws a box; and the last turn of the browser's own that this knows of."
    )
    box_keys = param.List(default=[], doc="Those of `keys` that turn the drawing of a box on and off.")
    pen_css = param.String(default=theme.PEN_CSS, doc="The look of the figure while a drag draws a box.")
    in_notebook = param.Boolean(doc="Whether the page belongs to a notebook: keys count after a click only.")

    _esm = """
    export function render({ model, el }) {
      const places = (globalThis.__segAppPlaces ??= {})
      const hover = { last: null, next: null, busy: false, layer: null }
      const say = () => {
        if (hover.busy || hover.next === null) return
        hover.busy = true
        const at = hover.next
        hover.next = null
        model.send_msg({ kind: 'hover', ...at })
      }
      // One message under way, the latest place wins: a slow server never falls behind the pointer.
      model.on('msg:custom', (answer) => {
        if (answer.drawn) return hide()
        hover.busy = false
        setTimeout(say, 40)
      })
      places[model.place] = {
        move(seen) { hover.seen = seen; hover.last = { x: seen.x, y: seen.y }; hover.next = hover.last; say() },
        leave() { hover.next = null; model.send_msg({ kind: 'leave' }) },
      }
      // Whether a drag draws a box. It turns here, at once, for the next drag may begin before the server has heard of
      // a key; what the server says counts again once it has heard of the last turn.
      const mode = { drawing: false, turn: model.mode[1] }
      const pen = document.createElement('style')  // Bokeh sets the cursor of its layer, in a shadow of its own
      pen.textContent = model.pen_css
      const showMode = () => {
        el.toggleAttribute('data-drawing', mode.drawing)
        if (mode.drawing) hover.layer?.getRootNode().append(pen)
        else pen.remove()
      }
      const setMode = (drawing) => { mode.drawing = drawing; showMode() }
      const turn = (drawing) => { setMode(drawing); return { turn: (mode.turn += 1) } }
      const turnBy = (key) => {
        if (!model.box_keys.includes(key) && !(key === 'Escape' && mode.drawing)) return {}
        stop()
        return turn(!mode.drawing)
      }
      const modifiers = (e) => ({ shift: e.shiftKey, ctrl: e.ctrlKey || e.metaKey, alt: e.altKey })
      // Bokeh compiles the callback of MouseMove at the first move, so the first place may be late.
      const whenSeen = (act, tries = 10) => {
        if (hover.seen) act()
        else if (tries > 0) setTimeout(() => whenSeen(act, tries - 1), 20)
      }
      const onContextMenu = (e) => {
        e.preventDefault()
        e.stopPropagation()
        const held = modifiers(e)
        whenSeen(() => model.send_msg({ kind: 'right-click', ...hover.last, ...held }))
      }
      const outermost = () => {
        let node = el
        while (node.getRootNode() instanceof ShadowRoot) node = node.getRootNode().host
        return node
      }
      const nameOf = (e) => [
        (e.ctrlKey || e.metaKey) && 'ctrl',
        e.altKey && 'alt',
        e.shiftKey && (e.ctrlKey || e.metaKey || e.key.length > 1 || /[a-z]/i.test(e.key)) && 'shift',
        e.key.length === 1 ? e.key.toLowerCase() : e.key,
      ].filter(Boolean).join('+')
      // What was clicked before, e.g. a cell of a notebook, must not get the keys that are meant for the canvas.
      el.tabIndex = -1
      el.style.outline = 'none'
      const takeFocus = () => {
        globalThis.__segAppActive = model.place  // one output of a notebook may show several benches
        el.focus({ preventScroll: true })
      }
      // A box: from where the button goes down to where it is let go, on the screen; drawn here, so that nobody waits.
      const drag = { target: null, from: null, to: null }
      const at = (e) => {
        const corner = drag.target.getBoundingClientRect()
        return { sx: e.clientX - corner.left, sy: e.clientY - corner.top }
      }
      const inData = ({ sx, sy }) => {
        const { figure, ...seen } = hover.seen
        const across = (figure.x_range.end - figure.x_range.start) / figure.inner_width
        const down = (figure.y_range.start - figure.y_range.end) / figure.inner_height
        return { x: seen.x + (sx - seen.sx) * across, y: seen.y + (sy - seen.sy) * down }
      }
      const show = (box) => hover.seen?.bands.forEach((band) => band.setv(box, { sync: false }))
      const hide = () => show({ visible: false })
      const stop = () => { drag.target = null; hide() }
      const onDown = (e) => {
        if (!mode.drawing || e.button !== 0 || e.ctrlKey) return
        e.stopPropagation()
        takeFocus()
        drag.target = e.composedPath()[0]
        drag.target.setPointerCapture(e.pointerId)
        drag.from = drag.to = at(e)
      }
      const onMove = (e) => {
        const layer = e.composedPath()[0]
        if (layer !== hover.layer) {
          hover.layer = layer
          showMode()
        }
        onDrag(e)
      }
      const onDrag = (e) => {
        if (drag.target === null) return
        drag.to = at(e)
        if (!hover.seen) return
        const a = inData(drag.from), b = inData(drag.to)
        const [left, right] = [a.x, b.x].sort((one, other) => one - other)
        const [top, bottom] = [a.y, b.y].sort((one, other) => one - other)
        show({ left, right, top, bottom, visible: true })
      }
      const onUp = (e) => {
        if (drag.target === null) return
        e.stopPropagation()
        onDrag(e)
        drag.target = null
        const { from, to } = drag, held = modifiers(e)
        if (Math.hypot(to.sx - from.sx, to.sy - from.sy) < 4) {  // a click is no box, and does what it always does
          hide()
          return whenSeen(() => model.send_msg({ kind: 'click', ...inData(from), ...held }))
        }
        whenSeen(() => {  // else there is no box, and the next drag draws one, as the server thinks too
          const a = inData(from), b = inData(to)
          // its line stays until the server has drawn the box
          model.send_msg({ kind: 'box', x: a.x, y: a.y, x1: b.x, y1: b.y, ...turn(false) })
        })
      }
      const onMouseDown = (e) => drag.target && e.preventDefault()  // else what is beside the canvas is selected
      const onKey = (e) => {
        if (e.defaultPrevented) return
        const target = e.composedPath()[0]
        if (target?.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target?.tagName ?? '')) return
        const key = nameOf(e)
        const isText = target?.tagName === 'INPUT' && !/^(checkbox|radio|range|button)$/.test(target.type)
        if (isText && (model.in_notebook || key !== 'ctrl+s')) {
          // who has typed a class goes on in the image: the next key is for it, not for the field
          if (!model.in_notebook && /^(Enter|Escape)$/.test(e.key)) takeFocus()
          return
        }
        if (!el.isConnected || el.offsetParent === null) return
        if (model.in_notebook && globalThis.__segAppActive !== model.place) return
        if (model.in_notebook && !e.composedPath().includes(outermost())) return
        if (target?.type === 'range' && /Arrow|Home|End/.test(key)) return
        if (!model.keys.includes(key)) return
        e.preventDefault()
        if (model.in_notebook) e.stopPropagation()  // else D, D deletes the cell
        if (e.repeat && !model.repeating.includes(key)) return
        const tell = () => model.send_msg({ kind: 'key', key, ...turnBy(key) })
        isText ? setTimeout(tell, 100) : tell()  // a field sends its text a frame later, and a set is to be called so
      }
      el.addEventListener('contextmenu', onContextMenu)
      el.addEventListener('pointerdown', onDown, true)
      el.addEventListener('pointermove', onMove, true)
      el.addEventListener('pointerup', onUp, true)
      el.addEventListener('pointercancel', stop, true)
      el.addEventListener('mousedown', onMouseDown, true)
      const hear = () => {
        const [drawing, turn] = model.mode
        const isOld = turn < mode.turn
        mode.turn = Math.max(mode.turn, turn)  // a notebook may show this twice: turns of the other one count on
        if (isOld || drawing === mode.drawing) return
        setMode(drawing)
        if (!drawing) stop()
      }
      model.on('mode', hear)
      hear()
      // A notebook takes the focus for its cell when the button goes down, and looks at keys before anybody else.
      for (const kind of ['pointerdown', 'click']) el.addEventListener(kind, takeFocus)
      if (!model.in_notebook) takeFocus()
      window.addEventListener('keydown', onKey, model.in_notebook)
      model.on('remove', () => {
        window.removeEventListener('keydown', onKey, model.in_notebook)
        delete places[model.place]
      })
      return model.get_child('object')
    }
    """

    def __init__(self, report: Callable[[Gesture], None], courier: Courier, **params: Any):
        super().__init__(place=uuid.uuid4().hex, in_notebook=not courier.is_served, **params)
        self._report, self._courier = report, courier

    def let_draw(self, *, drawing: bool) -> None:
        """Let a drag draw a box, of which Bokeh does not hear then; or move the image again."""
        self.mode = (drawing, self.mode[1])

    def listen(self, figure: Any) -> None:
        """Attach to a Bokeh figure; once for each figure."""
        figure.context_menu = None  # else a right click opens Bokeh's tool menu
        bands = [_band(style) for style in (theme.BOX_CASING, theme.BOX_STYLE)]
        for band in bands:
            figure.add_layout(band)
        script = "export default ({place, figure, bands}, event) => globalThis.__segAppPlaces?.[place]?.%s"
        seen = "{figure, bands, sx: event.sx, sy: event.sy, x: event.x, y: event.y}"
        for event, call in ((MouseMove, f"move({seen})"), (MouseLeave, "leave()")):
            args = {"place": self.place, "figure": figure, "bands": bands}
            figure.js_on_event(event, CustomJS(args=args, code=script % call))
        # The second of two quick clicks is a DoubleTap, one held for more than 300 ms a PressUp.
        for event in (Tap, DoubleTap, PressUp):
            figure.on_event(event, self._on_click)

    def _on_click(self, event: Any) -> None:
        held = event.modifiers or {}
        shift, ctrl, alt = (bool(held.get(name)) for name in ("shift", "ctrl", "alt"))
        gesture = Gesture("click", event.x, event.y, shift=shift, ctrl=ctrl, alt=alt)
        self._courier(lambda: self._report(gesture))

    def _handle_msg(self, data: dict[str, Any]) -> None:
        # a notebook hears of events in any thread
        self._courier(lambda: self._answer(data))

    def _answer(self, data: dict[str, Any]) -> None:
        turn = data.pop("turn", self.mode[1])
        try:
            self._report(Gesture(**data))
        finally:
            self.mode = (self.mode[0], turn)
            if data.get("kind") in ANSWERS:
                self._send_msg(ANSWERS[data["kind"]])


def _band(style: dict[str, Any]) -> BoxAnnotation:
    return BoxAnnotation(visible=False, left=0, right=0, top=0, bottom=0, **style)
