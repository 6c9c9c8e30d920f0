"""What the page says when the server is gone; it comes back by itself when the server does."""

from __future__ import annotations

import param
from panel.custom import JSComponent

from seg_app.views import theme


class Connection(JSComponent):
    """A banner over the page while there is no connection. Without it, buttons would look alive and do nothing."""

    message = param.String(
        "The connection to the server is lost. Whatever was accepted is kept; the page comes back when the server does."
    )

    _esm = """
    export function render({ model }) {
      const banner = document.createElement('div')
      banner.className = 'lost'
      banner.setAttribute('role', 'alert')
      banner.popover = 'manual'  // in the top layer, where dialogs are, too
      banner.textContent = model.message
      const retry = async () => {
        const answer = await fetch(location.href, { cache: 'no-store' }).catch(() => null)
        answer?.ok ? location.reload() : setTimeout(retry, 1500)
      }
      const onLost = () => {
        if (banner.matches(':popover-open')) return
        banner.showPopover()
        setTimeout(retry, 1500)
      }
      for (const doc of Bokeh.documents) doc.on_event('connection_lost', onLost)
      return banner
    }
    """
    _stylesheets = [theme.CONNECTION_CSS]  # noqa: RUF012 - Panel's own way
