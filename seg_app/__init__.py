"""Outline what is in micrographs and tomograms: click, look, accept, measure, save.

>>> import seg_app
>>> session = seg_app.Session(seg_app.open_volume("stack.tif"), seg_app.connect_sam())
>>> session.click(812, 640)
>>> session.accept()
>>> seg_app.view(session)  # the same on a workbench, in a notebook

Names are imported when they are first used: `import seg_app` itself pulls in neither torch, panel nor tiled.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg_app.io.registry import load_masks, save_masks
    from seg_app.models import MaskSet, Session, Volume, open_volume
    from seg_app.sam import connect_sam
    from seg_app.views import view

__all__ = ["MaskSet", "Session", "Volume", "connect_sam", "load_masks", "open_volume", "save_masks", "view"]

_HOMES = {
    "MaskSet": "seg_app.models",
    "Session": "seg_app.models",
    "Volume": "seg_app.models",
    "connect_sam": "seg_app.sam",
    "load_masks": "seg_app.io.registry",
    "open_volume": "seg_app.models",
    "save_masks": "seg_app.io.registry",
    "view": "seg_app.views",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seg_app' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
