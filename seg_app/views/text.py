"""Text that is shown as it is, whatever is in it."""

from __future__ import annotations

import param
from panel.custom import JSComponent

from seg_app.views import theme


class Text(JSComponent):
    """A line or a paragraph of plain text.

    Names of files and messages of servers go through here: the text components of the libraries take HTML.
    """

    text = param.String()
    kind = param.Selector(default="body", objects=["body", "title", "caption", "line", "bar"])

    _esm = """
    export function render({ model }) {
      const line = document.createElement('div')
      const show = () => { line.textContent = model.text; line.className = model.kind }
      model.on('text', show)
      show()
      return line
    }
    """
    _stylesheets = [theme.TEXT_CSS]  # noqa: RUF012 - Panel's own way
