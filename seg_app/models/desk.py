"""What one user has at hand: the data, the model, a place for masks, and the session that is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import param

from seg_app.models.journal import Journal
from seg_app.models.maskset import MaskSet
from seg_app.models.session import Session
from seg_app.models.volume import Volume

if TYPE_CHECKING:
    from seg_app.io.maskstore import MaskStore
    from seg_app.io.tiled import Entry, TiledSource
    from seg_app.sam import Segmenter


class Desk(param.Parameterized):
    """Opens images as sessions, one at a time. Verbs are blocking; a page runs them in a worker thread."""

    session = param.ClassSelector(class_=Session, allow_None=True, default=None)

    def __init__(
        self, source: TiledSource, segmenter: Segmenter, *, store: MaskStore, journals: Path, user: str = "local"
    ):
        super().__init__()
        self.source, self.segmenter, self.store, self.user = source, segmenter, store, user
        self._journals = journals / user
        self.path: str | None = None
        """What `session` shows, as a path of the source."""

    def browse(self, path: str = "") -> list[Entry]:
        """List a folder of the data server. Raises SourceError."""
        return self.source.browse(path)

    def open(self, path: str) -> Session:
        """Open an image, with every mask that was accepted on it before. Raises SegAppError."""
        volume = Volume.from_tiled(self.source, path)
        masks = MaskSet(Journal.of_image(self._journals, volume.image))
        self.path = path
        self.session = Session(volume, self.segmenter, masks=masks, store=self.store, user=self.user)
        return self.session

    def open_first(self) -> Session | None:
        """Open the first volume that the data server has, else the first image, or nothing. Raises SegAppError."""
        images = list(self._images("", depth=2))
        volumes = [entry for entry in images if entry.shape and len(entry.shape) > 2 and entry.shape[0] > 1]
        first = next(iter(volumes or images), None)
        return self.open(first.path) if first else None

    def _images(self, folder: str, depth: int) -> Iterator[Entry]:
        entries = self.browse(folder)
        yield from (entry for entry in entries if entry.kind == "image")
        if depth:
            for entry in (entry for entry in entries if entry.kind == "folder"):
                yield from self._images(entry.path, depth - 1)
