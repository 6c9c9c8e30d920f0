"""The field for a path on Drops, without a browser: what the key Enter says counts."""

import param
import pytest
from benches import press_enter
from threads import finish

from seg_app.models import Worker
from seg_app.records import Link
from seg_app.views.courier import Courier
from seg_app.views.drops import DropsBrowser


class Seen(param.Parameterized):
    """An explorer that notes where it is sent."""

    folder, rows = param.String("drops/ada"), param.List()
    newest_first = param.Boolean()
    opened = param.Parameter(Link())
    crumbs = ()
    visited: tuple[str, ...] = ()

    def go(self, typed, *, tell):  # noqa: ARG002
        self.visited = (*self.visited, typed)


@pytest.fixture
def browser():
    view = DropsBrowser(Seen(), Worker(), Courier())  # pyright: ignore[reportArgumentType]
    view.worker = view._worker
    yield view
    view.worker.close()


def test_enter_leads_to_what_stands_in_the_browser_though_the_widget_has_not_heard_of_it(browser):
    press_enter(browser._path, "/ada")
    press_enter(browser._path, "/labdaq")
    finish(browser)
    assert browser._path.value_input == ""
    assert browser._explorer.visited == ("/ada", "/labdaq")


def test_what_enter_leaves_as_the_value_is_not_sent_back_over_what_is_written_next(browser):
    browser._path.value = "/ada"
    assert browser._path.value_input == ""


def test_the_image_that_is_open_is_marked_and_nothing_is_where_it_is_not_listed(explorer):
    view = DropsBrowser(explorer, Worker(), Courier())
    view._show()
    marked = lambda: [item["label"] for n, item in enumerate(view._list.items) if (n,) == view._list.active]  # noqa: E731
    assert marked() == []
    explorer.open(next(row for row in explorer.rows if row.title == "a.png"))
    assert marked() == ["a.png"]
    explorer.go("/labdaq")
    assert marked() == []
    explorer.go("/ada")
    assert marked() == ["a.png"]
    view.close()
    view._worker.close()
