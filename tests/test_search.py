"""All objects of a plane at once: where they are, which are wanted, and how a search ends."""

import threading

import numpy as np
import pytest
from scipy.ndimage import find_objects, label
from skimage.draw import disk

from seg_app.errors import SegAppError
from seg_app.geometry import bits_of, mask_from_bits
from seg_app.models import Ending, Session, Volume, Wanted
from seg_app.models.search import softened
from seg_app.records import Box, Point, Prompts
from seg_app.sam import connect_sam
from seg_app.sam.protocol import AutoMask, AutoProgress

DISCS = ((60, 50, 20), (150, 140, 30), (204, 40, 8))
WHOLE = Wanted(whole_plane=True)


class Regions:
    """Finds the bright regions of an image, one a step; `meanwhile` is called after each."""

    name, input_size = "Regions", 1024

    def __init__(self):
        self.asked, self.closed = [], False
        self.meanwhile = lambda: None

    def automask(self, image, options):
        self.asked.append((image.shape, options))
        regions, n = label(image[..., 0] > 127)
        masks = []
        try:
            for i, (rows, columns) in enumerate(find_objects(regions)):
                bits = regions[rows, columns] == i + 1
                centre = Prompts((Point(float(columns.start), float(rows.start)),))
                mask = mask_from_bits(bits, y0=rows.start, x0=columns.start, score=0.9, prompts=centre)
                masks.append(AutoMask(mask, None))
                yield AutoProgress((i + 1) / n, tuple(masks))
                self.meanwhile()
        finally:
            self.closed = True


def plane(shape=(200, 240)):
    pixels = np.full(shape, 20, np.uint8)
    for x, y, radius in DISCS:
        pixels[disk((y, x), radius, shape=shape)] = 220
    return pixels


def inside(mask, shape=(200, 240)):
    found = np.zeros(shape, bool)
    found[mask.y0 : mask.y1, mask.x0 : mask.x1] = bits_of(mask)
    return found


@pytest.fixture
def session():
    return Session(Volume.from_array(np.stack([plane()] * 3), name="samples/discs"), Regions(), user="ada")


def test_what_is_found_is_accepted_in_one_change(session):
    session.class_name = "particle"
    masks = session.search.run(WHOLE)
    assert np.array_equal(np.any([inside(mask) for mask in masks], axis=0), plane() > 127)
    assert {(m.z, m.class_name, m.provenance.user) for m in masks} == {(1, "particle", "ada")}
    assert session.masks.masks == masks
    session.undo()
    assert not session.masks.masks


def test_it_is_said_how_far_the_search_is_and_what_it_has_found(session):
    seen = []
    session.search.param.watch(lambda event: seen.append(len(event.new)), "found")
    session.segmenter.meanwhile = lambda: seen.append((session.search.is_running, round(session.search.done, 2)))
    session.search.run(WHOLE)
    assert seen == [1, (True, 0.33), 2, (True, 0.67), 3, (True, 1.0), 0]
    assert not session.search.is_running


@pytest.mark.parametrize(("ending", "kept"), [(Ending.KEEP, 2), (Ending.DISCARD, 0)])
def test_a_search_can_be_ended_and_what_it_found_kept_or_not(session, ending, kept):
    session.segmenter.meanwhile = lambda: session.search.end(ending)
    session.search.run(WHOLE)
    assert (len(session.masks.masks), session.segmenter.closed) == (kept, True)


def test_what_was_ended_once_does_not_end_the_next_search(session):
    session.search.end(Ending.DISCARD)
    assert len(session.search.run(WHOLE)) == 3


def test_accepted_objects_are_not_found_again(session):
    first = session.search.run(WHOLE)
    session.masks.remove([first[0].id])
    assert [mask.area for mask in session.search.run(WHOLE)] == [first[0].area]


def test_an_object_that_was_accepted_by_hand_meanwhile_is_not_accepted_twice(session):
    def accept_one():
        if not session.masks.masks:
            session.keep_all(session.search.found)

    session.segmenter.meanwhile = accept_one
    session.search.run(WHOLE)
    assert len(session.masks.masks) == 3


def test_small_objects_are_dropped(session):
    assert len(session.search.run(Wanted(whole_plane=True, least_area=1000))) == 2


@pytest.mark.parametrize(("least_area", "areas"), [(None, [36]), (1, [16, 36]), (0, [16, 36]), (37, [])])
def test_without_a_wish_slivers_are_dropped(least_area, areas):
    pixels = np.full((1, 200, 240), 20, np.uint8)
    pixels[0, 20:36, 20] = pixels[0, 60:66, 60:66] = 220
    session = Session(Volume.from_array(pixels, name="samples/slivers"), Regions())
    found = session.search.run(Wanted(whole_plane=True, least_area=least_area))
    assert [mask.area for mask in found] == areas


@pytest.mark.parametrize(("scale", "least"), [(0.5, 32), (1, 32), (2, 128), (5, 512)])
def test_what_is_a_sliver_follows_the_zoom(scale, least):
    session = Session(Volume.from_array(np.zeros((1, 1600, 1600), np.uint8), name="samples/big"), Regions())
    session.param.update(view=Box(-0.5, -0.5, 1599.5, 1599.5), scale=scale)
    assert session.search.least_area() == least


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"least_area": 0}, Wanted()),
        ({"least_area": 40, "with_cut": True}, Wanted(least_area=40, with_cut=True)),
        ({"least_area": None, "points": "7"}, Wanted()),
        ({"least_area": 2.5, "other": 1}, Wanted()),
        ([], Wanted()),
    ],
)
def test_what_was_wanted_is_read_again_and_nonsense_is_left_out(values, wanted):
    assert Wanted.from_json(values) == wanted


class Crumbly(Regions):
    """Finds the large disc, and with it the small one."""

    def automask(self, image, options):  # noqa: ARG002 - everything is asked
        bits = image[..., 0] > 127
        bits[:, :100] = False
        prompts = Prompts((Point(150.0, 140.0),))
        yield AutoProgress(1.0, (AutoMask(mask_from_bits(bits, score=0.9, prompts=prompts), None),))


def test_an_object_has_no_crumbs_elsewhere(session):
    session.segmenter = Crumbly()
    (mask,) = session.search.run(WHOLE)
    assert mask.area == disk((140, 150), 30)[0].size
    assert (mask.score, mask.prompts.points) == (0.9, (Point(150.0, 140.0),))


class Doubling(Regions):
    """Finds everything twice, the second time without its first row."""

    def automask(self, image, options):
        for step in super().automask(image, options):
            masks = [auto.mask for auto in step.masks]
            seconds = [mask_from_bits(bits_of(m)[1:], y0=m.y0 + 1, x0=m.x0, prompts=m.prompts) for m in masks]
            yield AutoProgress(step.done, tuple(AutoMask(mask, None) for mask in (*masks, *seconds)))


def test_each_object_is_accepted_and_counted_once(session):
    session.segmenter = Doubling()
    session.param.update(view=Box(19.5, 19.5, 139.5, 239.5), scale=1)
    assert (len(session.search.run(Wanted())), session.search.left_out) == (1, 1)
    assert len(session.search.run(WHOLE)) == 2


def test_only_what_is_on_screen_is_searched(session):
    session.param.update(view=Box(99.5, 99.5, 239.5, 199.5), scale=0.25)
    (mask,) = session.search.run(Wanted(with_cut=True))
    assert session.segmenter.asked[0][0] == (100, 140, 3)
    assert np.array_equal(inside(mask), inside(mask) & (plane() > 127))
    assert mask.area == (plane()[100:, 100:] > 127).sum()
    point = mask.prompts.points[0]
    assert (point.x, point.y) == (mask.x0, mask.y0)


def test_what_the_edge_of_the_screen_cuts_is_left_out_and_counted(session):
    session.param.update(view=Box(19.5, 19.5, 139.5, 239.5), scale=1)  # the large disc goes on to the right
    (mask,) = session.search.run(Wanted())
    assert (mask.y0, mask.x0, session.search.left_out) == (31, 41, 1)
    assert len(session.search.run(Wanted(with_cut=True))) == 1
    assert session.search.left_out == 0


@pytest.mark.parametrize("gap", [0, 1])
def test_an_object_that_ends_a_pixel_before_the_edge_of_the_screen_is_cut_there(session, gap):
    session.param.update(view=Box(40.5 - gap, -0.5, 239.5, 199.5), scale=1)
    assert 41 not in {mask.x0 for mask in session.search.run(Wanted())}


def test_the_edge_of_the_plane_cuts_nothing():
    cornered = np.full((1, 200, 240), 20, np.uint8)
    cornered[0, :40, 200:] = cornered[0, 160:, :40] = 220
    session = Session(Volume.from_array(cornered, name="samples/corners"), Regions())
    session.param.update(view=Box(-50, -50, 300, 300), scale=1)
    assert len(session.search.run(Wanted())) == 2


@pytest.mark.parametrize("level", [0, 2])
def test_where_one_object_fills_the_screen_nothing_is_accepted_and_it_is_counted(level):
    pixels = np.full((1, 1600, 1600), 220, np.uint8)
    pixels[0, :200] = 20
    full = Session(Volume.from_array(pixels, name="samples/full"), Regions())
    full.param.update(view=Box(399.5, 399.5, 1199.5, 1199.5), scale=2**level)
    assert (full.search.run(Wanted()), full.search.left_out) == ((), 1)


def test_an_accepted_object_that_the_edge_cuts_is_not_left_out_once_more(session):
    session.search.run(WHOLE)
    session.param.update(view=Box(99.5, 99.5, 239.5, 199.5), scale=1)
    session.search.run(Wanted())
    assert session.search.left_out == 0


def test_a_zoomed_out_search_gives_masks_of_full_resolution():
    big = np.kron(plane(), np.ones((8, 8), np.uint8))
    session = Session(Volume.from_array(big[None], name="samples/big"), Regions())
    session.param.update(view=Box(-0.5, -0.5, 1919.5, 1599.5), scale=2.5)
    masks = session.search.run(Wanted())
    assert session.segmenter.asked[0][0] == (800, 960, 3)
    found, true = np.any([inside(mask, big.shape) for mask in masks], axis=0), big > 127
    assert (found & true).sum() / (found | true).sum() > 0.98
    assert abs(masks[0].prompts.points[0].x - masks[0].x0) <= 2


def test_what_is_found_from_afar_has_a_smooth_edge():
    y, x = np.ogrid[:4096, :4096]
    disc = np.hypot(y - 500.3, x - 490.7) < 60
    session = Session(Volume.from_array(np.where(disc, 200, 20).astype(np.uint8)), Regions())
    session.param.update(view=Box(-0.5, -0.5, 4095.5, 4095.5), scale=8, limits=(0, 255))
    (mask,) = session.search.run(Wanted())
    found = inside(mask, disc.shape)
    assert (found & disc).sum() / (found | disc).sum() > 0.966  # 0.961 where bits are enlarged as they are


def test_a_wire_that_is_found_from_afar_is_not_lost():
    for wire in (np.eye(45, dtype=bool), np.ones((1, 45), bool), np.ones((45, 1), bool)):
        assert ((softened(np.pad(wire, 2)) > 0) >= np.pad(wire, 2)).all()


def test_a_view_beside_the_plane_is_refused(session):
    session.view = Box(500, 500, 600, 600)
    with pytest.raises(SegAppError, match="not on screen"):
        session.search.run(Wanted())


def test_the_databar_is_left_out():
    volume = Volume.from_array(plane()[None], name="samples/bar")
    volume.metadata = {"databar_rows": 20}
    session = Session(volume, Regions())
    session.search.run(WHOLE)
    session.param.update(view=Box(-0.5, 99.5, 239.5, 199.5), scale=1)
    session.search.run(Wanted())
    assert [options.excluded_rows for _, options in session.segmenter.asked] == [(180, 200), (80, 100)]


def test_a_second_search_has_to_wait(session):
    may_go, has_begun = threading.Event(), threading.Event()
    session.segmenter.meanwhile = lambda: (has_begun.set(), may_go.wait(20))
    thread = threading.Thread(target=session.search.run, args=(WHOLE,))
    thread.start()
    assert has_begun.wait(20)
    with pytest.raises(SegAppError, match="on its way"):
        session.search.run(WHOLE)
    may_go.set()
    thread.join()


def test_the_classical_segmenter_finds_the_discs():
    session = Session(Volume.from_array(plane()[None], name="samples/discs"), connect_sam("classical:"))
    masks = session.search.run(Wanted(whole_plane=True, least_area=100))
    true = plane() > 127
    assert sum((inside(mask) & true).sum() > 0.9 * mask.area for mask in masks) >= 3
