"""The list of objects: right areas, plain text, and a selection that is the session's."""

import numpy as np
import pytest
import xarray as xr
from benches import type_class
from builders import NASTY, square
from threads import finish

from seg_app.errors import StorageError
from seg_app.models import MaskSet
from seg_app.views.masklist import ROWS_PER_PAGE, swatch, table_of
from seg_app.views.theme import OBJECTS

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


def test_a_typed_class_is_the_objects_and_can_be_undone(listed, bench):
    type_class(listed, 0, "  grain ")
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
    type_class(listed, 0, text)
    finish(bench)
    assert listed._table.value["class"].tolist() == ["", NASTY, ""]


def test_new_objects_get_the_class_that_is_set(listed, bench):
    listed._class.value = " pore "
    assert bench.session.class_name == "pore"
