"""Objects on several planes are one row of the list, and are selected, named, joined and split as one."""

import pytest
from benches import press, type_class
from builders import square
from threads import finish

from seg_app.sam import OnDemand, get_ready
from seg_app.sam.classical import ClassicalSegmenter


@pytest.fixture
def rod(bench):
    """The first object, now on all three planes."""
    first = bench.session.masks.masks[0]
    return (first, *bench.session.masks.extend(square(2, 3, z=z, number=first.number) for z in (1, 2)))


def test_a_row_is_an_object_on_all_its_planes_and_leads_to_the_nearest(listed, bench, rod):
    bench.session.go_to(2)
    listed._table.selection = [0]
    assert bench.session.masks.selected == tuple(mask.id for mask in rod)
    assert (listed._title.text, bench.session.z) == ("Objects · 3 · 1 selected (3 planes)", 2)
    bench.delete_selected()
    finish(bench)
    assert listed._title.text == "Objects · 2"


def test_a_click_in_the_image_selects_the_object_on_all_planes_which_can_be_deleted_on_one(listed, bench, rod):
    bench.session.go_to(1)
    bench.session.select_at(3, 4)
    assert (listed._title.text, listed._table.selection) == ("Objects · 3 · 1 selected (3 planes)", [0])
    press(bench, "shift+Delete")
    finish(bench)
    assert bench.session.masks.objects[0] == (rod[0], rod[2])
    assert listed._title.text == "Objects · 3 · 1 selected (2 planes)"
    press(bench, "shift+Delete")  # where it is not
    finish(bench)
    assert len(bench.session.masks.objects[0]) == 2


def test_outlines_that_join_a_selected_object_are_selected(listed, bench):
    first = bench.session.masks.masks[0]
    bench.session.masks.select([first.id])
    bench.session.masks.extend([square(2, 3, z=1, number=first.number)])
    assert listed._title.text == "Objects · 3 · 1 selected (2 planes)"
    listed._select_all(None)
    assert listed._title.text == "Objects · 3 · 3 selected (4 outlines)"


def test_a_typed_class_is_that_of_an_object_on_all_its_planes(listed, bench, rod):
    type_class(listed, 0, "grain")
    finish(bench)
    assert [mask.class_name for mask in bench.session.masks.objects[0]] == ["grain"] * len(rod)


def test_two_objects_become_one_and_part_again(listed, bench):
    listed._table.selection = [0, 2]
    press(bench, "j")
    finish(bench)
    assert listed._table.value[["#", "plane", "last"]].to_numpy().tolist() == [[1, 1, 3], [2, 1, 1]]
    listed._table.selection = [0]
    bench.session.go_to(1)
    press(bench, "k")
    finish(bench)
    assert listed._title.text == "Objects · 3 · 1 selected"  # the new one, which may be the one to delete
    assert bench.session.masks.chosen[0].z == 2
    assert listed._table.value[["#", "plane", "last"]].to_numpy().tolist() == [[1, 1, 1], [2, 1, 1], [4, 3, 3]]


class Follows(ClassicalSegmenter):
    """A segmenter that says that it follows objects."""

    def propagate(self, planes, start, masks):
        yield planes, start, masks


@pytest.mark.parametrize("connect", [ClassicalSegmenter, lambda: OnDemand(ClassicalSegmenter)])
def test_what_the_model_cannot_follow_is_greyed_and_refused_in_the_same_words_until_one_can(listed, bench, connect):
    bench.session.use(connect())
    get_ready(bench.session.segmenter)
    listed._table.selection = [0]
    button, refused = listed._through._buttons["carry"], "cannot follow objects through planes. Choose a SAM 2.1 model."
    assert button.disabled
    assert button.description.endswith(refused)
    press(bench, "p")
    bench._carrying._worker.run("Waiting", lambda: None).result(30)
    assert bench.worker.trouble.endswith(refused)
    bench.do("Outlining with the other model", bench.session.use, Follows())
    finish(bench)
    assert (button.disabled, bench.worker.trouble) == (False, "")
