"""Files of the user's own computer in a real browser: chosen by a button, or dropped on the page."""

import base64
import shutil
from collections.abc import Iterator
from uuid import uuid4

import numpy as np
import pytest
import tifffile
from driver import Tab, opened
from playwright.sync_api import expect

from seg_app.io import ome_zarr

DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), files = new DataTransfer()
  files.items.add(new File([bytes], name))
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }))
  }
}"""

LINES = """() => {
  const pierced = (root) => [...root.querySelectorAll('*')].flatMap((one) => one.shadowRoot
    ? [...one.shadowRoot.querySelectorAll('.line'), ...pierced(one.shadowRoot)] : [])
  globalThis.lines = []
  for (const line of pierced(document)) {
    new MutationObserver(() => globalThis.lines.push(line.textContent)).observe(line, { childList: true })
  }
}"""
"""Notes what the page says while files are sent."""


@pytest.fixture(scope="module")
def login_app(start_app, tmp_path_factory):
    """An app that asks for a password, with one image."""
    home = tmp_path_factory.mktemp("upload")
    (home / "samples").mkdir()
    np.save(home / "samples" / "first.npy", np.arange(64 * 96, dtype=np.uint16).reshape(64, 96))
    return start_app(home, BACKEND_URL="classical:", USER_NAME="ada", USER_PASSWORD="hush")


@pytest.fixture(scope="module")
def one_tab(chromium, login_app) -> Iterator[Tab]:
    with opened(chromium, login_app.url) as tab:
        tab.page.locator("input[name=username]").fill("ada")
        tab.page.locator("input[name=password]").fill("hush")
        tab.page.locator("input[name=password]").press("Enter")
        tab.wait_for_picture()
        yield tab


@pytest.fixture
def tab(one_tab) -> Iterator[Tab]:
    """The app as somebody who has come in sees it."""
    yield one_tab
    one_tab.close_all()
    one_tab.assert_calm()


def test_a_chosen_file_is_shown_and_garbage_is_refused(tab, grain, tmp_path):
    tab.page.locator("input[type=file]").set_input_files(grain)
    tab.wait_for_file("grain · 3100 × 3000")
    tab.wait_for_picture()
    tab.wait_for_file("Files of ada")
    (tmp_path / "bad.tif").write_bytes(b"garbage")
    tab.page.locator("input[type=file]").set_input_files(tmp_path / "bad.tif")
    tab.wait_for_file("bad.tif: it is no TIFF file")
    expect(tab.page.get_by_text("grain · 3100 × 3000")).to_be_visible()
    assert tab.points() == []
    tab.troubles.clear()  # the browser notes every request that was refused


def test_a_dropped_file_is_shown(tab, tmp_path):
    tifffile.imwrite(tmp_path / "drop.tif", np.eye(50, dtype=np.uint8), photometric="minisblack")
    data = base64.b64encode((tmp_path / "drop.tif").read_bytes()).decode()
    tab.page.evaluate(DROP, ["<i>drop.tif", data])
    tab.wait_for_file("drop · 50 × 50")
    assert tab.page.locator("i", has_text="drop").count() == 0


def test_the_images_of_a_dropped_folder_are_a_volume(tab, tmp_path):
    folder = tmp_path / "recording"
    folder.mkdir()
    for n in (1, 2, 10):
        tifffile.imwrite(folder / f"slice_{n}.tif", np.full((64, 96), n, np.uint8), photometric="minisblack")
    (folder / "Thumbs.db").write_bytes(b"no image")
    (folder / "notes.txt").write_text("before the images")
    drop(tab, folder)
    tab.wait_for_file("96 × 64 × 3")
    tab.wait_for_file("recording")


def test_of_what_is_dropped_together_the_good_is_opened_and_the_damaged_says_why(tab, tmp_path):
    name = uuid4().hex[:8]  # no name of an earlier try
    files = [tmp_path / f"{name}_{letter}.tif" for letter in "abc"]
    files[0].write_bytes(b"garbage")
    for path in files[1:]:
        tifffile.imwrite(path, np.eye(50, dtype=np.uint8), photometric="minisblack")
    drop(tab, *files)
    tab.wait_for_file(f"{name}_b · 50 × 50")
    tab.wait_for_picture()
    tab.wait_for_file(f"{name}_a.tif: ")
    expect(tab.page.get_by_role("treeitem", name=f"{name}_b").first).to_be_visible()  # listed since, too
    expect(tab.page.get_by_role("alert").get_by_text(f"{name}_a.tif: ")).to_be_visible()


def test_a_dropped_zarr_folder_is_shown_with_its_scale_and_one_of_no_use_says_why(tab, tmp_path):
    name = uuid4().hex[:8]  # no name of an earlier try
    folder = tmp_path / f"{name}.ome.zarr"
    pixels = np.random.default_rng(0).integers(0, 255, (120, 64, 600), dtype=np.uint8)  # more than 100 chunks
    ome_zarr.write(folder, pixels, pixel_size_nm=(20, 4, 4))
    (folder / "README.md").write_text("no part of it")
    tab.page.evaluate(LINES)
    drop(tab, folder)
    tab.wait_for_file(f"{name} · 600 × 64 × 120")
    tab.wait_for_picture()
    tab.wait_for_text("4 nm")
    assert any(line.startswith(f"{name}.ome.zarr: 0.0 of ") for line in tab.page.evaluate("globalThis.lines"))
    assert not tab.page.get_by_role("alert").count()
    (folder / "a:b").mkdir()
    (folder / "a:b" / "0").write_text("0")
    drop(tab, folder)
    tab.wait_for_file(f"'{name}.ome.zarr/a:b' has a name that not every disk takes")
    tab.close_all()
    shutil.rmtree(folder / "a:b")
    shutil.rmtree(folder / "1")
    drop(tab, folder.rename(tmp_path / f"{name}-damaged"))
    tab.wait_for_file(f"Cannot read {name}-damaged: its level '1' is missing")
    assert not tab.page.get_by_text(f"{name}-damaged", exact=True).count()
    tab.troubles.clear()  # the browser notes every request that was refused


def drop(tab, *paths):
    """Drop what is at some paths, as from a file manager."""
    session = tab.page.context.new_cdp_session(tab.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 640, "y": 400, "data": data})
    session.detach()


def test_a_second_file_is_listed_beside_the_first_one_which_can_be_deleted(tab, tmp_path):
    first, second = uuid4().hex[:8], uuid4().hex[:8]  # no names of an earlier try
    for name in (first, second):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.eye(50, dtype=np.uint8), photometric="minisblack")
        tab.page.locator("input[type=file]").set_input_files(tmp_path / f"{name}.tif")
        tab.wait_for_file(f"{name} · 50 × 50")
        expect(tab.page.get_by_text(name, exact=True)).to_be_visible()  # the tree unfolds to it
    listed = tab.page.get_by_role("treeitem", name=first, exact=True)
    listed.hover()
    button = listed.get_by_role("button", name=f"Delete {first}", exact=True)
    colours = "one => [one, one.parentElement].map(it => getComputedStyle(it).color)"
    assert len(set(button.evaluate(colours))) == 1
    button.click()
    tab.wait_for_text(f"Delete “{first}.tif” from the server?")
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.page.get_by_text(first, exact=True)).to_have_count(0)
    expect(tab.page.get_by_text(second, exact=True)).to_be_visible()
