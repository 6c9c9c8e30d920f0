"""What is known of an image: its scale and the bar, its databar, its times and channels, and what is odd about it."""

import re

import numpy as np
import pytest
import tifffile
from databars import with_databar
from driver import opened
from page_scripts import WHAT_IS_SEEN
from playwright.sync_api import expect
from skimage.draw import disk

ROWS, COLUMNS, BAR = 400, 512, 40
SCALE_BAR = (0.72 * COLUMNS, 0.96 * COLUMNS)
"""Where the drawn scale bar begins and ends."""
DISC = (200, 150, 40)
"""(x, y, radius)."""


def micrograph():
    image = np.random.default_rng(1).normal(60, 6, (ROWS, COLUMNS)).clip(0, 255).astype(np.uint8)
    image[disk(DISC[1::-1], DISC[2])] += 120
    return with_databar(image, BAR, "thermo")


def film():
    """Return two times and two channels, each of one grey value."""
    pixels = np.zeros((2, 2, 3, 64, 96), np.uint16) + np.array([[10, 20], [30, 40]])[..., None, None, None]
    pixels[..., 0, 0] += 60  # a contrast of its own
    return pixels.astype(np.uint16)


@pytest.fixture(scope="module")
def measuring(start_app, tmp_path_factory):
    """An app with a micrograph without a header, one of a tilted stage, a stack with a damaged file, and a film."""
    home = tmp_path_factory.mktemp("measuring")
    stack = home / "samples" / "stack"
    stack.mkdir(parents=True)
    tifffile.imwrite(home / "samples" / "bar.tif", micrograph())
    tifffile.imwrite(home / "samples" / "tilted.tif", micrograph())
    tilted = "[MAIN]\nPixelSizeX=3.4e-09\nPixelSizeY=4.2e-09\n[SEM]\nStageTilt=52.0\n"
    (home / "samples" / "tilted.hdr").write_text(tilted)
    for n in range(4):
        tifffile.imwrite(stack / f"<b>s_{n}.tif", micrograph())
    (stack / "<b>s_0.tif").write_bytes(b"no image")
    names = {"axes": "TCZYX", "Channel": {"Name": ["BSE", "SE"]}}
    tifffile.imwrite(home / "samples" / "film.ome.tif", film(), ome=True, photometric="minisblack", metadata=names)
    return start_app(home)


@pytest.fixture(scope="module")
def one_tab(measuring, chromium):
    with opened(chromium, measuring.url) as tab:
        tab.wait_for_picture()
        yield tab


@pytest.fixture
def tab(one_tab):
    """The micrograph without a header, fitted, and without a scale that a test before has set."""
    choose(one_tab, "bar.tif")
    if not bar(one_tab)[0].endswith(" px"):
        forget_scale(one_tab)
    yield one_tab
    one_tab.close_all()
    one_tab.press("0")
    one_tab.assert_calm()


def choose(tab, title):
    """Open an image by a click on its title, unless it is open."""
    stem = title.removesuffix(".tif")
    if not tab.page.get_by_text(f"{stem} · ").count():
        tab.open_by(tab.page.get_by_text(title, exact=True).first.click, stem)


def seen(tab, kind, expression):
    """Evaluate JavaScript with `v`, the view of the annotation of a kind that is seen; wait until one is."""
    find = f"[...f.renderer_views.values()].find(v => v.model.type === '{kind}' && v.model.visible)"
    tab.wait_until(lambda: tab.figure(f"!!{find}"))
    return tab.figure(f"(v => {expression})({find})")


def bar(tab):
    """Return what the bar on the canvas says, and how many pixels of the image it is long."""
    length = "v.axis_layout.bbox.width * (f.model.x_range.end - f.model.x_range.start) / f.frame.bbox.width"
    return tuple(seen(tab, "ScaleBar", f"[v.label_layout.text.text, {length}]"))


def is_right(tab, *, pixel_size_nm=1.0):
    """Say whether the bar is as long as it says, to a pixel of the screen."""
    text, length_px = bar(tab)
    number, unit = text.split()
    length = float(number) * {"px": 1, "nm": 1, "µm": 1000}[unit] / pixel_size_nm
    left, right, *_ = tab.ranges()
    return abs(length - length_px) <= (right - left) / tab.figure("f.frame.bbox.width")


def forget_scale(tab):
    """Give the image the scale of its file again: none."""
    tab.page.get_by_role("button", name="Change the scale").click()
    tab.page.get_by_role("button", name=re.compile("As the file says")).click()
    tab.wait_until(lambda: bar(tab)[0].endswith(" px"))
    tab.close_all()


def line(tab):
    """Return where the line of the databar is, y in pixels of the image."""
    return seen(tab, "Span", "v.model.location")


def areas(tab):
    return [float(row[-3]) for row in tab.rows()]


def test_what_a_link_opens_is_in_sight_in_a_list_that_is_longer_than_the_page(measuring, open_tab):
    tab = open_tab(f"{measuring.url}/?image=samples/tilted.tif", height=300)
    expect(tab.page.get_by_role("treeitem", name="tilted.tif").get_by_text("tilted.tif")).to_be_in_viewport(ratio=1)


def test_the_bar_follows_the_zoom(tab):
    assert bar(tab)[0].endswith(" px")
    assert is_right(tab)
    before = bar(tab)[0]
    tab.wheel(200, 150, 5)
    tab.wait_until(lambda: bar(tab)[0] != before)
    assert is_right(tab)


def test_the_bar_has_the_units_of_a_header(tab):
    choose(tab, "tilted.tif")
    assert bar(tab)[0].endswith(" nm")
    assert is_right(tab, pixel_size_nm=3.4)


def test_a_line_over_the_scale_bar_sets_the_scale_which_areas_follow(tab, measuring, open_tab):
    tab.delete_all()
    tab.click_point(*DISC[:2])
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    (area_px,) = areas(tab)
    tab.page.get_by_role("button", name="Change the scale").click()
    tab.page.get_by_role("button", name="Draw a line").click()
    tab.wait_for_text("Drag a line from one end")
    tab.wait_until(lambda: not tab.dialogs())
    shown = tab.ranges()
    y = ROWS - BAR + 0.3 * BAR
    tab.drag((SCALE_BAR[0], y), (SCALE_BAR[1], y))
    expect(tab.page.get_by_label("Its length")).to_be_focused()
    tab.page.keyboard.type("5 um")
    assert tab.ranges() == shown
    tab.page.keyboard.press("Enter")
    nm = 5000 / (SCALE_BAR[1] - SCALE_BAR[0])
    tab.wait_until(lambda: tab.rows() and areas(tab)[0] != area_px)
    assert areas(tab)[0] == pytest.approx(area_px * nm**2 / 1e6, rel=0.03)
    expect(tab.page.get_by_text("Area, µm²")).to_be_visible()
    tab.wait_until(lambda: is_right(tab, pixel_size_nm=nm))
    tab.wait_until(lambda: not tab.dialogs())
    tab.wait_until(lambda: tab.figure("!!f.model.toolbar.gestures.pan.active"))
    tab.drag((200, 150), (210, 160))  # moves the image again
    tab.wait_until(lambda: tab.ranges() != shown)
    again = open_tab(measuring.url)
    again.wait_for_picture()
    choose(again, "bar.tif")
    again.wait_until(lambda: is_right(again, pixel_size_nm=nm))
    for one in (again, tab):
        one.page.get_by_role("button", name="Change the scale").click()
        one.wait_for_text("said by you")
        one.page.get_by_role("button", name=re.compile("As the file says")).click()
        one.wait_until(lambda one=one: bar(one)[0].endswith(" px"))
        one.wait_until(lambda one=one: one.rows() and areas(one) == [area_px])


def test_what_is_no_number_is_said_and_changes_nothing(tab):
    tab.page.get_by_role("button", name="Change the scale").click()
    tab.page.get_by_label("Width of a pixel").fill("much")
    tab.page.get_by_role("button", name="Set", exact=True).click()
    expect(tab.page.get_by_text("'much' is no length")).to_be_visible()
    expect(tab.page.get_by_label("Width of a pixel")).to_have_attribute("aria-invalid", "true")
    assert bar(tab)[0].endswith(" px")


def test_the_line_of_the_databar_can_be_dragged_and_nothing_is_outlined_below(tab, measuring, open_tab):
    assert line(tab) == ROWS - BAR - 0.5
    tab.drag((300, ROWS - BAR - 0.5), (300, ROWS - BAR - 50.3))
    tab.wait_until(lambda: line(tab) == ROWS - BAR - 50.5)
    tab.click(300, ROWS - BAR - 20)
    tab.wait_for_text("This is the microscope's databar")
    assert tab.points() == []
    tab.click_point(400, 60)
    tab.drop_points()
    again = open_tab(measuring.url)
    again.wait_for_picture()
    choose(again, "bar.tif")
    assert line(again) == ROWS - BAR - 50.5
    again.page.get_by_role("button", name="Change the scale").click()
    again.page.get_by_role("button", name="As it is found").click()
    again.wait_until(lambda: line(again) == ROWS - BAR - 0.5)


def test_what_is_not_accepted_is_there_again_after_another_image(tab):
    tab.click_point(400, 60)  # where no test has accepted anything
    points = tab.points()
    choose(tab, "tilted.tif")
    assert tab.points() == []
    choose(tab, "bar.tif")
    tab.wait_until(lambda: tab.points() == points)
    tab.drop_points()


def test_what_is_odd_about_an_image_is_told_as_text(tab):
    sign = tab.page.get_by_role("button", name="Remarks on this image")
    expect(sign).to_be_hidden()
    choose(tab, "tilted.tif")
    sign.click()
    tab.wait_for_text("The stage was tilted by 52°")
    tab.wait_for_text("3.4 nm wide and 4.2 nm high")
    tab.press("Escape")
    stack = tab.page.get_by_text("<b>s_*.tif", exact=True)
    if not stack.is_visible():
        tab.page.get_by_text("stack", exact=True).click()
    tab.open_by(stack.click)
    sign.click()
    tab.wait_for_text("Files that cannot be read: <b>s_0.tif")


def look(tab, value):
    """Point at the middle of the film, and wait for its value: a pattern."""
    tab.page.mouse.move(*tab.place(40, 30))
    tab.page.mouse.move(*tab.place(41, 30))
    expect(tab.page.get_by_text(re.compile(rf"value {value}\b"))).to_be_visible()


@pytest.fixture
def film_tab(one_tab):
    """The film at its first time and channel, fitted, and without objects."""
    choose(one_tab, "film.ome.tif")
    one_tab.page.get_by_role("slider").first.press("Home")
    one_tab.wait_for_text("Time: 1 of 2")
    one_tab.page.get_by_role("button", name="BSE", exact=True).click()  # its contrast is that of this time
    one_tab.fit(96, 64)
    look(one_tab, "10")
    one_tab.delete_all()
    yield one_tab
    one_tab.assert_calm()


def test_another_channel_and_another_time_are_shown_on_the_same_canvas_at_the_same_zoom(film_tab):
    film_tab.wheel(40, 30, 3)
    film_tab.page.evaluate(WHAT_IS_SEEN)
    canvas, ranges = film_tab.figure("f.model.id"), film_tab.ranges()
    film_tab.page.get_by_role("button", name="SE", exact=True).click()
    look(film_tab, "20")
    film_tab.page.get_by_role("slider").first.press("ArrowRight")
    expect(film_tab.page.get_by_text("Time: 2 of 2")).to_be_visible()
    look(film_tab, "40")  # beyond the white point, which stays within a channel: the pixel's own, not the picture's
    assert (film_tab.figure("f.model.id"), film_tab.ranges()) == (canvas, ranges)
    assert film_tab.page.evaluate("globalThis.seen") == ["picture"]


def test_each_time_has_its_objects_in_the_list_and_on_the_canvas(film_tab):
    film_tab.click_point(40, 30)
    film_tab.outlined()
    film_tab.press("Enter")
    film_tab.wait_for_rows(1)
    film_tab.page.get_by_role("slider").first.press("ArrowRight")
    film_tab.wait_for_rows(0)
    film_tab.wait_until(lambda: not film_tab.overlay_pixels(0))
    film_tab.page.get_by_role("slider").first.press("ArrowLeft")
    film_tab.wait_for_rows(1)
    film_tab.wait_until(lambda: film_tab.overlay_pixels(0))
