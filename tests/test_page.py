"""The page of a tab, without a browser."""

from contextlib import closing

import panel as pn

from seg_app.models import Preferences
from seg_app.views import load_extensions
from seg_app.views.page import Page


def test_an_event_of_the_browser_changes_nothing_of_the_page_by_itself(tmp_path):
    load_extensions()
    with closing(Page(lambda: None, Preferences(tmp_path / "preferences.json"))) as page:
        pn.state._add_busy_event("event")
        assert pn.state.busy
        assert not page._page.busy
        pn.state._remove_busy_event("event")
