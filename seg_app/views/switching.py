"""While the theme of the page changes, its steps are covered: parts change one after the other, dark words on dark."""

from __future__ import annotations

from typing import Any

import param
from panel.custom import JSComponent

from seg_app.views import theme


class Switching(JSComponent):
    """A cover in the colour of the theme that comes, from the click until nothing changes its colour any more.

    The picture and the bar on top, which look the same in both themes, stay to be seen. Else the words of some parts
    cannot be read until their own background has come, on a busy machine for a second and more.
    """

    colours: Any = param.List(list(theme.BACKGROUNDS), doc="Behind the page in the light and in the dark theme.")
    longest_ms = param.Integer(4000, doc="What has not changed by then is seen changing.")

    _esm = """
    export function render({ model }) {
      const probe = document.createElement('span')
      const roots = (root) => [root, ...[...root.querySelectorAll('*')].flatMap((one) =>
        one.shadowRoot ? roots(one.shadowRoot) : [])]
      const hole = (node) => {
        const { left, top, right, bottom } = node.getBoundingClientRect()
        return `M${left} ${top}H${right}V${bottom}H${left}Z`
      }
      const looks = () => {
        const seen = []
        for (const root of roots(document)) {
          // what fades from colour to colour would be waited for
          for (const one of root.getAnimations()) if (one instanceof CSSTransition) one.finish()
          for (const node of root.querySelectorAll('*')) {
            if (node.classList.contains(old)) return null  // a part that has not changed yet
            if (!node.offsetParent) continue
            const { color, backgroundColor } = getComputedStyle(node)
            seen.push(color + backgroundColor)
          }
        }
        return seen.join()
      }
      const cover = () => {
        probe.style.color = model.colours[0]
        const isLight = getComputedStyle(document.body).backgroundColor === getComputedStyle(probe).color
        const all = roots(document), find = (what) => all.flatMap((root) => [...root.querySelectorAll(what)])
        const steady = [find('canvas').find((one) => one.offsetWidth > 0), ...find('.MuiAppBar-root')].filter(Boolean)
        const veil = document.createElement('div')
        veil.className = 'theme-veil'
        const path = `M0 0H${innerWidth}V${innerHeight}H0Z${steady.map(hole).join('')}`
        Object.assign(veil.style, {
          position: 'fixed', inset: 0, zIndex: 1250, pointerEvents: 'none', transition: 'opacity 150ms',
          background: model.colours[isLight ? 1 : 0], clipPath: `path(evenodd, "${path}")`,
        })
        document.body.append(veil)
        old = isLight ? 'mui-light' : 'mui-dark'
        return veil
      }
      let veil = null, old = ''
      const begin = () => {
        if (veil) return
        veil = cover()
        const end = performance.now() + model.longest_ms
        let last = null, calm = 0
        const look = () => {
          const now = looks()
          calm = now !== null && now === last ? calm + 1 : 0
          last = now
          if (calm < 2 && performance.now() < end) return setTimeout(look, 60)
          veil.style.opacity = 0
          setTimeout(() => { veil.remove(); veil = null }, 150)
        }
        setTimeout(look, 60)
      }
      const isToggle = (node) => node.getAttribute?.('aria-label') === 'Toggle theme'
      const onClick = (e) => { if (e.composedPath().some(isToggle)) begin() }
      window.addEventListener('click', onClick, true)
      model.on('remove', () => window.removeEventListener('click', onClick, true))
      return probe
    }
    """
