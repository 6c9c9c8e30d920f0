"""The scale on the page, without a browser: what the dialog says, what its buttons do, what is under the pointer."""

from contextlib import suppress

import numpy as np
import pytest
from benches import bench_of, press, press_enter
from bokeh.models import BoxAnnotation, ScaleBar, Segment
from bokeh.plotting import figure as make_figure

from seg_app.errors import SegAppError, UnreadableError
from seg_app.models import Session, Volume
from seg_app.records import Calibration, Point, Window
from seg_app.sam import connect_sam
from seg_app.views.about import About
from seg_app.views.readout import spoken_place
from seg_app.views.typed import length, number


@pytest.fixture
def volume():
    return Volume.from_array(np.zeros((60, 80), np.uint8), name="samples/tiny")


@pytest.fixture
def bench(volume):
    with bench_of(Session(volume, connect_sam("classical:"))) as bench:
        yield bench


@pytest.fixture
def form(bench):
    bench._scale.ask()
    return bench._scale


def done(bench):
    """Wait for the worker."""
    bench.worker._pool.submit(lambda: None).result(20)


@pytest.mark.parametrize(("text", "value"), [("3.4", 3.4), (" 3,4 ", 3.4), ("1e3", 1000)])
def test_numbers_have_a_point_or_a_comma(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "much", "3 4", "1.000,5", "inf"])
def test_what_is_no_number_is_told(text):
    with pytest.raises(SegAppError, match="is no number"):
        number(text)


@pytest.mark.parametrize(
    ("text", "nm", "unit"),
    [("5", 5000, "µm"), ("5 um", 5000, "µm"), ("2,5 μm", 2500, "µm"), ("200nm", 200, "nm"), ("1e-3 m", 1e6, "mm")],
)
def test_a_length_may_have_its_unit(text, nm, unit):
    assert length(text, "µm") == (pytest.approx(nm), unit)


@pytest.mark.parametrize("text", ["", "much", "5 kg", "nm", "5 um 3", "0", "-1 nm"])
def test_what_is_no_length_is_told(text):
    with pytest.raises(SegAppError, match=r"Type one such|above 0"):
        length(text, "nm")


def test_the_dialog_says_that_the_scale_is_not_known(form):
    assert form._now.text == "Not known: sizes are given in pixels."


def test_enter_does_what_the_button_beside_the_field_does(bench, form, volume):
    press_enter(form._x, "2,5")
    done(bench)
    assert volume.calibration == Calibration((None, 2.5, 2.5), "user")
    press_enter(form._rows, "7")
    done(bench)
    assert volume.databar_rows == 7


def test_the_dialog_sets_the_scale_in_the_chosen_unit(bench, form, volume):
    form._x.value, form._unit.value = "2,5", "µm"
    form._set()
    done(bench)
    assert volume.calibration == Calibration((None, 2500.0, 2500.0), "user")
    assert not form.dialog.open


def test_the_dialog_shows_what_was_set_and_takes_it_back(bench, form, volume):
    volume.calibrate(2500, y_nm=3000)
    form.ask()
    assert (form._x.value, form._y.value, form._unit.value) == ("2.5", "3", "µm")
    assert form._now.text == "2.5 × 3 µm per pixel · said by you"
    form._forget()
    done(bench)
    assert volume.pixel_size_nm is None


def test_what_was_set_is_taken_back_and_set_again_by_the_keys(bench, form, volume):
    undo, redo = (bench._toolbar._buttons[name] for name in ("undo", "redo"))
    press_enter(form._x, "2.5")
    done(bench)
    assert (undo.disabled, redo.disabled) == (False, True)
    press(bench, "ctrl+z")
    done(bench)
    assert (volume.pixel_size_nm, undo.disabled, redo.disabled) == (None, True, False)
    press(bench, "ctrl+y")
    done(bench)
    assert volume.pixel_size_nm == (None, 2.5, 2.5)


def test_what_is_wrong_is_said_at_its_field_until_it_is_right(bench, form, volume):
    press_enter(form._x, "-1")
    done(bench)
    said = form._x.error_state, form._x.helper_text, bench.worker.trouble
    assert said == (True, "Nothing is -1 long. Give a length above 0.", "")
    assert form.dialog.open
    assert volume.pixel_size_nm is None
    press_enter(form._x, "1 um")
    done(bench)
    assert (form._x.error_state, form._x.helper_text, form._unit.value) == (False, "", "µm")
    assert volume.pixel_size_nm == (None, 1000, 1000)
    assert not form.dialog.open


def test_a_line_and_its_length_set_the_scale(bench, form, volume):
    bench.image.measures.line = Point(10, 50), Point(60, 50)
    form.ask()
    assert form._line.text == "The line is 50.0 pixels long."
    form._line_unit.value = "nm"
    press_enter(form._length, "5 um")
    done(bench)
    assert volume.pixel_size_nm == (None, 100, 100)


def test_the_dialog_sets_the_databar(bench, form, volume):
    form._rows.value = "12"
    form._set_bar()
    done(bench)
    assert volume.databar_rows == 12
    form.ask()
    assert form._bar.text == "The lowest 12 rows, said by you. Drag its line on the image, or:"


def test_a_databar_that_does_not_fit_is_refused_at_its_field(bench, form):
    press_enter(form._rows, "60")
    done(bench)
    assert "does not fit" in form._rows.helper_text
    assert (form._rows.error_state, form.dialog.open, bench.worker.trouble) == (True, True, "")


def test_the_area_column_follows_the_scale(bench, volume):
    table = bench._masklist._table
    assert table.titles["area"] == "Area, px"
    volume.calibrate(1000)
    bench._masklist._draw()
    assert table.titles["area"] == "Area, µm²"
    assert table.value["area"].dtype == "float64"


def test_the_bar_on_top_names_the_scale(bench, volume):
    about = About()
    about.follow(bench)
    assert about._scale.label == "no pixel size known"
    volume.calibrate(3.375)
    assert about._scale.label == "3.375 nm per pixel"


def test_the_bar_on_top_has_a_sign_only_where_there_is_something_to_tell(bench, volume):
    about = About()
    about.follow(bench)
    assert not about._sign.visible
    volume.calibrate(2, y_nm=3)
    assert about._sign.visible


def test_the_sign_comes_when_a_plane_cannot_be_read(bench, volume):
    about = About()
    about.follow(bench)
    with suppress(UnreadableError), volume.unreadable.watching(0, Window(0, 0, 0, 9, 9), stored=0):
        raise UnreadableError("Cannot read it.")
    assert about._sign.visible
    volume.forget_damage()
    assert not about._sign.visible


def test_the_canvas_has_a_bar_in_pixels_until_the_scale_is_known(bench, volume):
    canvas = make_figure(x_range=(-0.5, 79.5), y_range=(59.5, -0.5))
    bench.image.measures.add_to(canvas)
    pixels, lengths = sorted(canvas.select(ScaleBar), key=lambda bar: bar.unit, reverse=True)
    assert (lengths.visible, pixels.visible) == (False, True)
    volume.calibrate(20)
    assert (lengths.visible, pixels.visible, lengths.tags) == (True, False, [20])


def test_the_bar_does_not_lie_over_the_databar(bench, volume):
    canvas = make_figure(x_range=(-0.5, 79.5), y_range=(59.5, -0.5))
    bench.image.measures.add_to(canvas)
    corners = lambda: {bar.location for bar in canvas.select(ScaleBar)}  # noqa: E731
    assert corners() == {"bottom_left"}
    volume.set_databar(10)
    assert corners() == {"top_left"}
    volume.set_databar(0)
    assert corners() == {"bottom_left"}


def test_a_drag_of_the_line_of_the_databar_ends_on_the_edge_of_a_row(bench, volume):
    canvas = make_figure(tools="")
    bench.image.measures.add_to(canvas)
    volume.set_databar(10)
    (edge,) = canvas.select(BoxAnnotation)
    edge.top = 44.2
    bench.image.measures._databar._keep(44.2)
    done(bench)
    assert (volume.databar_rows, edge.top) == (15, 44.5)


def test_while_a_line_is_drawn_clicks_are_none_and_drags_do_not_move_the_image(bench):
    canvas = make_figure(tools="pan", active_drag="pan")
    measures = bench.image.measures
    measures.add_to(canvas)
    before = canvas.toolbar.active_drag
    measures.begin_line()
    assert measures.take_click(5)
    assert canvas.toolbar.active_drag is None
    assert canvas.select(Segment)
    measures.end_line()
    assert not measures.take_click(5)
    assert canvas.toolbar.active_drag is before


def test_a_drag_draws_a_line_or_a_box_whichever_was_wanted_last(bench):
    measures, draft = bench.image.measures, bench.session.draft
    measures.add_to(make_figure(tools="pan", active_drag="pan"))
    measures.begin_line()
    draft.switch_drawing()
    assert (measures.ruler.is_on, bench.image._gestures.mode[0]) == (False, True)
    measures.begin_line()
    assert (measures.ruler.is_on, bench.image._gestures.mode[0]) == (True, False)


def test_a_click_on_the_databar_is_refused_with_a_hint(bench, volume):
    volume.set_databar(10)
    assert bench.image.measures.take_click(55)
    assert "databar" in bench.worker.trouble


def test_without_a_scale_a_place_is_told_in_pixels(volume):
    assert spoken_place(12.4, 30.6, 128.0, volume) == "x 12  y 31  value 128"


def test_with_a_scale_a_place_is_told_in_the_unit_of_the_plane(volume):
    volume.calibrate(20)
    assert spoken_place(12.4, 30.6, (1, 2, 3), volume) == "x 12  y 31  value 1, 2, 3  ·  0.24, 0.62 µm"


def test_a_place_on_the_databar_is_told(volume):
    volume.set_databar(10)
    assert spoken_place(12, 55, 0.0, volume) == "x 12  y 55  value 0  ·  databar"


def test_a_value_that_may_lie_beyond_what_is_shown_has_its_sign(volume):
    assert spoken_place(12, 30, 9.5, volume, "≤ ") == "x 12  y 30  value ≤ 9.5"
