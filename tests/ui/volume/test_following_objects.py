"""The selected objects are followed through the planes."""

from particles import accept
from playwright.sync_api import expect

TOLD = "Undo takes them away again"


def test_a_selected_object_is_followed_through_the_planes_as_one_change(tab, truth, particles):
    accept(tab, particles[0])
    follow = tab.page.get_by_role("button", name="Follow the selected objects")
    expect(follow).to_be_disabled()
    tab.page.locator(".tabulator-row").click()
    expect(follow).to_be_enabled()
    tab.press("p")
    tab.wait_until(lambda: tab.shows(TOLD), timeout_s=60)
    label = particles[0][0]
    there = [z + 1 for z in range(len(truth)) if (truth[z] == label).sum() >= 100]
    tab.wait_until(lambda: "–" in tab.rows()[0][-1])
    first, last = (int(plane) for plane in tab.rows()[0][-1].split("–"))  # one row: it is one object
    assert first <= there[0]
    assert last >= there[-1]
    tab.press("Control+z")
    tab.wait_until(lambda: "–" not in tab.rows()[0][-1])
    tab.wait_for_rows(1)
    tab.wait_until(lambda: not tab.shows(TOLD))
