"""The workbench in a notebook."""

from __future__ import annotations

import base64
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import holoviews as hv
import panel as pn
import panel_material_ui as pmui
from bokeh.util.warnings import BokehUserWarning

from seg_app.models import Session, Volume
from seg_app.sam import Segmenter, connect_sam
from seg_app.views import source
from seg_app.views.workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


def view(
    image: Session | Volume | NDArray[Any] | xr.DataArray, *, segmenter: Segmenter | None = None, height: int = 720
) -> Workbench:
    """Return a workbench for an image; as the last line of a cell it is shown.

    image: a session, a volume, or an array (y, x) or (z, y, x), of 8-bit colour also (y, x, c) or (z, y, x, c).
    segmenter: what answers clicks; without one, what `connect_sam()` returns. height: of the workbench, in pixels of
    the screen. What is accepted is in `workbench.session.masks.masks`. Raises UnreadableError when the array is no
    image.
    """
    load_extensions()
    source.send_once()
    bench = NotebookBench(_session(image, segmenter))
    bench.height = height
    return bench


class NotebookBench(Workbench):
    """The workbench as the output of a cell."""

    def __panel__(self) -> pn.viewable.Viewable:
        return source.WithoutSource(super().__panel__(), sizing_mode="stretch_width", margin=0)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if (ipython := sys.modules.get("IPython")) and ipython.get_ipython():
            ipython.display.publish_display_data({"text/html": f"<style>{_icon_style()}</style>{source.script()}"})
        return super()._repr_mimebundle_(include, exclude)


def _session(image: Any, segmenter: Segmenter | None) -> Session:
    if isinstance(image, Session):
        return image
    volume = image if isinstance(image, Volume) else Volume.from_array(image)
    return Session(volume, segmenter or connect_sam())


def load_extensions() -> None:
    """Load what the browser needs; in a notebook everything goes into the page, so that none of it comes from a CDN."""
    hv.extension("bokeh", inline=True, logo=False)
    pn.extension("tabulator", inline=True)
    # BokehJS 3.9 sends a model that it has just got in full with its first event, and Bokeh knows it already.
    warnings.filterwarnings("ignore", "reference already known", BokehUserWarning)


def _icon_style() -> str:
    """Return the font of the icons: the library's style sheet points to a file that only a server has."""
    fonts = (Path(pmui.__file__).parent / "dist").glob("material-icons-[A-Z0-9]*.woff2")
    font = next(fonts, None)  # a product of the library's own build, which may be called otherwise one day
    if font is None:
        return ""
    data = base64.b64encode(font.read_bytes()).decode()
    return f"@font-face {{ font-family: 'Material Icons'; src: url(data:font/woff2;base64,{data}); }}"
