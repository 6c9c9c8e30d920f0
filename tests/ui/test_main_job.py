"""The main job, by mouse and keyboard in a real browser: open, look, click, correct, accept, save, load."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from driver import WHAT_IS_SEEN, Tab, opened
from playwright.sync_api import expect
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon

from seg_app.geometry import bits_of
from seg_app.io.formats import npz
from seg_app.io.registry import load_masks

Z = 2
"""The plane on view when the small volume is opened: the middle of four."""


@pytest.fixture(scope="module")
def truth(samples):
    return zarr.open_group(samples / "fib_volume_truth.zarr", mode="r")["0"][:]


def interior(labels, label):
    """Return the pixel (x, y) of a label that is farthest from its edge."""
    depth = distance_transform_edt(np.pad(labels == label, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return int(x), int(y)


@pytest.fixture(scope="module")
def particles(truth):
    """The largest particles of the plane on view that touch no edge: (label, x, y)."""
    plane = truth[Z]
    rim = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    labels, areas = np.unique(plane[plane > 0], return_counts=True)
    whole = [label for _, label in sorted(zip(areas, labels, strict=True), reverse=True) if label not in rim]
    return [(label, *interior(plane, label)) for label in whole[:4]]


@pytest.fixture(scope="module")
def one_tab(chromium, app) -> Iterator[Tab]:
    with opened(chromium, app.url) as tab:
        tab.wait_for_picture()
        yield tab


@pytest.fixture
def tab(one_tab) -> Iterator[Tab]:
    """The app with the volume on view as it is first opened, and no objects."""
    yield one_tab
    if one_tab.points() or one_tab.outline():
        one_tab.drop_points()
    one_tab.show("Battery electrode (FIB-SEM)")
    field = class_field(one_tab)
    if field.input_value():
        field.fill("")
        field.press("Enter")
    one_tab.delete_all()
    one_tab.fit(256, 256)
    one_tab.go_to_plane(Z + 1)
    one_tab.assert_calm()


def class_field(tab):
    return tab.page.get_by_label("Class of new objects")


MOVES = """() => {
  const within = (root) => [...root.getAnimations(), ...[...root.querySelectorAll('*')].flatMap(
    (one) => one.shadowRoot ? within(one.shadowRoot) : [])]
  return within(document).filter((one) => one.playState === 'running').map((one) => one.effect.target.className)
}"""


def accept(tab, particle):
    """Click on a particle, wait for its outline, accept it."""
    _, x, y = particle
    before = len(tab.rows())
    tab.click_point(x, y)
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(before + 1)


def test_a_volume_is_open_without_any_choice(tab):
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


def test_an_outline_waits_on_its_plane(tab, particles):
    tab.click_point(*particles[0][1:])
    tab.outlined()
    outline = tab.outline()
    tab.press("f")
    tab.wait_for_text("Not accepted yet: plane 3 · Click to outline")
    assert (tab.points(), tab.outline()) == ([], [])
    tab.press("d")
    tab.wait_until(lambda: tab.outline() == outline)
    assert len(tab.points()) == 1


@pytest.mark.parametrize("notches", [0, 2, 5, -3])
@pytest.mark.parametrize("pixel", [(0.3, 0.3), (101, 57), (254.7, 253.2)])
def test_a_click_on_a_pixel_gives_exactly_that_pixel_at_any_zoom(tab, notches, pixel):
    if notches:
        tab.wheel(*pixel, notches)
    tab.click_point(*pixel, held=["Shift"])
    (x, y, _) = tab.points()[0]
    pitch = (tab.ranges()[1] - tab.ranges()[0]) / tab.figure("f.frame.bbox.width")
    assert (x, y) == pytest.approx(pixel, abs=max(0.5 - 0.3, pitch))


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({}, "include"),
        ({"held": ["Shift"]}, "include"),
        ({"held": ["Control"]}, "exclude"),
        ({"button": "right"}, "exclude"),
        ({"button": "right", "held": ["Shift"]}, "exclude"),
    ],
)
def test_each_gesture_says_include_or_exclude(tab, how, kind):
    tab.click_point(120, 90, **how)
    assert tab.points()[0][2] == kind


def test_t_lets_a_plain_click_exclude(tab):
    tab.press("t")
    tab.page.wait_for_function("() => true")
    tab.click_point(120, 90)
    assert tab.points()[0][2] == "exclude"
    tab.press("t")


def test_quick_clicks_all_count(tab):
    for x in (60, 100, 140, 180):
        tab.page.mouse.click(*tab.place(x, 120))
    tab.wait_until(lambda: len(tab.points()) == 4)


def test_backspace_takes_the_last_point_back_and_escape_drops_all(tab):
    for x in (100, 110, 120):
        tab.click_point(x, 100)
    tab.press("Backspace")
    tab.wait_until(lambda: len(tab.points()) == 2)
    tab.press("Escape")
    tab.wait_until(lambda: not tab.points() and not tab.outline())


def click_in_vain(tab):
    """Click where the model finds nothing: on one of the places of a grid, whatever the weights."""
    for x, y in [(x, y) for y in range(33, 250, 31) for x in range(33, 250, 31)]:
        tab.click_point(x, y, held=["Shift"])
        said = tab.page.get_by_text("Nothing was found there")
        tab.wait_until(lambda said=said: tab.outline() or said.count())
        if said.count():
            return
        tab.drop_points()
        tab.wait_until(lambda: not tab.outline())
    raise AssertionError("The model finds something everywhere.")


def test_a_point_that_found_nothing_goes_away_with_the_next_click(tab, particles):
    click_in_vain(tab)
    _, x, y = particles[0]
    tab.click(x, y)
    tab.outlined()
    assert [point[:2] for point in tab.points()] == [pytest.approx((x, y), abs=1)]
    tab.press("Backspace")
    tab.wait_until(lambda: not tab.points() and not tab.outline())


def test_an_accepted_object_is_selected_by_a_click_after_one_that_found_nothing(tab, particles):
    accept(tab, particles[0])
    click_in_vain(tab)
    tab.click(*particles[0][1:])
    tab.wait_until(lambda: tab.selected_rows() == 1 and not tab.points())


def test_the_outline_is_that_of_the_particle(tab, truth, particles):
    label, x, y = particles[0]
    tab.click_point(x, y)
    tab.outlined()
    drawn = np.zeros(truth.shape[1:], bool)
    for xs, ys in tab.outline():
        drawn[polygon(ys, xs, drawn.shape)] ^= True
    particle = truth[Z] == label
    assert (drawn & particle).sum() / (drawn | particle).sum() >= 0.8


def test_an_accepted_object_is_in_the_list(tab, particles):
    accept(tab, particles[0])
    tab.wait_until(tab.rows)
    (row,) = tab.rows()
    assert row[0].isdecimal()
    assert row[-1] == str(Z + 1)
    tab.wait_until(lambda: tab.overlay_pixels(0) > 0)


def test_enter_right_after_the_click_waits_for_the_outline(tab, particles):
    _, x, y = particles[0]
    tab.click(x, y)
    tab.press("Enter")
    tab.wait_for_rows(1)


def test_a_click_right_after_enter_begins_another_object(tab, particles):
    (_, x0, y0), (_, x1, y1) = particles[:2]
    tab.click(x0, y0)
    tab.press("Enter")
    tab.page.mouse.click(*tab.place(x1, y1))
    tab.wait_for_rows(1)
    tab.wait_until(lambda: len(tab.points()) == 1)
    assert tab.points()[0][:2] == pytest.approx((x1, y1), abs=1)


def test_saving_right_after_enter_saves_the_object(tab, drops, particles):
    before = len(sets_on(drops))
    tab.click(*particles[0][1:])
    tab.press("Enter")
    tab.press("Control+s")
    tab.wait_until(lambda: len(sets_on(drops)) == before + 1)


def test_a_selected_row_is_highlighted_on_the_image(tab, particles):
    accept(tab, particles[0])
    assert tab.overlay_pixels(1) == 0
    tab.page.locator(".tabulator-row").click()
    tab.wait_until(lambda: tab.overlay_pixels(1) > 0)


@pytest.mark.parametrize("from_the_right", [1, 3, 21, 40])
def test_a_click_anywhere_on_the_number_of_a_row_selects_it(tab, particles, from_the_right):
    accept(tab, particles[0])
    cell = tab.page.locator(".tabulator-row [tabulator-field='#']").bounding_box()
    tab.page.mouse.click(cell["x"] + cell["width"] - from_the_right, cell["y"] + cell["height"] / 2)
    tab.wait_until(lambda: tab.selected_rows() == 1)


def test_selecting_a_row_shows_the_plane_of_its_object(tab, particles):
    accept(tab, particles[0])
    tab.press("d")
    tab.wait_for_text(f"Plane: {Z}")
    tab.page.locator(".tabulator-row").click()
    tab.wait_for_text(f"Plane: {Z + 1}")


def test_a_click_selects_one_row_and_ctrl_another_and_all_get_a_class_at_once(tab, particles):
    accept(tab, particles[0])
    accept(tab, particles[1])
    rows = tab.page.locator(".tabulator-row")
    rows.nth(0).click()
    tab.wait_until(lambda: tab.selected_rows() == 1)
    rows.nth(1).click(modifiers=["Control"])
    tab.wait_for_text("2 selected")
    field = class_field(tab)
    field.fill("pore")
    tab.page.get_by_text("Set on selected").click()
    tab.wait_until(lambda: sum("pore" in row for row in tab.rows()) == 2)
    rows.nth(0).click()
    tab.wait_for_text("1 selected")


def test_a_class_can_be_given_in_the_list(tab, particles):
    accept(tab, particles[0])
    tab.page.locator(".tabulator-row [tabulator-field=class]").dblclick()
    tab.page.keyboard.type("binder")
    tab.press("Enter")
    tab.wait_until(lambda: any("binder" in row for row in tab.rows()))
    tab.press("Control+z")
    tab.wait_until(lambda: tab.rows() and not any("binder" in row for row in tab.rows()))


def test_a_click_on_an_object_selects_its_row(tab, particles):
    accept(tab, particles[0])
    accept(tab, particles[1])
    tab.click(*particles[0][1:])
    tab.wait_until(lambda: tab.selected_rows() == 1)
    assert not tab.points()


def test_deleting_can_be_undone_and_redone(tab, particles):
    accept(tab, particles[0])
    tab.click(*particles[0][1:])
    tab.wait_until(tab.selected_rows)
    for key, rows in [("Delete", 0), ("Control+z", 1), ("Control+y", 0), ("Control+z", 1), ("Control+Shift+Z", 0)]:
        tab.press(key)
        tab.wait_for_rows(rows)


def test_a_new_object_gets_the_class_that_was_typed(tab, particles):
    field = class_field(tab)
    field.fill("pore")
    field.press("Enter")
    accept(tab, particles[0])
    tab.wait_until(lambda: any("pore" in row for row in tab.rows()))


def test_a_filter_without_a_hit_says_so_and_without_it_all_is_back(tab):
    field = tab.page.get_by_label("Filter")
    field.fill("no such image")
    tab.wait_for_text("No image here has this in its name.")
    field.fill("")
    tab.wait_for_text("Coins (photograph)")


CORNER = """() => {
  const pierced = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
    node.tagName === 'CANVAS' ? [node] : node.shadowRoot ? pierced(node.shadowRoot) : [])
  const layer = pierced(document).find((one) => one.offsetWidth > 0)
  return [...layer.getContext('2d').getImageData(2, 2, 1, 1).data]
}"""
"""The colour of the canvas beside the image."""
FIRST_COLOUR = """document.addEventListener('DOMContentLoaded', () => {
  globalThis.firstColour = getComputedStyle(document.body).backgroundColor
})"""


def test_theme_and_class_are_found_again_after_a_reload_in_which_the_page_is_dark_from_the_beginning(tab, home):
    paper, corner = "getComputedStyle(document.body).backgroundColor", tab.page.evaluate(CORNER)
    light = tab.page.evaluate(paper)
    field = class_field(tab)
    field.fill("binder")
    field.press("Enter")
    tab.page.get_by_label("Toggle theme").click()
    tab.page.wait_for_function(f"() => {paper} !== '{light}'")
    dark = tab.page.evaluate(paper)
    tab.wait_until(lambda: tab.page.evaluate(CORNER) == corner)
    tab.wait_until(lambda: any('"dark": true' in one.read_text() for one in home.glob("preferences/*.json")))
    tab.page.add_init_script(FIRST_COLOUR)
    tab.page.reload()
    tab.wait_for_picture()
    assert (tab.page.evaluate("globalThis.firstColour"), tab.page.evaluate(CORNER)) == (dark, corner)
    expect(field).to_have_value("binder")
    tab.page.get_by_label("Toggle theme").click()
    tab.page.wait_for_function(f"() => {paper} === '{light}'")


def is_told(tab) -> bool:
    """Say whether it is on the page what a search or a following has brought."""
    return tab.page.get_by_text("Undo takes them away again").filter(visible=True).count() > 0


def on_screen(tab) -> tuple[slice, slice]:
    """Return which rows and columns of the plane are on screen."""
    left, right, top, bottom = (max(round(edge), 0) for edge in tab.ranges())
    return slice(top, bottom), slice(left, right)


def whole_ones(labels, rows, columns) -> set[int]:
    """Return the labels that are on a part of a plane, and nowhere else on it."""
    shown, elsewhere = labels[rows, columns], labels.copy()
    elsewhere[rows, columns] = 0
    return set(shown.ravel().tolist()) - set(elsewhere.ravel().tolist()) - {0}


def find(tab, *, at_leisure=False):
    """Begin a search; at leisure, one that asks in as many places as can be."""
    tab.press("a")
    if at_leisure:
        tab.page.get_by_role("slider", name="Tries along").press("End")
    tab.page.get_by_role("button", name="Find", exact=True).click()


def test_all_objects_on_screen_are_found_and_accepted_as_one_change(tab, truth, particles):
    _, x, y = particles[0]
    tab.wheel(x, y, 2)  # a part of the plane is on screen, with whole particles in it
    find(tab)
    tab.wait_until(lambda: is_told(tab), timeout_s=60)
    whole = whole_ones(truth[Z], *on_screen(tab))
    seen_well = [label for label in whole if (truth[Z] == label).sum() >= 300]
    assert len(seen_well) >= 5
    tab.wait_until(lambda: 0.8 * len(seen_well) <= len(tab.rows()) <= len(whole))  # none of them twice
    tab.press("Control+z")
    tab.wait_for_rows(0)
    tab.wait_until(lambda: not is_told(tab))


def test_where_one_object_fills_the_screen_a_search_says_what_was_left_out_and_what_to_do(tab, particles):
    _, x, y = particles[0]
    tab.wheel(x, y, 12)
    find(tab)
    tab.wait_for_text(
        "1 object is cut by the edge of the screen and was left out: zoom out, or search the whole plane."
    )
    assert not tab.rows()
    tab.page.get_by_role("button", name="OK").click()


def test_a_selected_object_is_followed_through_the_planes_as_one_change(tab, truth, particles):
    accept(tab, particles[0])
    follow = tab.page.get_by_role("button", name="Follow the selected objects")
    expect(follow).to_be_disabled()
    tab.page.locator(".tabulator-row").click()
    expect(follow).to_be_enabled()
    tab.press("p")
    tab.wait_until(lambda: is_told(tab), timeout_s=60)
    label = particles[0][0]
    there = {z + 1 for z in range(len(truth)) if (truth[z] == label).sum() >= 100}
    tab.wait_until(lambda: there <= {int(row[-1]) for row in tab.rows()})
    tab.press("Control+z")
    tab.wait_for_rows(1)
    tab.wait_until(lambda: not is_told(tab))


def test_a_search_can_be_discarded_and_clicks_are_answered_meanwhile(tab, particles):
    middle = tab.place(*particles[0][1:])
    find(tab, at_leisure=True)
    tab.wait_for_text("so far")
    tab.wait_until(lambda: not tab.dialogs())
    tab.page.mouse.click(*middle)  # at once: the page is not at rest before the search is over
    tab.outlined()
    tab.page.get_by_text("Discard").filter(visible=True).click()
    tab.wait_until(lambda: not tab.page.get_by_text("so far").is_visible())
    assert not tab.rows()


def test_a_click_beside_the_plane_does_nothing(tab):
    tab.click(-5, 128)  # still on the canvas
    tab.click_point(100, 100)
    assert len(tab.points()) == 1


def test_typing_in_a_field_uses_no_shortcut(tab):
    field = class_field(tab)
    field.press_sequentially("fd")
    tab.wait_for_text("Plane: 3")


def sets_on(drops) -> list[Path]:
    return sorted(drops.root.rglob("fib_volume*.npz"), key=lambda path: (len(path.name), path.name))


def test_enter_in_a_field_gives_the_keys_back_to_the_image(tab):
    field = class_field(tab)
    field.fill("f")
    field.press("Enter")
    tab.press("f")
    tab.wait_for_text("Plane: 4")
    assert field.input_value() == "f"


def save(tab, drops) -> Path:
    before = sets_on(drops)
    tab.press("Control+s")
    tab.wait_until(lambda: len(sets_on(drops)) == len(before) + 1)
    (new,) = set(sets_on(drops)) - set(before)
    tab.wait_for_text(f"Saved as {new.name}")
    return new


def save_once_more(tab, drops) -> Path:
    """Save a set that has not changed under another name."""
    tab.page.get_by_label("Name of the set").fill("again")
    new = save(tab, drops)  # the keys are the field's still
    assert new.name.startswith("fib_volume-again")
    tab.page.get_by_label("Name of the set").fill("")
    tab.page.get_by_label("Name of the set").press("Enter")
    return new


def test_what_is_saved_is_the_particle_and_survives_a_reload_byte_by_byte(tab, drops, truth, particles):
    label = particles[0][0]
    accept(tab, particles[0])
    first = save(tab, drops)
    kept = first.read_bytes()
    tab.page.reload()
    tab.wait_for_picture()
    tab.wait_for_rows(1)
    tab.wait_for_text(f"Saved as {first.name}")
    assert tab.page.get_by_role("button", name="Save").is_disabled()
    second = save_once_more(tab, drops)
    assert first.read_bytes() == kept == second.read_bytes()
    (mask,) = npz.decode(kept).masks
    found = np.zeros(truth.shape[1:], bool)
    found[mask.y0 : mask.y1, mask.x0 : mask.x1] = bits_of(mask)
    particle = truth[Z] == label
    assert (found & particle).sum() / (found | particle).sum() >= 0.8


def test_loading_brings_a_saved_set_back_exactly(tab, drops, particles):
    accept(tab, particles[1])
    saved = save(tab, drops)
    tab.press("Control+z")
    tab.wait_for_rows(0)
    tab.page.get_by_role("button", name="Load").click()
    tab.page.get_by_text(saved.name, exact=True).last.click()
    tab.wait_for_rows(1)
    again = save_once_more(tab, drops)
    assert again.read_bytes() == saved.read_bytes()


def test_an_image_that_is_opened_again_says_that_it_is_saved_until_it_changes(tab, drops, particles):
    accept(tab, particles[0])
    saved = save(tab, drops)
    tab.show("Coins (photograph)")
    tab.show("Battery electrode (FIB-SEM)")
    tab.wait_for_text(f"Saved as {saved.name}")
    accept(tab, particles[1])
    tab.wait_for_text(f"Unsaved changes since {saved.name}")
    tab.press("Control+z")
    tab.wait_for_text(f"Saved as {saved.name}")


def test_loading_says_what_it_replaces_and_one_click_brings_it_back(tab, app, drops, particles):
    accept(tab, particles[0])
    saved = save(tab, drops)
    accept(tab, particles[1])
    tab.page.get_by_role("button", name="Load").click()
    tab.page.get_by_text(saved.name, exact=True).last.click()
    tab.wait_for_text(f"{saved.name} replaces 1 unsaved object (undo brings it back).")
    assert len(tab.rows()) == 2
    tab.page.get_by_role("button", name="Replace", exact=True).click()
    tab.wait_for_rows(1)
    said = f"{saved.name} is loaded: 1 object. Ctrl+Z brings back the 2 that were here."
    tab.wait_for_text(said)
    tab.page.get_by_role("button", name="Undo", exact=True).last.click()
    tab.wait_for_rows(2)
    tab.page.get_by_text(said).wait_for(state="hidden")
    assert "reference already known" not in app.log()  # the dialog's first click carries all of the dialog


def test_masks_are_exported_as_other_programs_want_them(tab, particles, tmp_path):
    accept(tab, particles[0])
    tab.page.get_by_role("button", name="Export").click()
    paper, content = tab.page.locator(".MuiDialog-paper"), tab.page.locator(".MuiDialogContent-root")
    sizes = set()
    for suffix in (".csv", ".tif", ".csv"):
        with tab.page.expect_download() as made:
            tab.page.get_by_text(suffix, exact=True).click()
        assert made.value.suggested_filename == f"fib_volume{suffix}"
        made.value.save_as(tmp_path / f"fib_volume{suffix}")
        tab.wait_for_text(f"fib_volume{suffix} is in your downloads")
        sizes.add((paper.bounding_box()["width"], paper.bounding_box()["height"]))
        assert content.evaluate("content => content.scrollHeight <= content.clientHeight")
    assert len(sizes) == 1
    assert not tab.page.get_by_text("No file set").count()
    tab.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="hidden")
    table = pd.read_csv(tmp_path / "fib_volume.csv")
    (mask,) = load_masks(tmp_path / "fib_volume.tif").masks
    assert (mask.z, mask.area) == (Z, table["area_px2"].item())
    assert (table["z"].item(), table["plane"].item()) == (Z, Z + 1)


def test_another_image_opens_by_a_click_has_a_list_of_its_own_and_stays_open_after_a_reload(tab, particles):
    accept(tab, particles[0])
    tab.show("Coins (photograph)")
    tab.wait_for_rows(0)
    assert tab.page.url.endswith("?image=samples/coins")
    tab.wheel(90, 70, 4)
    tab.wait_until(lambda: "at=plane:1,x" in tab.page.url)
    zoomed = tab.ranges()
    tab.page.reload()
    tab.wait_for_picture()
    tab.wait_for_text("Coins (photograph) · ")
    assert tab.ranges() == pytest.approx(zoomed, abs=1.5)
    tab.show("Battery electrode (FIB-SEM)")
    tab.wait_for_rows(1)


def test_coming_back_to_an_image_shows_the_same_part_of_the_same_plane(tab):
    tab.press("d")
    tab.wait_for_text(f"Plane: {Z}")
    tab.wheel(90, 70, 4)
    before = tab.ranges()
    tab.show("Coins (photograph)")
    tab.show("Battery electrode (FIB-SEM)")
    assert tab.plane() == Z
    assert tab.ranges() == pytest.approx(before, abs=0.5)


def test_each_image_goes_on_with_its_own_class(tab, particles):
    field = class_field(tab)
    field.fill("particle")
    field.press("Enter")
    accept(tab, particles[0])
    tab.show("Coins (photograph)")
    expect(field).to_have_value("particle")  # without objects the class of the image before is the best guess
    field.fill("coin")
    field.press("Enter")
    tab.show("Battery electrode (FIB-SEM)")
    expect(field).to_have_value("particle")


def test_while_another_image_opens_the_picture_before_stays_dimmed_until_the_new_one_is_there(tab):
    tab.page.evaluate(WHAT_IS_SEEN)
    tab.show("Coins (photograph)")
    tab.page.locator(".veil canvas").wait_for(state="detached")
    seen = tab.page.evaluate("() => globalThis.seen")
    assert any("Opening Coins (photograph)" in one for one in seen)
    assert "nothing" not in seen


def test_colour_images_open(tab):
    tab.show("Tissue (light microscope, colour)")
    tab.click_point(100, 100)
    tab.press("Escape")


def test_buttons_that_make_no_sense_are_disabled(tab, particles):
    save_button = tab.page.get_by_role("button", name="Save")
    assert save_button.is_disabled()
    accept(tab, particles[0])
    tab.wait_until(save_button.is_enabled)


def test_help_opens_and_closes_by_key(tab):
    tab.press("?")
    tab.wait_for_text("Take the last point or box back")
    content = tab.page.locator(".MuiDialogContent-root").filter(has_text="Wheel")
    assert content.evaluate("content => content.scrollHeight <= content.clientHeight")  # all of it is in sight
    tab.press("Escape")
    tab.page.get_by_text("Take the last point or box back").wait_for(state="hidden")
