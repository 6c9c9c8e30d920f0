"""The page of a tab, without a browser."""

import threading
from contextlib import closing

import numpy as np
import panel as pn
from threads import finish

from seg_app.errors import UnreachableError
from seg_app.io import LocalFolder, MaskStore
from seg_app.io.tiled import TiledSource
from seg_app.models import Desk, Preferences
from seg_app.sam import connect_sam
from seg_app.views import load_extensions
from seg_app.views.page import Page


def test_an_event_of_the_browser_changes_nothing_of_the_page_by_itself(tmp_path):
    load_extensions()
    with closing(Page(lambda: None, Preferences(tmp_path / "preferences.json"))) as page:
        pn.state._add_busy_event("event")
        assert pn.state.busy
        assert not page._page.busy
        pn.state._remove_busy_event("event")


def finish_all(page):
    for _ in range(3):  # what was done may ask for more
        finish(page)


def test_what_could_not_be_listed_is_listed_when_it_is_tried_again(source, tmp_path, monkeypatch):
    load_extensions()
    source.client.create_container("lab").write_array(np.zeros((20, 30), np.uint8), key="scan")
    store, browse = MaskStore(LocalFolder(tmp_path / "masks")), TiledSource.browse
    is_away = True

    def browse_when_there(source, path=""):
        if is_away:
            raise UnreachableError("No Tiled server answers.")
        return browse(source, path)

    monkeypatch.setattr(TiledSource, "browse", browse_when_there)
    desk = Desk(source, connect_sam("classical:"), store=store, journals=tmp_path / "journals")
    with closing(Page(lambda: desk, Preferences(tmp_path / "preferences.json"))) as page:
        finish_all(page)
        assert (page._welcome._retry.visible, page._browser.is_stale, page.bench) == (True, True, None)
        is_away = False
        page._welcome._retry.clicks += 1
        finish_all(page)
        (folder,) = page._browser._tree.items
        assert (folder["label"], [image["label"] for image in folder["items"]]) == ("lab", ["scan"])
        assert (page._browser.is_stale, page.bench.session.volume.title) == (False, "scan")


def test_a_page_that_is_closed_while_an_image_opens_makes_no_view_of_it(source, tmp_path, monkeypatch, caplog):
    load_extensions()
    source.client.create_container("lab").write_array(np.zeros((20, 30), np.uint8), key="scan")
    store = MaskStore(LocalFolder(tmp_path / "masks"))
    desk = Desk(source, connect_sam("classical:"), store=store, journals=tmp_path / "journals")
    begun, is_closed, begin = threading.Event(), threading.Event(), desk.begin
    late = lambda *args, **options: (begun.set(), is_closed.wait(30), begin(*args, **options))  # noqa: E731
    monkeypatch.setattr(desk, "begin", late)
    page = Page(lambda: desk, Preferences(tmp_path / "preferences.json"))
    begun.wait(30)
    page.close()
    is_closed.set()
    page.worker._pool.shutdown(wait=True)
    assert desk.session
    assert (desk._growth, page.bench) == (None, None)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
