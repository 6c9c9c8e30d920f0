"""All objects on screen are searched for, told as they come, and kept as one change."""

from particles import Z

TOLD = "Undo takes them away again"


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
        tab.page.get_by_role("slider", name="Seed points along").press("End")
    tab.page.get_by_role("button", name="Find", exact=True).click()


def test_all_objects_on_screen_are_found_and_accepted_as_one_change(tab, truth, particles):
    _, x, y = particles[0]
    tab.wheel(x, y, 2)  # a part of the plane is on screen, with whole particles in it
    find(tab)
    tab.wait_until(lambda: tab.shows(TOLD), timeout_s=60)
    whole = whole_ones(truth[Z], *on_screen(tab))
    seen_well = [label for label in whole if (truth[Z] == label).sum() >= 300]
    assert len(seen_well) >= 5
    tab.wait_until(lambda: 0.8 * len(seen_well) <= len(tab.rows()) <= len(whole))  # none of them twice
    tab.press("Control+z")
    tab.wait_for_rows(0)
    tab.wait_until(lambda: not tab.shows(TOLD))


def test_where_one_object_fills_the_screen_a_search_says_what_was_left_out_and_what_to_do(tab, particles):
    _, x, y = particles[0]
    tab.wheel(x, y, 12)
    find(tab)
    tab.wait_for_text(
        "1 object is cut by the edge of the screen and was left out: zoom out, or search the whole plane."
    )
    assert not tab.rows()
    tab.page.get_by_role("button", name="OK").click()


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
