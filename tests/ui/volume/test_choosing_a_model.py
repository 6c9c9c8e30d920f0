"""Choosing another model: nothing is lost by it, nor by one that cannot be loaded."""

from collections.abc import Iterator

import pytest
from driver import Tab

BUNDLED, CLASSICAL = "SAM 2.1 micro (bundled)", "Classical · no weights"


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
