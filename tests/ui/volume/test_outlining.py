"""Outlining an object by points: each click counts where it was made, and can be taken back."""

import numpy as np
import pytest
from particles import Z, accept
from skimage.draw import polygon


def test_an_outline_waits_on_its_plane(tab, particles):
    tab.click_point(*particles[0][1:])
    tab.outlined()
    outline = tab.outline()
    tab.press("f")
    tab.wait_for_text("? for all keys · not accepted yet on plane 3")
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


def test_a_click_beside_the_plane_does_nothing(tab):
    tab.click(-5, 128)  # still on the canvas
    tab.click_point(100, 100)
    assert len(tab.points()) == 1
