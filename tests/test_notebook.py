"""The workbench without a server, as a notebook has it: it is drawn, and follows what Python does."""

import sys
import warnings
from types import ModuleType

import numpy as np
import panel_material_ui as pmui
import pytest
import xarray as xr
from bokeh.core.serialization import Deserializer
from bokeh.document import Document
from bokeh.models import GlyphRenderer, MultiPolygons, Plot, Scatter
from bokeh.util.warnings import BokehUserWarning
from panel.models.esm import ReactiveESM
from pyviz_comms import Comm

import seg_app
from seg_app.errors import UnreadableError
from seg_app.models import Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench

# a view without a segmenter of its own takes the best there is, and none of these tests is about that
pytestmark = pytest.mark.usefixtures("without_sam2")


@pytest.fixture
def pixels():
    pixels = np.full((60, 80), 20, np.uint8)
    pixels[20:40, 30:50] = 220
    return pixels


@pytest.fixture
def bench(pixels):
    bench = seg_app.view(pixels)
    yield bench
    bench.close()
    bench.worker.close()


def drawn(bench, glyph):
    """Return the data of the glyphs of a kind, in the Bokeh model of the canvas that a notebook would get."""
    bench.image._draft._latest._pool.submit(lambda: None).result(30)  # outlines are made beside
    figure = bench.image.__panel__().get_root().select_one({"type": Plot})
    return next(one for one in figure.renderers if isinstance(one.glyph, glyph)).data_source.data


def test_an_array_is_shown(bench):
    assert isinstance(bench, Workbench)
    assert bench.session.volume.shape == (1, 60, 80)
    assert list(drawn(bench, Scatter)["x"]) == []


def test_bokeh_warns_of_what_the_browser_sends_but_not_of_a_model_that_it_sends_again(bench):  # noqa: ARG001
    known = Plot()
    deserializer = Deserializer(references=[known])
    assert deserializer.decode({"type": "object", "name": "Plot", "id": known.id}) is known
    with pytest.raises(BokehUserWarning):
        warnings.warn("anything else", BokehUserWarning, stacklevel=1)


def test_a_click_in_python_is_on_the_canvas(bench):
    bench.session.click(40, 30)
    bench.session.add_point(5, 6, include=False)
    points = drawn(bench, Scatter)
    assert (list(points["x"]), list(points["y"])) == ([40, 5], [30, 6])
    assert list(points["marker"]) == ["circle_cross", "circle_x"]
    ((ring,),) = drawn(bench, MultiPolygons)["xs"][0]
    assert (round(min(ring)), round(max(ring))) == (pytest.approx(30, abs=1), pytest.approx(49, abs=1))


def test_a_click_changes_what_was_drawn_before(bench):
    root = bench.image.__panel__().get_root()
    bench.session.click(40, 30)
    (scatter,) = [r for r in root.select({"type": GlyphRenderer}) if isinstance(r.glyph, Scatter)]
    assert list(scatter.data_source.data["x"]) == [40]


def test_an_accepted_object_leaves_the_canvas_and_is_in_the_list(bench):
    bench.session.click(40, 30)
    mask = bench.session.accept()
    assert len(drawn(bench, Scatter)["x"]) == len(drawn(bench, MultiPolygons)["xs"]) == 0
    assert bench.session.masks.masks == (mask,)
    assert bench._masklist._title.text == "Objects · 1"


def source_in(root):
    """Return how many letters of source each widget has."""
    return [len(model.esm) for model in root.references() if isinstance(model, ReactiveESM)]


def test_the_widgets_of_a_bench_come_without_their_source_also_those_that_come_later(bench):
    document, comm = Document(), Comm()
    document.add_root(root := bench.__panel__().get_root(document, comm))
    before = source_in(root)
    bench._search.ask()
    after = source_in(root)
    assert 50 < len(before) < len(after)
    assert sum(after) < 50_000
    assert source_in(pmui.Button().get_root(comm=comm))[0] > 1_000_000  # what is not of a bench


def test_a_cell_brings_the_font_and_the_source_with_its_bench(bench, monkeypatch):
    shown = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython, ipython.display = object, display
    display.publish_display_data = display.display = lambda *data, **_: shown.extend(data)
    for module in (ipython, display):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    bench._repr_mimebundle_()
    page = shown[0]["text/html"]
    assert "font-face" in page
    assert page.count("</script>") == 1
    assert len(page) > 1_000_000


@pytest.mark.parametrize(
    ("shape", "dims", "planes"),
    [((60, 80), ("y", "x"), 1), ((4, 60, 80), ("z", "y", "x"), 4), ((60, 80, 3), ("y", "x", "c"), 1)],
)
@pytest.mark.parametrize("labelled", [False, True])
def test_arrays_of_every_kind_are_shown(shape, dims, planes, labelled):
    array = np.zeros(shape, np.uint8)
    assert canvas_of(xr.DataArray(array, dims=dims) if labelled else array).shape == (planes, 60, 80)


@pytest.mark.parametrize("value", [0, np.nan, -3.5])
def test_a_constant_image_is_shown(value):
    assert canvas_of(np.full((60, 80), value, np.float32)).shape == (1, 60, 80)


def canvas_of(array):
    """Draw the canvas of an array alone, as the other panes are the same for all, and return its volume."""
    bench = seg_app.view(array)
    assert bench.image.__panel__().get_root().select_one({"type": Plot})
    bench.close()
    bench.worker.close()
    return bench.session.volume


def test_a_session_is_shown_with_what_it_has(pixels):
    session = Session(Volume.from_array(pixels), connect_sam("classical:"))
    session.click(40, 30)
    session.accept()
    bench = seg_app.view(session)
    assert bench.session is session
    assert bench._masklist._title.text == "Objects · 1"
    bench.close()
    bench.worker.close()


def test_a_session_with_a_point_shows_it(pixels):
    session = Session(Volume.from_array(pixels), connect_sam("classical:"))
    session.click(40, 30)
    bench = seg_app.view(session)
    assert list(drawn(bench, Scatter)["x"]) == [40]
    assert len(drawn(bench, MultiPolygons)["xs"]) == 1
    bench.close()
    bench.worker.close()


def test_a_volume_and_a_segmenter_of_ones_own_are_used(pixels):
    volume, segmenter = Volume.from_array(pixels), connect_sam("classical:")
    bench = seg_app.view(volume, segmenter=segmenter)
    assert (bench.session.volume, bench.session.segmenter) == (volume, segmenter)
    bench.close()
    bench.worker.close()


@pytest.mark.parametrize("array", [np.zeros(7), np.zeros((0, 5)), np.zeros((4, 5), complex)])
def test_what_is_no_image_is_refused(array):
    with pytest.raises(UnreadableError):
        seg_app.view(array)
