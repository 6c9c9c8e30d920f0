"""The list of objects: right areas, plain text, and a selection that is the session's."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from benches import press
from builders import square
from threads import finish

from seg_app.errors import StorageError
from seg_app.io import LocalFolder, MaskStore
from seg_app.models import MaskSet, Session, Volume
from seg_app.sam import OnDemand, connect_sam, get_ready
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.views import Workbench, load_extensions
from seg_app.views.masklist import ROWS_PER_PAGE, swatch, table_of
from seg_app.views.theme import OBJECTS

NASTY = "<img src=x onerror=alert(1)> & <b>pore</b>"


@pytest.fixture
def bench_of(tmp_path):
    """Return a function that makes a workbench for an image, with two objects on plane 0 and one on plane 2."""
    load_extensions()
    benches = []

    def make(image):
        session = Session(Volume.from_array(image), connect_sam("classical:"), store=MaskStore(LocalFolder(tmp_path)))
        session.masks.add([square(2, 3), square(20, 30, 8, class_name=NASTY, score=0.987), square(40, 5, z=2)])
        benches.append(Workbench(session))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()
        bench.worker.close()


@pytest.fixture
def bench(bench_of):
    return bench_of(np.zeros((3, 64, 96), np.uint8))


@pytest.fixture
def listed(bench):
    return bench._masklist


# The table


def test_areas_are_pixels_where_no_pixel_size_is_known():
    assert table_of([(square(size=4),), (square(size=10),)], None)["area"].tolist() == [16, 100]


def test_areas_are_µm2_with_three_digits_where_the_pixel_size_is_known():
    # 100 × 100 pixels of 12.3 nm: 1.23 µm × 1.23 µm
    assert table_of([(square(size=100),), (square(size=1),)], 12.3**2 / 1e6)["area"].tolist() == pytest.approx(
        [1.5129, 0.00015129]
    )


def test_an_empty_table_has_the_types_of_a_full_one():
    # else Tabulator is built anew with the first object, and now and then loses its row
    full, empty = table_of([(square(score=0.5),)], None), table_of([], None)
    assert full.dtypes.to_dict() == empty.dtypes.to_dict() == table_of([(square(score=None),)], 1.0).dtypes.to_dict()


def test_a_row_says_number_class_score_and_plane():
    mask = square(z=4, number=21, class_name="pore", score=0.876)
    row = table_of([(mask,)], None).iloc[0]
    assert row.to_dict() == {
        "#": 21, "colour": swatch(21), "class": "pore", "area": 16, "score": 0.88, "plane": 5, "last": 5, "n": 1
    }  # fmt: skip


def test_an_object_on_several_planes_is_one_row_with_its_largest_area_and_lowest_score():
    masks = tuple(
        square(size=4 + z, z=z, number=3, score=score, class_name="pore") for z, score in enumerate((0.9, 0.7))
    )
    row = table_of([(*masks, square(z=5, number=3, class_name="grain"))], None).iloc[0].drop("colour")
    assert row.to_dict() == {"#": 3, "class": "pore, grain", "area": 25, "score": 0.7, "plane": 1, "last": 6, "n": 3}


def test_colours_repeat_after_the_last():
    assert OBJECTS[0] in swatch(1)
    assert swatch(1) == swatch(1 + len(OBJECTS)) != swatch(2)


def test_a_number_is_all_that_gets_into_html(bench_of):
    table = table_of([(square(class_name=NASTY),)], None)
    html = [cell for cell in table.iloc[0] if isinstance(cell, str) and "<" in cell]
    assert html == [swatch(0), NASTY]
    assert bench_of(np.zeros((3, 64, 96), np.uint8))._masklist._table.formatters["class"] == {"type": "plaintext"}


def test_only_the_colour_is_shown_as_html(listed):
    formatters = listed._table.formatters.items()
    kinds = {column: formatter["type"] for column, formatter in formatters if isinstance(formatter, dict)}
    assert [column for column, kind in kinds.items() if kind == "html"] == ["colour"]
    assert kinds["class"] == "plaintext"


@pytest.mark.parametrize(("size", "title"), [(None, "Area, px"), (10.0, "Area, µm²")])
def test_the_title_says_the_unit(bench_of, size, title):
    attributes = {"pixel_size_nm": [size, size, size]} if size else {}
    image = xr.DataArray(np.zeros((3, 64, 96), np.uint8), dims=("z", "y", "x"), attrs=attributes)
    listed = bench_of(image)._masklist
    assert listed._table.titles["area"] == title
    assert listed._table.value["area"].tolist() == ([0.0016, 0.0064, 0.0016] if size else [16, 64, 16])


# The session's list


def test_the_title_counts(listed, bench):
    assert listed._title.text == "Objects · 3"
    bench.session.go_to(0)
    bench.session.select_at(3, 4)
    assert listed._title.text == "Objects · 3 · 1 selected"


def test_a_ticked_row_is_selected_and_its_plane_shown(listed, bench):
    listed._table.selection = [2]
    assert bench.session.masks.selected == (bench.session.masks.masks[2].id,)
    assert bench.session.z == 2


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
    edit(listed, 0, "grain")
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


def test_ticking_a_row_drops_no_points_but_leaves_them_on_their_plane(listed, bench):
    bench.session.go_to(0)
    bench.session.add_point(50, 50)
    listed._table.selection = [2]
    assert (bench.session.z, bench.session.draft.left_on) == (2, (0,))


def test_what_selects_is_greyed_where_there_is_nothing_to_select(listed, bench):
    greyed = lambda: (listed._every.disabled, listed._none.disabled)  # noqa: E731
    assert greyed() == (False, True)
    listed._every.clicks += 1
    listed.refresh()
    assert greyed() == (False, False)
    bench.session.masks.remove(bench.session.masks.selected)
    listed.refresh()
    assert greyed() == (True, True)


def test_a_selected_object_is_ticked_on_its_page(listed, bench):
    bench.session.masks.add([square(i % 90, i // 90) for i in range(3 * ROWS_PER_PAGE)])
    bench.session.masks.selected = (bench.session.masks.masks[2 * ROWS_PER_PAGE].id,)
    assert (listed._table.selection, listed._table.page) == ([2 * ROWS_PER_PAGE], 3)


@pytest.fixture
def sorted_list(listed, bench):
    """Three pages, the largest objects first: they are the last of the session, which has 60."""
    bench.session.masks.remove([mask.id for mask in bench.session.masks.masks])
    bench.session.masks.add([square(2, 3, i + 1) for i in range(3 * ROWS_PER_PAGE)])
    listed._table.sorters = [{"field": "area", "dir": "desc"}]
    return listed


def test_a_selected_object_is_shown_where_it_is_sorted(sorted_list, bench):
    pages = []
    for i in (0, 30, 59):
        bench.session.masks.selected = (bench.session.masks.masks[i].id,)
        pages.append(sorted_list._table.page)
    assert pages == [3, 2, 1]


def test_clicks_in_the_table_turn_no_page(sorted_list):
    sorted_list._table.selection = [59]
    pages = [sorted_list._table.page]
    sorted_list._table.page = 2
    sorted_list._table.selection = [59, 30]
    sorted_list._table.selection = [59]  # a second click with Ctrl takes the row out again
    assert [*pages, sorted_list._table.page] == [1, 2]


def test_a_page_that_was_turned_to_by_hand_stays(listed, bench):
    bench.session.masks.add([square(i % 90, i // 90) for i in range(3 * ROWS_PER_PAGE)])
    bench.session.masks.selected = (bench.session.masks.masks[0].id,)
    listed._table.page = 3
    bench.session.go_to(1)
    bench.session.add_point(50, 50)
    assert (listed._table.selection, listed._table.page) == ([0], 3)


def test_all_and_none(listed, bench):
    listed._select_all(None)
    assert len(bench.session.masks.selected) == 3
    listed._select_none(None)
    assert (bench.session.masks.selected, listed._table.selection) == ((), [])


def edit(listed, row, text):
    """Do what the table does when a class was typed: its own value changes, then it tells."""
    listed._table.value.loc[row, "class"] = text
    listed._on_edit(SimpleNamespace(row=row, column="class", value=text))


def test_a_typed_class_is_the_objects_and_can_be_undone(listed, bench):
    edit(listed, 0, "  grain ")
    finish(bench)
    classes = [mask.class_name for mask in bench.session.masks.masks]
    bench.session.undo()
    assert (classes, bench.session.masks.masks[0].class_name) == (["grain", NASTY, ""], "")
    assert listed._table.value["class"].tolist() == ["", NASTY, ""]


@pytest.mark.parametrize("text", ["  ", "grain"])
def test_a_class_that_was_not_taken_over_is_not_shown(listed, bench, monkeypatch, text):
    def full(*_):
        raise StorageError("full")

    monkeypatch.setattr(MaskSet, "_write", full)
    edit(listed, 0, text)
    finish(bench)
    assert listed._table.value["class"].tolist() == ["", NASTY, ""]


def test_new_objects_get_the_class_that_is_set(listed, bench):
    listed._class.value = " pore "
    assert bench.session.class_name == "pore"


# Saving and loading


def test_where_masks_go_is_said_then_where_they_are_then_that_they_changed(listed, bench):
    said = [listed._saved._where.text]
    bench.session.save()
    for masks in (bench.session.masks.masks[:0], bench.session.masks.masks[:1], bench.session.masks.masks):
        bench.session.masks.remove([mask.id for mask in masks])
        said.append(listed._saved._where.text)
    first = f"Not saved yet. Saves below {bench.session.store.where}"
    saved = f"Saved as array.npz · below {bench.session.store.where}"
    gone = "Nothing is outlined. array.npz has what was saved: Load brings it back."
    assert said == [first, saved, "Unsaved changes since array.npz", gone]


def test_loading_the_same_set_again_says_that_it_is_saved(listed, bench):
    path = bench.session.save()
    bench.session.undo()
    bench.session.load(path)
    assert listed._saved._where.text.startswith("Saved as array.npz · below ")


def test_what_a_format_cannot_keep_is_said_before_one_is_chosen(listed, bench):
    bench.session.masks.add([square(3, 4, 2)])  # on top of another one
    export = listed._saved.export
    export._open()
    finish(bench)
    said = {item["label"]: item["secondary"] for item in export._formats.items}
    assert said[".npz"] == "seg_app's own"
    assert said[".tif"].startswith("label TIFF · In 1 mask ")


def test_export_opens_with_what_each_format_cannot_keep_or_without_where_that_would_wait(listed, bench):
    export = listed._saved.export

    def told():
        assert export.dialog.open
        return next(item["secondary"] for item in export._formats.items if item["label"] == ".csv")

    export._open()
    finish(bench)
    with_losses = told()
    export.dialog.open = False
    bench.worker.doing = "Outlining"
    export._open()
    assert with_losses.startswith(f"{told()} · Outlines and clicks are in no table")
