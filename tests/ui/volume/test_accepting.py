"""Accepted objects: in the list and on the image, selected, given a class, deleted and brought back."""

import pytest
from particles import Z, accept


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
    field = tab.class_field
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
    field = tab.class_field
    field.fill("pore")
    field.press("Enter")
    accept(tab, particles[0])
    tab.wait_until(lambda: any("pore" in row for row in tab.rows()))
