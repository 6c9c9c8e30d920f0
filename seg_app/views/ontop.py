"""What must be seen whatever else is open: it lies in the browser's top layer, where dialogs are, too."""

from __future__ import annotations

import param
from panel.custom import JSComponent
from panel.viewable import Child, Viewable

from seg_app.views import theme


class OnTop(JSComponent):
    """Shows something above all else: over the upper edge of the image, below the tools; over a dialog at the very top.

    There the bar of the page is greyed and the dialog begins below. What came to the top layer last is seen.
    """

    content: Viewable = Child()  # type: ignore[assignment]
    turn = param.Integer(default=0, doc="0: it is not seen; else how often it came to the top.")
    over_dialog = param.Boolean(default=False, doc="Whether a dialog is open.")

    _esm = """
    export function render({ model }) {
      const layer = document.createElement('div')
      layer.className = 'layer'
      layer.popover = 'manual'
      layer.append(model.get_child('content'))
      const canvases = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
        node.tagName === 'CANVAS' ? [node] : node.shadowRoot ? canvases(node.shadowRoot) : [])
      const place = () => {
        if (!layer.matches(':popover-open')) return
        const canvas = model.over_dialog ? null : canvases(document).find((one) => one.offsetWidth > 0)
        const { left, top, width } = canvas?.getBoundingClientRect() ?? { left: 0, top: 0, width: innerWidth }
        Object.assign(layer.style, { top: `${top + 8}px`, left: `${left + width / 2}px`, maxWidth: `${width - 32}px` })
      }
      const show = () => {
        if (!layer.isConnected) return
        if (layer.matches(':popover-open')) layer.hidePopover()
        if (!model.turn) return
        layer.showPopover()
        place()
      }
      const isCovered = () => {
        const { left, top, width, height } = layer.getBoundingClientRect()
        return !layer.contains(layer.getRootNode().elementFromPoint(left + width / 2, top + height / 2))
      }
      let late = 0
      const stayOnTop = (tries = 20) => {  // a dialog is drawn a little later than it is said to be open
        clearTimeout(late)
        if (!model.turn || tries === 0) return
        if (layer.isConnected) isCovered() ? show() : place()
        late = setTimeout(() => stayOnTop(layer.isConnected ? tries - 1 : tries), 100)
      }
      const begin = () => { show(); stayOnTop() }
      model.on('turn', begin)
      model.on('over_dialog', begin)
      begin()
      window.addEventListener('resize', place)
      model.on('remove', () => {
        clearTimeout(late)
        window.removeEventListener('resize', place)
      })
      return layer
    }
    """
    _stylesheets = [theme.ON_TOP_CSS]  # noqa: RUF012 - Panel's own way

    def rise(self) -> None:
        """Bring it to the top, also where it is there already."""
        self.turn += 1

    def sink(self) -> None:
        """Let nothing of it be seen."""
        self.turn = 0
