"""Boxes, previews and the choice of a model, by mouse and keyboard in a real browser."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
import zarr
from driver import Tab, opened
from scipy.ndimage import find_objects
from skimage.io import imread

BUNDLED, CLASSICAL = "SAM 2.1 micro (bundled)", "Classical · no weights"
Z = 2
"""The plane on view when the small volume is opened: the middle of four."""


@pytest.fixture(scope="module")
def particle(samples):
    """The largest particle of the plane on view that touches no edge: its box (left, top, right, bottom)."""
    plane = zarr.open_group(samples / "fib_volume_truth.zarr", mode="r")["0"][Z]
    rim = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    labels, areas = np.unique(plane[plane > 0], return_counts=True)
    label = next(label for _, label in sorted(zip(areas, labels, strict=True), reverse=True) if label not in rim)
    rows, columns = find_objects((plane == label).astype(int))[0]
    return columns.start, rows.start, columns.stop - 1, rows.stop - 1


@pytest.fixture(scope="module")
def one_tab(chromium, app) -> Iterator[Tab]:
    with opened(chromium, app.url) as tab:
        tab.wait_for_picture()
        yield tab


@pytest.fixture
def tab(one_tab) -> Iterator[Tab]:
    """The app with the volume on view as it is first opened, and no objects."""
    yield one_tab
    if is_drawing(one_tab):
        one_tab.press("Escape")
    one_tab.drop_points()
    one_tab.delete_all()
    one_tab.fit(256, 256)
    one_tab.go_to_plane(Z + 1)
    one_tab.assert_calm()


def is_drawing(tab):
    return tab.page.locator("[data-drawing]").count()


def begin_box(tab):
    """Press B, and wait until the next drag draws a box."""
    tab.press("b")
    tab.wait_until(lambda: is_drawing(tab))


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


# Boxes


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


def test_a_box_is_seen_while_it_is_drawn(tab):
    begin_box(tab)
    mouse = tab.page.mouse
    mouse.move(*tab.place(60, 50))
    mouse.down()
    mouse.move(*tab.place(100, 80), steps=3)
    tab.wait_until(lambda: band(tab))
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
        assert colours[[0, -1]].min() > 180  # the particle
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
    tab.wait_until(lambda: box(tab) and not is_drawing(tab))
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
    tab.wait_until(lambda: bool(is_drawing(tab)) == drawing)


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
    assert not is_drawing(tab)


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
    tab.wait_until(lambda: box(tab) and not is_drawing(tab))
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
    assert not is_drawing(tab)


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
    assert is_drawing(tab)
    tab.press("Escape")
    tab.wait_for_text("Click to outline")
    tab.wait_until(lambda: cursor(tab) != "crosshair" and not is_drawing(tab))


def test_b_behind_a_dialog_begins_no_box(tab):
    tab.press("?")
    tab.wait_until(tab.dialogs)
    tab.press("b")
    tab.wait_until(lambda: not is_drawing(tab))
    tab.close_all()
    before = tab.ranges()
    tab.drag((128, 128), (100, 110))
    tab.wait_until(lambda: abs(tab.ranges()[0] - before[0] - 28) < 1)


def test_escape_while_drawing_draws_no_box_and_keeps_the_points(tab):
    tab.click_point(120, 90)
    begin_box(tab)
    mouse = tab.page.mouse
    mouse.move(*tab.place(60, 50))
    mouse.down()
    mouse.move(*tab.place(100, 80), steps=3)
    tab.wait_until(lambda: band(tab))
    tab.press("Escape")
    tab.wait_until(lambda: not band(tab) and not is_drawing(tab))
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
    tab.wait_until(lambda: is_drawing(tab))
    tab.drag((left, top), (right, bottom))
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    tab.wait_until(lambda: not box(tab))
    tab.click((left + right) / 2, (top + bottom) / 2)
    tab.wait_until(lambda: tab.selected_rows() == 1)


# Previews


def preview(tab):
    """Return how many rings the outline of the preview has."""
    return tab.figure(
        "f.model.renderers.filter(r => r.glyph.type === 'MultiPolygons')[1].data_source.data.xs.reduce("
        "(n, x) => n + x[0].length, 0)"
    )


@pytest.fixture
def previewing(tab):
    """The app with the preview switched on."""
    switch_preview(tab, on=True)
    yield tab
    switch_preview(tab, on=False)


def switch_preview(tab, *, on):
    tab.press("v")
    shade = "button => getComputedStyle(button).backgroundColor"
    button = tab.page.get_by_role("button", name="Preview what a click")
    tab.wait_until(lambda: (button.evaluate(shade) != "rgba(0, 0, 0, 0)") is on)


def hover(tab, particle):
    """Rest on the middle of a particle until it is previewed."""
    left, top, right, bottom = particle
    x, y = (left + right) / 2, (top + bottom) / 2
    tab.page.mouse.move(*tab.place(x - 2, y))
    tab.page.mouse.move(*tab.place(x, y), steps=3)
    tab.wait_until(lambda: preview(tab))
    return x, y


def test_without_the_switch_nothing_is_previewed(tab, particle):
    left, top, right, bottom = particle
    tab.page.mouse.move(*tab.place((left + right) / 2, (top + bottom) / 2), steps=3)
    tab.wait_for_text("value")
    assert not preview(tab)


def test_what_a_click_would_outline_is_outlined_before_it_and_is_gone_after_it(previewing, particle):
    x, y = hover(previewing, particle)
    assert not previewing.points()
    previewing.page.mouse.click(*previewing.place(x, y))
    previewing.outlined()
    assert (preview(previewing), len(previewing.points())) == (0, 1)


ENDS = {
    "the pointer leaves": lambda tab: tab.page.mouse.move(1200, 400, steps=2),
    "the plane changes": lambda tab: tab.press("d"),
    "the zoom changes": lambda tab: tab.wheel(128, 128, 2),
    "a box is begun": lambda tab: tab.press("b"),
}


@pytest.mark.parametrize("end", ENDS)
def test_no_preview_is_left_behind(previewing, particle, end):
    hover(previewing, particle)
    previewing.figure(
        "(s => { globalThis.previewEnded = false; s.properties.data.change.connect("
        "() => { globalThis.previewEnded ||= !s.data.xs.length }) })"
        "(f.model.renderers.filter(r => r.glyph.type === 'MultiPolygons')[1].data_source)"
    )
    ENDS[end](previewing)
    previewing.page.wait_for_function("() => globalThis.previewEnded")


def test_the_switch_is_remembered(previewing):
    previewing.page.reload()
    previewing.wait_for_picture()
    switch_preview(previewing, on=False)
    switch_preview(previewing, on=True)


# Models


@pytest.fixture
def choosing(tab, home) -> Iterator[Tab]:
    """The app with a checkpoint beside its model that is damaged."""
    damaged = home / "checkpoints" / "sam2.1_hiera_tiny.pt"
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(b"damaged")
    yield tab
    tab.close_all()
    damaged.unlink()


def open_models(tab):
    tab.page.locator(".MuiChip-root").filter(visible=True).click()
    tab.wait_until(lambda: tab.page.get_by_text("SAM 2.1 tiny", exact=True).count())


def choose(tab, title):
    open_models(tab)
    tab.page.get_by_text(title, exact=True).last.click()


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(choosing, particle):
    left, top, right, bottom = particle
    choosing.click_point((left + right) / 2, (top + bottom) / 2)
    choosing.outlined()
    choose(choosing, "SAM 2.1 tiny")
    choosing.wait_for_text("it is damaged, or holds more than weights")
    choosing.wait_for_text(f"{BUNDLED} · ")
    assert choosing.outline()


def test_another_model_is_chosen_without_losing_points_or_objects(choosing, particle):
    left, top, right, bottom = particle
    choosing.click_point((left + right) / 2, (top + bottom) / 2)
    choosing.outlined()
    choosing.press("Enter")
    choosing.wait_for_rows(1)
    choosing.click_point(right + 20, bottom + 20)
    choosing.outlined()
    for title in (CLASSICAL, BUNDLED):
        before = choosing.outline()
        choose(choosing, title)
        choosing.wait_until(lambda: choosing.outline() not in ([], before))  # noqa: B023
        choosing.wait_for_text(title)
        assert (len(choosing.points()), len(choosing.rows())) == (1, 1)
    open_models(choosing)
    choosing.wait_for_text("suits a machine without a GPU")


# Greyed buttons


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Delete", "Delete the selected objects (Del): click on one first"),
        ("Save", "Save the masks (Ctrl+S): there are none yet"),
    ],
)
def test_a_greyed_button_says_why(tab, name, why):
    tab.page.get_by_role("button", name=name).hover(force=True)
    tab.wait_for_text(why)
