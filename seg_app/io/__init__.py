"""Plain values in, plain values out: images and masks, wherever they are kept. No Param, no Panel, no torch."""

from seg_app.io.copies import Copies
from seg_app.io.drops import Drops
from seg_app.io.local import LocalFolder
from seg_app.io.maskstore import MaskStore
from seg_app.io.tiled_folders import Shown, readable_folders, register_folder, register_paths, shown_folders
from seg_app.io.tiled_server import EmbeddedTiled

__all__ = [
    "Copies",
    "Drops",
    "EmbeddedTiled",
    "LocalFolder",
    "MaskStore",
    "Shown",
    "readable_folders",
    "register_folder",
    "register_paths",
    "shown_folders",
]
