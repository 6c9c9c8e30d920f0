"""A SAM server of its own that is killed while somebody clicks."""

import pytest
from app_process import SAM, App
from playwright.sync_api import expect


@pytest.fixture
def service(tmp_path):
    """`seg-app sam` with the model that comes along."""
    service = App(tmp_path, program=SAM, BACKEND_URL="").start()
    yield service
    service.kill()


@pytest.fixture
def tab(start_app, service, samples, tmp_path, open_tab):
    """An image, outlined by that server."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "samples").symlink_to(samples)
    tab = open_tab(start_app(home, BACKEND_URL=service.url).url)
    tab.wait_for_picture()
    tab.wait_for_text("micro")
    return tab


def test_clicks_that_a_killed_service_did_not_answer_are_answered_when_it_is_back(tab, service):
    places = [(92.0, 38.0), (100.0, 38.0), (92.0, 46.0)]
    tab.click_point(*places[0])
    tab.outlined()
    service.kill()
    tab.click_point(*places[1])
    tab.wait_for_text("The SAM server is away")
    tab.click_point(*places[2])
    tab.wait_for_text("No SAM server answers")
    service.start()
    tab.wait_for_text("Enter to accept · Backspace")
    assert [point[:2] for point in tab.points()] == [pytest.approx(place, abs=1) for place in places]
    expect(tab.page.get_by_text("No SAM server answers")).to_be_hidden()
    tab.press("Enter")
    tab.wait_for_rows(1)
