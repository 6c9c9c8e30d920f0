"""The image that is open is in sight in the tree of data, also where that is long."""

from __future__ import annotations

import param
from panel.custom import JSComponent


class InSight(JSComponent):
    """Scrolls to what is marked in a tree, once for each `turn`, unless it is in sight. Nothing of it is seen."""

    turn = param.Integer(default=0)

    _esm = """
    export function render({ model }) {
      const roots = (root) => [root, ...[...root.querySelectorAll('*')].flatMap((one) =>
        one.shadowRoot ? roots(one.shadowRoot) : [])]
      const lineOf = (root) => root.querySelector('[role=tree] [data-selected]')
      const marked = () => roots(document).map(lineOf).find(Boolean)
      let before = null
      const isSeen = (line, { left, top, width, height }) =>
        line.contains(line.getRootNode().elementFromPoint(left + width / 2, top + height / 2))
      const look = (tries = 50) => {
        const line = marked(), place = line?.getBoundingClientRect()
        // the tree gets its lines later than it is marked, and while its folders unfold it is too short to scroll
        const now = line && `${place.top} ${line.closest('[role=tree]').offsetHeight}`
        const isAtRest = now && now === before
        before = now
        if (isAtRest && isSeen(line, place)) return
        if (isAtRest) line.scrollIntoView({ block: 'center' })
        if (tries) setTimeout(() => look(tries - 1), 100)
      }
      model.on('turn', () => look())
      if (model.turn) look()
      return document.createElement('span')
    }
    """
