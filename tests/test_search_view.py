"""What a search is asked, and what is said of it."""

import numpy as np
import pytest
from benches import bench_of
from builders import square

from seg_app.models import Session, Volume
from seg_app.records import Box
from seg_app.sam import connect_sam
from seg_app.views.search import NOTHING, outcome


@pytest.fixture
def bench():
    volume = Volume.from_array(np.zeros((1, 1600, 1600), np.uint8))
    with bench_of(Session(volume, connect_sam("classical:"))) as bench:
        yield bench


def test_the_class_of_what_was_found_is_said():
    assert outcome((square(class_name="pore"),), 0).startswith("1 object was found and accepted as “pore”. Undo")


def test_a_search_of_a_volume_names_its_plane_wherever_the_user_is_by_then():
    with bench_of(Session(Volume.from_array(np.zeros((3, 64, 96), np.uint8)), connect_sam("classical:"))) as bench:
        searching, session = bench._searching, bench.session
        session.param.update(view=Box(-0.5, -0.5, 95.5, 63.5), scale=1)
        session.search.run()
        session.go_to(2)
        words = searching._words(), searching._outcome((square(),)), searching._outcome(())
    assert words[0].startswith("plane 2 · 0 so far")
    assert words[1].startswith("1 object was found and accepted on plane 2. Undo")
    assert words[2].startswith("Nothing was found on plane 2. Try")


@pytest.mark.parametrize(("class_name", "said"), [("pore", "gets the class “pore”"), ("", "gets no class")])
def test_the_dialog_says_which_class_is_given_and_what_is_too_small(bench, class_name, said):
    bench.session.class_name = class_name
    bench.session.param.update(view=Box(-0.5, -0.5, 1599.5, 1599.5), scale=2)
    form = bench._search
    form.ask()
    assert said in form._class.text
    assert form._area.label == "Smallest area, pixels (0: 128, as it suits the zoom)"
    form._place.value = "Whole plane"
    assert "(0: 32, as" in form._area.label


@pytest.mark.parametrize(("typed", "least_area"), [(None, None), (0, None), (50, 50)])
def test_an_empty_field_or_0_leaves_the_smallest_area_to_the_zoom(bench, typed, least_area):
    bench._search._area.value = typed
    bench._search._on_find()
    assert bench.session.search.wanted.least_area == least_area


@pytest.mark.parametrize(
    ("found", "left_out", "words"),
    [
        (0, 0, NOTHING),
        (1, 0, "1 object was found and accepted. Undo takes them away again."),
        (
            0,
            1,
            "1 object is cut by the edge of the screen and was left out: zoom out, or search the whole plane.",
        ),
        (
            2,
            3,
            "2 objects were found and accepted. Undo takes them away again. 3 objects are cut by the edge of the "
            "screen and were left out: zoom out, or search the whole plane.",
        ),
    ],
)
def test_a_search_says_what_it_found_and_what_it_left_out(found, left_out, words):
    assert outcome((square(),) * found, left_out) == words
