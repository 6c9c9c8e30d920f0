"""Looking at a volume: its first plane at once, square pixels, zoom at the pointer, from plane to plane."""

import pytest

MOVES = """() => {
  const within = (root) => [...root.getAnimations(), ...[...root.querySelectorAll('*')].flatMap(
    (one) => one.shadowRoot ? within(one.shadowRoot) : [])]
  return within(document).filter((one) => one.playState === 'running').map((one) => one.effect.target.className)
}"""


def test_a_volume_is_open_without_any_choice(app, open_tab):
    tab = open_tab(app.url)
    tab.wait_for_text("Battery electrode (FIB-SEM)")
    tab.wait_for_text("256 × 256 × 4 · uint16 · ")
    tab.wait_for_text("10 nm per pixel")
    tab.wait_for_text("SAM 2.1 micro (bundled)")


def test_on_a_page_at_rest_nothing_moves(tab):
    tab.wait_until(lambda: tab.page.evaluate(MOVES) == [])


def test_the_first_pixel_is_on_top_left(tab):
    left, top = tab.place(0, 0)
    right, bottom = tab.place(255, 255)
    assert left < right
    assert top < bottom


def test_pixels_are_square(tab):
    (x0, y0), (x1, y1) = tab.place(0, 0), tab.place(100, 100)
    assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-3)


def test_the_wheel_zooms_at_the_pointer_and_planes_keep_the_zoom(tab):
    x, y = tab.place(100, 80)
    tab.wheel(100, 80, 3)
    assert tab.place(100, 80) == pytest.approx((x, y), abs=1)
    zoomed = tab.ranges()
    tab.press("f")
    tab.wait_for_text("Plane: 4")
    tab.settle()
    assert tab.ranges() == zoomed


def test_dragging_moves_the_image(tab):
    tab.wheel(128, 128, 2)
    before = tab.ranges()
    tab.drag((128, 128), (100, 110))
    after = tab.ranges()
    assert (after[0] - before[0], after[2] - before[2]) == pytest.approx((28, 18), abs=1)


@pytest.mark.parametrize(
    ("key", "plane"), [("ArrowLeft", 2), ("d", 2), ("ArrowRight", 4), ("f", 4), ("Shift+ArrowLeft", 1), ("Shift+F", 4)]
)
def test_keys_step_through_the_planes(tab, key, plane):
    tab.press(key)
    tab.wait_for_text(f"Plane: {plane}")
