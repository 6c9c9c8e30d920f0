"""Buttons say why they are greyed, keys are for the image or for a field, and help has them all."""

import pytest
from particles import accept


def test_typing_in_a_field_uses_no_shortcut(tab):
    field = tab.class_field
    field.press_sequentially("fd")
    tab.wait_for_text("Plane: 3")


def test_enter_in_a_field_gives_the_keys_back_to_the_image(tab):
    field = tab.class_field
    field.fill("f")
    field.press("Enter")
    tab.press("f")
    tab.wait_for_text("Plane: 4")
    assert field.input_value() == "f"


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


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Delete the selected objects (Del)", "Delete the selected objects (Del): click on one first"),
        ("Save", "Save the masks (Ctrl+S): there are none yet"),
    ],
)
def test_a_greyed_button_says_why(tab, name, why):
    tab.page.get_by_role("button", name=name).hover(force=True)
    tab.wait_for_text(why)
