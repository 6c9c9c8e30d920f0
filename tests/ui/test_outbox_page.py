"""A server that is away, and an app that is killed: what waits to be saved arrives by itself, and nothing is lost."""

from collections.abc import Iterator

import pytest
from app_process import free_port
from driver import Tab, opened
from drops_server import DropsServer
from playwright.sync_api import expect

from seg_app.io.formats import npz

WAITS = "1 set of masks waits to be saved"


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def own_app(start_app, tmp_path_factory, samples, port):
    """An app whose Drops server is not there yet."""
    home = tmp_path_factory.mktemp("outbox")
    (home / "samples").symlink_to(samples)
    return start_app(home, DROPS_URL=f"http://127.0.0.1:{port}", DROPS_USER="ada", DROPS_PASSWORD="secret")


@pytest.fixture(scope="module")
def one_tab(chromium, own_app) -> Iterator[Tab]:
    with opened(chromium, own_app.url) as tab:
        yield tab


@pytest.fixture
def drops(tmp_path, port):
    """Return a function that runs Drops on its port."""
    return lambda password="secret": DropsServer(tmp_path / "drops", "ada", password, port=port)


@pytest.fixture
def tab(one_tab, tmp_path, port) -> Iterator[Tab]:
    """The app with one object that is not saved, and nothing that waits."""
    one_tab.wait_for_picture()
    one_tab.click_point(128, 128)
    one_tab.outlined()
    one_tab.press("Enter")
    one_tab.wait_for_rows(1)
    yield one_tab
    one_tab.close_all()
    if one_tab.page.get_by_text(WAITS).count():
        with DropsServer(tmp_path / "after", "ada", "secret", port=port):
            one_tab.page.get_by_role("button", name="Try now").click()
            one_tab.page.get_by_text(WAITS).wait_for(state="hidden")
    one_tab.page.get_by_label("Name of the set").fill("")
    one_tab.page.get_by_label("Name of the set").press("Enter")
    one_tab.delete_all()
    one_tab.assert_calm()


def test_what_waits_is_said_exported_and_saved_when_the_server_is_back(tab, drops, tmp_path):
    tab.press("Control+s")
    tab.wait_for_text(WAITS)
    tab.wait_for_text("Check DROPS_URL")
    tab.press("Control+s")  # the same masks once more: still one set
    tab.wait_for_text("Next try at")
    tab.page.get_by_role("button", name="Details").click()
    tab.wait_for_text("fib_volume · 1 mask · since")
    with tab.page.expect_download() as made:
        tab.page.get_by_role("dialog").get_by_role("button", name="Export").click()
    made.value.save_as(tmp_path / "exported.npz")
    assert len(npz.decode((tmp_path / "exported.npz").read_bytes()).masks) == 1
    tab.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="hidden")
    with drops() as server:
        tab.page.get_by_role("button", name="Try now").click()
        tab.wait_for_text("Saved as fib_volume.npz")
        tab.wait_for_text("fib_volume.npz had to wait, and is saved now.")
        assert server.sets() == ["fib_volume.npz"]
    assert not tab.page.get_by_text(WAITS).is_visible()


def test_a_failed_save_keeps_the_masks_and_a_later_one_works(tab, drops):
    tab.press("Control+s")
    tab.wait_for_text("Check DROPS_URL")
    with drops("other"):
        tab.press("Control+s")
        tab.wait_for_text("password")
    tab.wait_for_rows(1)
    with drops() as server:
        tab.press("Control+s")
        tab.wait_until(lambda: server.sets() == ["fib_volume.npz"])
        tab.wait_for_text("Saved as fib_volume.npz")


def test_after_kill_9_what_waits_arrives_once_and_the_page_comes_back_with_all_that_was_accepted(own_app, tab, drops):
    lost = tab.page.get_by_text("The connection to the server is lost")
    tab.press("Control+s")
    tab.wait_for_text(WAITS)
    tab.click_point(60, 60, held=["Shift"])
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(2)  # of which one is nowhere but in the journal
    accepted = tab.rows()
    own_app.kill()
    tab.wait_until(lost.is_visible)
    with drops() as server:
        own_app.start()
        tab.wait_until(server.sets)
        tab.wait_for_picture()
        tab.wait_until(lambda: not lost.is_visible())
        tab.wait_until(lambda: tab.rows() == accepted)
        assert server.sets() == ["fib_volume.npz"]
        assert not tab.page.get_by_text(WAITS).is_visible()
    tab.troubles.clear()  # the lost connection, which is the point


def test_a_set_has_the_name_that_was_typed_and_one_that_is_none_is_said(tab, drops):
    with drops() as server:
        field, save = tab.page.get_by_label("Name of the set"), tab.page.get_by_role("button", name="Save")
        field.fill("../etc")
        save.click()
        tab.wait_for_text("Cannot call a set of masks '../etc'")
        error = tab.page.get_by_role("alert").filter(has_text="Cannot call")
        top_of_image = tab.figure("f.el.getBoundingClientRect().top")
        tab.wait_until(lambda: error.bounding_box()["y"] > top_of_image)  # below the tools
        tab.page.get_by_role("button", name="Load").click()
        tab.wait_until(lambda: error.bounding_box()["y"] < top_of_image)  # above the dialog, and not behind it
        error.get_by_role("button", name="Close").click()
        expect(error).to_be_hidden()
        assert tab.dialogs() == 1
        tab.close_all()
        field.fill("<b>pores<b>")
        save.click()
        tab.wait_until(lambda: server.sets() == ["fib_volume-=3Cb=3Epores=3Cb=3E.npz"])
        tab.page.get_by_role("button", name="Load").click()
        tab.wait_for_text("<b>pores<b> · ")
        assert tab.page.locator("b", has_text="pores").count() == 0
        tab.close_all()
        field.click()
        tab.page.keyboard.type("2")
        expect(save).to_be_enabled()  # while the field has the focus: the click that leaves it saves
        save.click()
        tab.wait_until(lambda: len(server.sets()) == 2)
        assert not tab.page.get_by_text(WAITS).is_visible()
