"""A box around an object: how it is drawn, refined by points, and taken back."""

import numpy as np
import pytest
from discs import discs

from seg_app.errors import SegAppError
from seg_app.models import Session, Volume
from seg_app.records import Box, Point, Prompts
from seg_app.sam import Candidate, connect_sam


class Filling:
    """Outlines the box; the points only count for the score."""

    name, input_size = "Filling", 1024

    def __init__(self):
        self.asked = []

    def predict(self, image, prompts, *, previous=None):  # noqa: ARG002
        self.asked.append(prompts)
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        inside = np.full(image.shape[:2], prompts.box is None)
        if box := prompts.box:
            inside = (x >= box.x0) & (x <= box.x1) & (y >= box.y0) & (y <= box.y1)
        return [Candidate(np.where(inside, 1, -1).astype(np.float32), len(prompts.points) / 10)]


@pytest.fixture
def boxed(volume):
    """A session whose segmenter outlines boxes, with the next drag drawing one."""
    session = Session(volume, Filling())
    session.draft.switch_drawing()
    return session


def test_a_box_is_outlined_at_once_and_the_next_drag_draws_none(boxed):
    mask = boxed.draw_box(Box(40, 30, 80, 70))
    assert (mask.x0, mask.y0, mask.x1, mask.y1) == (40, 30, 81, 71)
    assert not boxed.draft.drawing


def test_the_classical_segmenter_outlines_what_is_in_a_box(volume):
    mask = Session(volume, connect_sam("classical:")).draw_box(Box(37, 27, 83, 73))
    assert mask.area == pytest.approx(np.pi * 20**2, rel=0.1)


@pytest.mark.parametrize("box", [Box(80, 70, 40, 30), Box(40, 70, 80, 30)])
def test_a_box_may_be_drawn_from_any_corner(boxed, box):
    boxed.draw_box(box)
    assert boxed.draft.prompts.box == Box(40, 30, 80, 70)


def test_a_box_is_cut_at_the_edges_of_the_plane(boxed):
    boxed.draw_box(Box(-50, 30, 9000, 70))
    assert boxed.draft.prompts.box == Box(-0.5, 30, 239.5, 70)


@pytest.mark.parametrize(
    "box", [Box(40, 30, 80, 30.5), Box(-9, -9, -2, -2), Box(240, 0, 250, 50), Box(float("nan"), 3, 80, 70)]
)
def test_a_box_without_a_pixel_is_refused_and_changes_nothing(boxed, box):
    boxed.click(60, 50)
    with pytest.raises(SegAppError, match="Draw it from corner to corner"):
        boxed.draw_box(box)
    assert (boxed.draft.prompts.box, len(boxed.draft.prompts.points), boxed.draft.drawing) == (None, 1, True)


def test_points_refine_a_box_and_are_taken_back_before_it(boxed):
    boxed.draw_box(Box(40, 30, 80, 70))
    boxed.click(60, 50)
    boxed.click(70, 50, include=False)
    assert (boxed.draft.mask.score, boxed.draft.prompts.box) == (0.2, Box(40, 30, 80, 70))
    scores = [boxed.take_back().score for _ in range(2)]
    assert (scores, boxed.take_back(), boxed.draft.prompts) == ([0.1, 0.0], None, Prompts())


def test_a_box_after_a_point_is_taken_back_before_it(boxed):
    boxed.click(60, 50)
    boxed.draw_box(Box(40, 30, 80, 70))
    boxed.take_back()
    assert boxed.draft.prompts == Prompts((Point(60, 50),))


def test_of_two_boxes_the_second_counts_and_taking_it_back_brings_the_first(boxed):
    boxed.draw_box(Box(40, 30, 80, 70))
    assert boxed.draw_box(Box(10, 10, 20, 20)).x1 == 21
    assert boxed.take_back().x1 == 81


def test_taking_back_a_point_that_was_not_answered_needs_no_other_answer(session, segmenter):
    first = session.click(60, 50)
    session.add_point(150, 140)
    assert session.take_back() is first
    assert len(segmenter.images) == 1


def test_while_a_box_is_to_be_drawn_dropping_ends_that_only(boxed):
    boxed.click(60, 50)
    boxed.drop()
    kept = boxed.draft.prompts, boxed.draft.drawing
    boxed.drop()
    assert (kept, boxed.draft.prompts) == ((Prompts((Point(60, 50),)), False), Prompts())


def test_a_boxed_object_that_could_not_be_kept_is_taken_back_in_its_order(boxed):
    boxed.click(60, 50)
    boxed.add_box(Box(40, 30, 80, 70))
    boxed.draft.put_back(boxed.take())
    boxed.take_back()
    assert boxed.draft.prompts == Prompts((Point(60, 50),))


def test_an_accepted_object_knows_its_box(boxed):
    boxed.draw_box(Box(40, 30, 80, 70))
    assert boxed.accept().prompts.box == Box(40, 30, 80, 70)


def test_a_box_on_a_zoomed_out_view_is_asked_in_pixels_of_what_is_seen():
    session = Session(Volume.from_array(discs((800, 800, 20), shape=(1600, 1600))), Filling())
    session.scale = 2.0
    session.draw_box(Box(779.5, 779.5, 819.5, 819.5))
    assert session.segmenter.asked[0].box == Box(389.5, 389.5, 409.5, 409.5)
