"""What is said of a search."""

import pytest
from builders import square

from seg_app.views.search import NOTHING, outcome


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
