"""Keeps the colour behind the image, whatever the theme of the page."""

from __future__ import annotations

from typing import Any

from bokeh.models import CustomJS

from seg_app.views import theme

SAME_COLOUR = """
export default ({figure, colour}) => {
  if (figure.background_fill_color !== colour) figure.background_fill_color = colour
  if (figure.border_fill_color !== colour) figure.border_fill_color = colour
}
"""


def keep_colour(figure: Any) -> None:
    """Let a Bokeh figure have the colour of the canvas also after panel-material-ui has given it that of its paper.

    It does so in the browser, with each change of the theme, and twice: first in the colours of the theme before.
    """
    figure.update(background_fill_color=theme.CANVAS, border_fill_color=theme.CANVAS)
    same = CustomJS(args={"figure": figure, "colour": theme.CANVAS}, code=SAME_COLOUR)
    for name in ("background_fill_color", "border_fill_color"):
        figure.js_on_change(name, same)
