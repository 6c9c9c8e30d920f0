"""Saving masks, loading them again, and exporting them for other programs."""

from pathlib import Path

import numpy as np
import pandas as pd
from particles import Z, accept

from seg_app.geometry import bits_of
from seg_app.io.formats import npz
from seg_app.io.registry import load_masks


def sets_on(drops) -> list[Path]:
    return sorted(drops.root.rglob("fib_volume*.npz"), key=lambda path: (len(path.name), path.name))


def test_saving_right_after_enter_saves_the_object(tab, drops, particles):
    before = len(sets_on(drops))
    tab.click(*particles[0][1:])
    tab.press("Enter")
    tab.press("Control+s")
    tab.wait_until(lambda: len(sets_on(drops)) == before + 1)


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
    tab.wait_for_text("picture · A picture cannot be read as masks again")
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
