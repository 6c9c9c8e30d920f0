"""What of an answer belongs to the object: the pieces that were clicked."""

import numpy as np
import pytest

from seg_app.records import Box, Point, Prompts
from seg_app.sam.outline import outline_of
from seg_app.sam.pieces import clicked

ROWS = ("##..#", "##..#", ".....", "###..")


@pytest.fixture
def answer():
    inside = np.array([[letter == "#" for letter in row] for row in ROWS])
    return outline_of(np.where(np.pad(inside, ((2, 3), (3, 2))), 2.0, -3.0).astype(np.float32))


def kept(answer, *points, box=None):
    """Return what is kept of an answer whose top left piece begins at (3, 2) of the window."""
    found = clicked(answer, Prompts(tuple(Point(*point) for point in points), box).moved(dx=3, dy=2))
    return tuple("".join("#" if value > 0 else "." for value in row) for row in found.logits[1:-1, 1:-1])


def test_crumbs_away_from_the_click_are_dropped(answer):
    assert kept(answer, (0, 0)) == ("##...", "##...", ".....", ".....")


def test_a_second_click_keeps_its_piece_too(answer):
    assert kept(answer, (0, 0), (4.4, 0.6)) == ("##..#", "##..#", ".....", ".....")


def test_an_excluding_click_keeps_nothing(answer):
    assert kept(answer, (0, 0), (4, 0, False)) == ("##...", "##...", ".....", ".....")


@pytest.mark.parametrize("point", [(2, 2), (70, 0), (-9, 2)])
def test_a_click_beside_all_pieces_keeps_them_all(answer, point):
    assert kept(answer, point) == ROWS


def test_a_box_keeps_what_is_in_it(answer):
    assert kept(answer, box=Box(1.2, 3, 4, 0)) == ROWS
    assert kept(answer, box=Box(-5, -5, 2, 2)) == ("##...", "##...", ".....", ".....")
    assert kept(answer, (4, 0), box=Box(0, 3, 2, 4)) == ("....#", "....#", ".....", "###..")


def test_a_box_beside_all_pieces_keeps_them_all(answer):
    assert kept(answer, box=Box(0, 2, 4, 2)) == kept(answer, box=Box(-9, -9, -3, -3)) == ROWS


def test_the_rest_of_the_answer_stays(answer):
    found = clicked(answer, Prompts((Point(3, 2),)))
    assert (found.y0, found.x0, found.grid, found.logits.dtype) == (1, 2, (9, 10), np.float32)
    assert np.array_equal(found.logits[:3, :3], answer.logits[:3, :3])
    assert answer.logits[1, 5] == 2
