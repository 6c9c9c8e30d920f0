"""The preview of what a click would outline."""

import pytest


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
