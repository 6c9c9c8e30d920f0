"""While another image opens, the picture of the one before stays, dimmed, until there is a new one."""

from __future__ import annotations

import param
from panel.custom import JSComponent

from seg_app.views import theme

OPENING = ("Opening ", "Fetching ")
"""How the words begin for what brings another image: of the data server, or of Drops, from where its file comes first.
"""


class Curtain(JSComponent):
    """A copy of what the canvas shows, in its place on the screen; nothing where there is no canvas.

    Whoever clicks on an image sees at once that it is coming. A copy, for the page builds its canvas anew, and is white
    until that has its picture.
    """

    words = param.String(doc="What is going on; empty: the canvas is seen as it is.")

    _esm = """
    export function render({ model, el }) {
      const copy = document.createElement('canvas'), said = document.createElement('div')
      const veil = document.createElement('div')
      veil.className = 'veil'
      veil.append(copy, said)
      const canvases = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
        node.tagName === 'CANVAS' ? [node] : node.shadowRoot ? canvases(node.shadowRoot) : [])
      const draw = () => {
        const layers = canvases(document).filter((layer) => layer.offsetWidth > 0 && layer.width > 0)
        if (!layers.length) return
        const { left, top, width, height } = layers[0].getBoundingClientRect()
        Object.assign(veil.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` })
        Object.assign(copy, { width: layers[0].width, height: layers[0].height })
        for (const layer of layers) copy.getContext('2d').drawImage(layer, 0, 0)
        el.append(veil)
      }
      let late = 0
      model.on('words', () => {
        clearTimeout(late)
        if (model.words) {
          said.textContent = model.words
          if (!veil.isConnected) draw()
        } else {
          late = setTimeout(() => veil.remove(), 60)  // the new picture has come, and is painted with the next frame
        }
      })
      model.on('remove', () => veil.remove())
      return document.createElement('span')
    }
    """
    _stylesheets = [theme.CURTAIN_CSS]  # noqa: RUF012 - Panel's own way
