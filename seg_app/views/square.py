"""Keeps the pixels of a figure square, whatever the size of its place."""

from __future__ import annotations

from typing import Any

from bokeh.models import CustomJS

SQUARE_PIXELS = """
export default ({figure, plane, moved}, _, __, {index}) => {
  const width = figure.inner_width, height = figure.inner_height
  if (!width || !height) return
  const {x_range: x, y_range: y} = figure
  const shown = [x.start, x.end, y.start, y.end]
  // Nobody has moved the image since it was fitted: fit it to the new size.
  const fitted = figure.fitted ?? (moved ? [] : shown)
  const untouched = fitted.length > 0 && fitted.every((edge, i) => edge === shown[i])
  const dx = untouched ? plane[1] : x.end - x.start, dy = untouched ? plane[0] : y.start - y.end
  const cx = untouched ? plane[1] / 2 - 0.5 : (x.start + x.end) / 2
  const cy = untouched ? plane[0] / 2 - 0.5 : (y.start + y.end) / 2
  const half = Math.max(dx / width, dy / height) / 2
  x.setv({start: cx - half * width, end: cx + half * width})
  y.setv({start: cy + half * height, end: cy - half * height})
  if (untouched) figure.fitted = [x.start, x.end, y.start, y.end]
  index.find_one(figure)?.trigger_ranges_update_event()
}
"""
"""HoloViews' aspect options do nothing in a figure that fills its place (holoviz/hvplot#1283)."""


def keep_square(figure: Any, plane: tuple[int, int], *, moved: bool = False) -> None:
    """Let a Bokeh figure follow its place: a plane (rows, columns) that nobody has moved stays fitted to it.

    moved: whether it shows a part of the plane from the beginning.
    """
    square = CustomJS(args={"figure": figure, "plane": plane, "moved": moved}, code=SQUARE_PIXELS)
    for side in ("inner_width", "inner_height"):
        figure.js_on_change(side, square)


def show_whole(figure: Any, plane: tuple[int, int]) -> bool:
    """Show a plane of (rows, columns) in the middle of a figure; False, and nothing, where its size is not known."""
    if not figure.inner_width or not figure.inner_height:
        return False
    height, width = plane
    scale = max(width / figure.inner_width, height / figure.inner_height)
    dx, dy = scale * figure.inner_width / 2, scale * figure.inner_height / 2
    x, y = width / 2 - 0.5, height / 2 - 0.5
    figure.x_range.update(start=x - dx, end=x + dx)
    figure.y_range.update(start=y + dy, end=y - dy)
    return True
