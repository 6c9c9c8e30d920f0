"""Outlining an object by a box that is drawn around it."""

from io import BytesIO

import pytest
from skimage.io import imread


def begin_box(tab):
    """Press B, and wait until the next drag draws a box."""
    tab.press("b")
    tab.wait_until(tab.is_drawing)


def box(tab):
    """Return the box on the canvas: left, top, right, bottom."""
    return tab.figure(
        "(d => Array.from(d.left, (x, i) => [x, d.top[i], d.right[i], d.bottom[i]])[0])"
        "(f.model.renderers.find(r => r.glyph.type === 'Quad').data_source.data)"
    )


def band(tab):
    """Return the box that is being drawn: left, top, right, bottom; None while none is."""
    script = "(b => b.visible ? [b.left, b.top, b.right, b.bottom] : null)(f.model.center.find(m => 'left' in m))"
    return tab.figure(script)


def pitch(tab):
    """Return how many pixels of the image a pixel of the screen shows."""
    left, right, *_ = tab.ranges()
    return (right - left) / tab.figure("f.frame.bbox.width")


@pytest.mark.parametrize("notches", [0, 3])
def test_a_drag_after_b_boxes_exactly_its_pixels_at_any_zoom(tab, particle, notches):
    left, top, right, bottom = particle
    if notches:
        tab.wheel(left, top, notches)
    begin_box(tab)
    before = tab.ranges()
    tab.drag((left, top), (right, bottom))
    tab.wait_until(lambda: box(tab))
    assert box(tab) == pytest.approx(particle, abs=max(0.2, 1.01 * pitch(tab)))
    assert tab.ranges() == before
    tab.outlined()
    ((xs, ys), *_) = tab.outline()
    drawn = (min(xs), min(ys), max(xs), max(ys))
    assert drawn == pytest.approx(particle, abs=0.15 * (right - left))


def draw_on(tab):
    """Draw a box from (60, 50) to (100, 80), and return the mouse, whose button is still down."""
    begin_box(tab)
    mouse = tab.page.mouse
    mouse.move(*tab.place(60, 50))
    mouse.down()
    mouse.move(*tab.place(100, 80), steps=3)
    tab.wait_until(lambda: band(tab))
    return mouse


def test_a_box_is_seen_while_it_is_drawn(tab):
    mouse = draw_on(tab)
    assert band(tab) == pytest.approx((60, 50, 100, 80), abs=1.01 * pitch(tab))
    mouse.move(*tab.place(40, 30), steps=3)  # to the other side of where it began
    tab.wait_until(lambda: band(tab)[0] < 50)
    assert band(tab) == pytest.approx((40, 30, 60, 50), abs=1.01 * pitch(tab))
    mouse.up()
    tab.wait_until(lambda: box(tab) and not band(tab))
    assert box(tab) == pytest.approx((40, 30, 60, 50), abs=1.01 * pitch(tab))


def colours_at_left_edge(tab, box):
    """Return the RGB of the screen pixels from 6 left of the left edge of a box to 6 right of it, half way down."""
    x, y = tab.place(box[0], (box[1] + box[3]) / 2)
    png = tab.page.screenshot(clip={"x": round(x) - 6, "y": round(y), "width": 13, "height": 1})
    return imread(BytesIO(png))[0, :, :3].astype(int)


def test_the_line_of_a_box_is_seen_on_white_while_it_is_drawn_and_then(tab, particle):
    left, top, right, bottom = particle
    (x, y), (x1, y1) = ((left + right) / 2, top + 5), (right + 40, bottom - 5)  # its left edge lies on the particle
    mouse = tab.page.mouse
    mouse.move(*tab.place(x, y))
    tab.wait_for_text("value")
    tab.press("b")
    mouse.down()
    mouse.move(*tab.place(x1, y1), steps=3)
    tab.wait_until(lambda: band(tab))
    tab.settle()
    while_drawn = colours_at_left_edge(tab, (x, y, x1, y1))
    mouse.up()
    tab.wait_until(lambda: box(tab) and not band(tab))
    tab.settle()
    for colours in (while_drawn, colours_at_left_edge(tab, (x, y, x1, y1))):
        red, green, blue = colours.T
        line = (green > 150) & (blue - red > 80)
        casing = colours.max(axis=1) < 130
        assert colours[[0, -1]].min() > 150  # the particle, which is noisy
        assert line.any()
        assert casing[: line.argmax()].any()
        assert casing[line.argmax() :].any()


def test_whoever_waits_before_dragging_draws_a_box_and_no_point(tab):
    begin_box(tab)
    mouse = tab.page.mouse
    mouse.move(*tab.place(60, 50))
    mouse.down()
    tab.page.wait_for_timeout(400)  # for Bokeh the button is pressed, not dragged, after 300 ms
    mouse.move(*tab.place(100, 80), steps=3)
    mouse.up()
    tab.wait_until(lambda: box(tab))
    assert (tab.points(), box(tab)) == ([], pytest.approx((60, 50, 100, 80), abs=1.01 * pitch(tab)))


def test_points_refine_a_box_and_all_is_taken_back_in_its_order(tab, particle):
    left, top, right, bottom = particle
    x, y = (left + right) / 2, (top + bottom) / 2
    tab.click_point(x, y)
    begin_box(tab)
    tab.drag((left, top), (right, bottom))
    tab.wait_until(lambda: box(tab))
    tab.click_point(left, top, button="right")
    tab.press("Backspace")
    tab.wait_until(lambda: len(tab.points()) == 1)
    assert box(tab)
    tab.press("Backspace")
    tab.wait_until(lambda: not box(tab))
    assert len(tab.points()) == 1
    tab.press("Backspace")
    tab.wait_until(lambda: not tab.points() and not tab.outline())


def test_after_a_box_a_drag_moves_the_image_again(tab):
    tab.wheel(128, 128, 2)
    begin_box(tab)
    tab.drag((100, 100), (140, 140))
    tab.wait_until(lambda: box(tab) and not tab.is_drawing())
    before = tab.ranges()
    tab.drag((128, 128), (100, 110))
    tab.wait_until(lambda: abs(tab.ranges()[0] - before[0] - 28) < 1)


def cursor(tab):
    return tab.figure("getComputedStyle(f.canvas_view.events_el).cursor")


def test_a_drag_at_once_after_b_draws_a_box_and_one_at_once_after_escape_moves_the_image(tab):
    before = tab.ranges()
    tab.page.mouse.move(*tab.place(60, 50))
    tab.settle()
    tab.press("b")
    tab.drag((60, 50), (100, 80))
    tab.wait_until(lambda: box(tab))
    assert (box(tab), tab.ranges()) == (pytest.approx((60, 50, 100, 80), abs=1.01 * pitch(tab)), before)
    tab.press("b")
    tab.press("Escape")
    tab.drag((128, 128), (100, 110))
    tab.wait_until(lambda: abs(tab.ranges()[0] - before[0] - 28) < 1)
    assert box(tab) == pytest.approx((60, 50, 100, 80), abs=1.01 * pitch(tab))


def press_box_button(tab, *, drawing):
    """Press the button of the box, and wait until the next drag draws one, or moves the image."""
    tab.page.get_by_role("button", name="Draw a box").click()
    tab.wait_until(lambda: tab.is_drawing() == drawing)


HIDE_PLACES = "() => { globalThis.places = __segAppPlaces; delete globalThis.__segAppPlaces }"
"""As while Bokeh compiles the callback of the first move: nobody hears where the pointer is."""


def test_a_drag_before_its_place_is_known_is_a_box_and_no_click(app, open_tab):
    tab = open_tab(app.url)
    tab.wait_for_picture()
    mouse, (x, y) = tab.page.mouse, tab.place(100, 80)
    tab.page.evaluate(HIDE_PLACES)
    begin_box(tab)
    mouse.move(*tab.place(60, 50))
    mouse.down()
    mouse.move(x, y, steps=3)
    tab.page.evaluate("() => { globalThis.__segAppPlaces = places }")
    mouse.up()
    mouse.move(x + 9, y)
    tab.wait_until(lambda: box(tab) or tab.points())
    assert box(tab) == pytest.approx((60, 50, 100, 80), abs=1.01 * pitch(tab))
    assert not tab.is_drawing()


def test_a_box_that_is_lost_as_its_place_is_never_known_leaves_the_button_at_work(app, open_tab):
    tab = open_tab(app.url)
    tab.wait_for_picture()
    tab.page.evaluate(HIDE_PLACES)
    begin_box(tab)
    tab.drag((60, 50), (100, 80))
    press_box_button(tab, drawing=False)
    press_box_button(tab, drawing=True)
    tab.page.evaluate("() => { globalThis.__segAppPlaces = places }")
    tab.drag((60, 50), (100, 80))
    tab.wait_until(lambda: box(tab) and not tab.is_drawing())
    assert box(tab) == pytest.approx((60, 50, 100, 80), abs=1.01 * pitch(tab))


MODE = """(mode) => {
  const found = []
  for (const view of Bokeh.index.all_views())
    for (const model of view.model.references()) if (model.data?.attributes?.box_keys) found.push(model.data)
  if (mode) found[0].setv({ mode }, { sync: false })
  return found[0].mode
}"""
"""Returns what the server says of drawing and of the last turn; or lets it hear of one by another page."""


def test_turns_of_the_same_canvas_shown_elsewhere_count_on(app, open_tab):
    tab = open_tab(app.url)
    tab.wait_for_picture()
    tab.page.evaluate(MODE, [False, 7])  # as another cell of a notebook does
    begin_box(tab)
    tab.wait_until(lambda: tab.page.evaluate(MODE) == [True, 8])


def test_the_last_of_two_quick_boxes_counts(tab):
    for corner in (60, 120):
        tab.press("b")
        tab.drag((corner, corner), (corner + 40, corner + 40))
    tab.wait_until(lambda: box(tab) == pytest.approx((120, 120, 160, 160), abs=1.01 * pitch(tab)))
    assert not tab.is_drawing()


def test_clicks_and_keys_do_what_they_always_do_while_the_next_drag_draws_a_box(tab, particle):
    left, top, right, bottom = particle
    tab.press("b")
    tab.wait_for_text("Drag from corner to corner around the object")
    assert cursor(tab) == "crosshair"
    tab.click_point((left + right) / 2, (top + bottom) / 2)
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    tab.press("Control+z")
    tab.wait_for_rows(0)
    tab.click_point(left, top, held=["Shift"])
    tab.press("Backspace")
    tab.wait_until(lambda: not tab.points())
    assert tab.is_drawing()
    tab.press("Escape")
    tab.wait_for_text("Click to outline")
    tab.wait_until(lambda: cursor(tab) != "crosshair" and not tab.is_drawing())


def test_b_behind_a_dialog_begins_no_box(tab):
    tab.press("?")
    tab.wait_until(tab.dialogs)
    tab.press("b")
    tab.wait_until(lambda: not tab.is_drawing())
    tab.close_all()
    before = tab.ranges()
    tab.drag((128, 128), (100, 110))
    tab.wait_until(lambda: abs(tab.ranges()[0] - before[0] - 28) < 1)


def test_escape_while_drawing_draws_no_box_and_keeps_the_points(tab):
    tab.click_point(120, 90)
    mouse = draw_on(tab)
    tab.press("Escape")
    tab.wait_until(lambda: not band(tab) and not tab.is_drawing())
    mouse.up()
    tab.settle()
    assert (box(tab), len(tab.points())) == (None, 1)


def test_a_box_can_be_dragged_beyond_the_edge_of_the_image(tab):
    begin_box(tab)
    tab.drag((200, 200), (290, 300))
    tab.wait_until(lambda: box(tab))
    assert box(tab) == pytest.approx((200, 200, 255.5, 255.5), abs=1.01 * pitch(tab))


def test_a_boxed_object_is_accepted_and_selected_by_the_next_click(tab, particle):
    left, top, right, bottom = particle
    tab.page.get_by_role("button", name="Draw a box").click()
    tab.wait_until(tab.is_drawing)
    tab.drag((left, top), (right, bottom))
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    tab.wait_until(lambda: not box(tab))
    tab.click((left + right) / 2, (top + bottom) / 2)
    tab.wait_until(lambda: tab.selected_rows() == 1)
