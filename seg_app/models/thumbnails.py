"""Small pictures of the images in a folder on Drops, as far as they cost little."""

from __future__ import annotations

import io
import logging
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING

import param
from PIL import Image

from seg_app.errors import SegAppError, UnreachableError
from seg_app.models.grey import to_uint8
from seg_app.models.jobs import Latest
from seg_app.models.volume import Volume
from seg_app.records import Window
from seg_app.sam.cache import Recent

if TYPE_CHECKING:
    from seg_app.io.drops_images import DropsImages
    from seg_app.models.explorer import Explorer, Row
    from seg_app.records import FileInfo

log = logging.getLogger(__name__)

EDGE = 80
"""Pixels of the longer side: twice those of the page, for fine screens."""
QUALITY = 70
MOST_ROWS = 200
CHEAP_BYTES = 4 * 10**6
"""Of a file that is fetched for its picture alone; a click on it opens it without waiting then."""
LARGEST_BYTES = 64 * 10**6
"""Of a file that is here already, and of a plane: more takes too long to read."""
SLOW_S = 1.0
"""A line on which files take as long is left to those that the user opens, until a folder is looked into again."""
JUDGED = 3
"""A line is judged by so many files, the last ones: a single one may have waited for anything."""
KEPT = 1000
BATCH_S = 0.5
"""How often new ones are shown."""


class Thumbnails(param.Parameterized):
    """The pictures of what an explorer shows, made one after the other in a thread of their own."""

    pictures = param.Dict(default={}, doc="What there is so far, by row, as WebP.")

    def __init__(self, explorer: Explorer):
        super().__init__()
        self._explorer = explorer
        self._is_closed = False
        self._fetches_s: list[float] = []
        self._kept: Recent[bytes] = Recent(KEPT)
        self._drawing = Latest("seg-app-thumbnails")
        explorer.param.watch(lambda _: self._begin(), "rows")

    def close(self) -> None:
        """End the thread after the picture that it is at."""
        self._is_closed = True
        self._drawing.close()

    def _begin(self) -> None:
        self._fetches_s = []  # the line may be faster by now
        self._drawing.ask(self._draw_all)

    def _draw_all(self) -> None:
        images, rows = self._explorer.images, self._explorer.rows
        found: dict[Row, bytes] = {}
        shown_s = monotonic()
        for row in [row for row in rows if row.is_image][:MOST_ROWS]:
            if self._is_closed or self._explorer.rows is not rows:
                return
            picture = self._kept.find(repr(row))
            if picture is None and self._is_cheap(images, row.example):
                picture = self._made(images, row)
            if picture:
                found[row] = picture
            if monotonic() - shown_s > BATCH_S:
                self.pictures, shown_s = dict(found), monotonic()
        self.pictures = found

    def _made(self, images: DropsImages, row: Row) -> bytes:
        """Return a row's picture as WebP; b'' where there is none, and whoever opens it is told why."""
        try:
            self._fetch(images, row.example)
            picture = drawn(Volume.of(images.glimpse(row.example, row.part)))
        except SegAppError as error:
            log.info("No picture of %s: %s", row.title, error)
            if isinstance(error, UnreachableError):
                return b""  # the next look tries again
            picture = b""
        except Exception:  # the edge of the thread: the rows after it have pictures all the same
            log.exception("No picture of %s", row.title)
            picture = b""
        self._kept.keep(repr(row), picture)
        return picture

    def _fetch(self, images: DropsImages, file: FileInfo) -> None:
        """Fetch a file, and note how long the line took: not the drawing, which waits for the machine."""
        if images.is_here(file):
            return
        began_s = monotonic()
        try:
            images.fetch(file)
        finally:
            self._fetches_s = [*self._fetches_s, monotonic() - began_s][-JUDGED:]

    @property
    def _is_slow(self) -> bool:
        return len(self._fetches_s) == JUDGED and median(self._fetches_s) > SLOW_S

    def _is_cheap(self, images: DropsImages, file: FileInfo) -> bool:
        if images.is_here(file):
            return file.size <= LARGEST_BYTES
        return file.size <= CHEAP_BYTES and not self._is_slow


def drawn(volume: Volume) -> bytes:
    """Return the plane that is shown first, at the contrast that it has then, as WebP; b'' of one that is too large.

    Raises SourceError.
    """
    if volume.levels[-1][0].nbytes > LARGEST_BYTES:  # a small file may unpack to a large image
        return b""
    coarsest = volume.n_levels - 1
    pixels = volume.read(volume.n_planes // 2, Window(coarsest, 0, 0, *volume.level_shape(coarsest)))
    picture = Image.fromarray(to_uint8(pixels, volume.percentiles(), rgb=True))
    picture.thumbnail((EDGE, EDGE))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()
