"""The workbench in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import holoviews as hv
import panel as pn

from seg_app.models import Session, Volume
from seg_app.sam import Segmenter, connect_sam
from seg_app.views.workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


def view(image: Session | Volume | NDArray[Any] | xr.DataArray, *, segmenter: Segmenter | None = None) -> Workbench:
    """Return a workbench for an image; as the last line of a cell it is shown.

    image: a session, a volume, or an array (y, x) or (z, y, x), of 8-bit colour also (y, x, c) or (z, y, x, c).
    segmenter: what answers clicks; without one, what `connect_sam()` returns. What is accepted is in
    `workbench.session.masks.masks`. Raises UnreadableError when the array is no image.
    """
    load_extensions()
    return Workbench(_session(image, segmenter))


def _session(image: Any, segmenter: Segmenter | None) -> Session:
    if isinstance(image, Session):
        return image
    volume = image if isinstance(image, Volume) else Volume.from_array(image)
    return Session(volume, segmenter or connect_sam())


def load_extensions() -> None:
    """Load what the browser needs; in a notebook everything goes into the page, so that none of it comes from a CDN."""
    hv.extension("bokeh", inline=True, logo=False)
    pn.extension("tabulator", inline=True)
