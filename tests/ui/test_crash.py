"""A server that is killed in the middle loses nothing that was accepted."""

import pytest
from driver import Tab


@pytest.fixture(scope="module")
def own_app(start_app, tmp_path_factory, samples):
    home = tmp_path_factory.mktemp("own")
    (home / "samples").symlink_to(samples)
    return start_app(home)


def test_a_page_says_that_the_server_is_gone_and_comes_back_with_it_and_with_everything_accepted(own_app, open_tab):
    tab: Tab = open_tab(own_app.url)
    tab.wait_for_picture()
    tab.click_point(128, 128)
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(1)
    accepted = tab.rows()
    tab.click_point(60, 60, held=["Shift"])
    own_app.kill()
    tab.wait_for_text("The connection to the server is lost")
    own_app.start()
    tab.wait_for_picture()
    tab.wait_until(lambda: not tab.page.get_by_text("The connection to the server is lost").is_visible())
    tab.wait_until(lambda: tab.rows() == accepted)
    tab.delete_all()  # for the next try
    tab.troubles.clear()  # the lost connection, which is the point
