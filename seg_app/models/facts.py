"""What is known of an image beside its pixels: the size of a pixel and the databar, and who says so.

The order of trust: the user, the header of the instrument or the file, and for the databar the image itself.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import param
import xarray as xr

from seg_app.errors import SegAppError, SourceError
from seg_app.io.databar import find_databar
from seg_app.models.notes import Said, Saying
from seg_app.models.unreadable import Unreadable
from seg_app.records import Calibration, ImageId

if TYPE_CHECKING:
    from seg_app.models.notes import Notes
    from seg_app.records import Point

log = logging.getLogger(__name__)

USER = "user"
"""The source of what the user says."""
NO_IMAGE = ImageId("", "", (0, 0, 0), "uint8")


class ImageFacts(param.Parameterized):
    """The facts of one image; what the user says of them is kept, where there is a place for it."""

    image = param.ClassSelector(class_=ImageId, default=NO_IMAGE, constant=True, doc="Which image it is.")
    levels = param.List(
        item_type=xr.DataArray,
        constant=True,
        doc="Lazy (z, y, x[, c]) arrays, full resolution first, each smaller by a power of two in y and x. Their "
        "coordinates are those of the file.",
    )
    damaged_planes = param.ClassSelector(
        class_=tuple, default=(), doc="Planes, from 0, of which something could not be read so far."
    )
    calibration = param.ClassSelector(class_=Calibration, default=Calibration(), doc="The size of a voxel in nm.")
    metadata = param.Dict(default={}, doc="What else is written beside the image: title, description, instrument.")
    said_databar = param.Integer(
        default=None, allow_None=True, bounds=(0, None), doc="Rows of the databar as the user says; None: says nothing."
    )
    saying = param.ClassSelector(class_=Saying, default=None, allow_None=True, doc="What the user has said here last.")

    def __init__(self, **params: Any):
        super().__init__(**params)
        self.filed = self.calibration
        """The size of a voxel as the file says."""
        self._notes: Notes | None = None

    def keep_notes(self, notes: Notes) -> None:
        """Take over what was said of the image before, and keep there what is said from now on. Raises SourceError."""
        self._notes = notes
        self.refresh_notes()

    def refresh_notes(self) -> None:
        """Take over what was said of the image elsewhere, as in another tab. Raises SourceError."""
        if self._notes:
            self._take_over(self._notes.read())

    def _take_over(self, said: Said) -> None:
        size_nm = said.pixel_size_nm
        is_size = size_nm is not None and all(_is_length(nm) for nm in size_nm[1:])
        rows = (
            said.databar_rows if said.databar_rows is None else min(max(said.databar_rows, 0), self.image.shape[1] - 1)
        )
        calibration = Calibration(size_nm, USER) if is_size else self.filed
        self.param.update(calibration=calibration, said_databar=rows)

    def _say(self, **fields: Any) -> None:
        """Keep what the user says, then show it, and tell of it. Raises SegAppError, and then nothing has changed."""
        self.refresh_notes()  # another tab may have said something
        said = self._said
        before = {name: getattr(said, name) for name in fields}
        self.keep(fields)
        if before != fields:
            self.saying = Saying(before, fields)

    def keep(self, fields: dict[str, Any]) -> None:
        """Keep what was said once, by the names of `Said`, then show it. Raises SegAppError likewise."""
        self._take_over(self._notes.change(**fields) if self._notes else replace(self._said, **fields))

    def says(self, fields: dict[str, Any]) -> bool:
        """Say whether this is what the user says, by the names of `Said`."""
        return replace(self._said, **fields) == self._said

    @property
    def _said(self) -> Said:
        return Said(self.pixel_size_nm if self.calibration.source == USER else None, self.said_databar)

    # The size of a pixel

    @property
    def pixel_size_nm(self) -> tuple[float | None, float, float] | None:
        """The size of a voxel (z, y, x) in nm; None where nobody knows it."""
        return self.calibration.pixel_size_nm

    def calibrate(self, x_nm: float, *, y_nm: float | None = None, z_nm: float | None = None) -> None:
        """Say how large a pixel is: its width, its height where that is another, and how far the planes are apart.

        Without `z_nm` the distance of the planes stays as it is. Raises SegAppError for what is no length, and when it
        cannot be kept; the size is then as it was.
        """
        before = self.pixel_size_nm or (None, 0.0, 0.0)
        y_nm, z_nm = x_nm if y_nm is None else y_nm, before[0] if z_nm is None else z_nm
        for name, nm in (("wide", x_nm), ("high", y_nm), ("apart", z_nm)):
            if not (name == "apart" and nm is None) and not _is_length(nm):
                raise SegAppError(f"Nothing is {nm} nm {name}. Give a length above 0.")
        self._say(pixel_size_nm=(z_nm, float(y_nm), float(x_nm)))

    def calibrate_by(self, start: Point, end: Point, *, length_nm: float) -> None:
        """Say how long a line is that leads from one pixel to another, such as a scale bar that is in the image.

        What is known of the shape of a pixel, and of the distance of the planes, stays. Raises SegAppError.
        """
        _, y_nm, x_nm = self.pixel_size_nm or (None, 1.0, 1.0)
        length_px = math.hypot(end.x - start.x, (end.y - start.y) * y_nm / x_nm)
        if length_px < 1:
            raise SegAppError("The line is shorter than a pixel. Draw it from one end of the scale bar to the other.")
        if not _is_length(length_nm):
            raise SegAppError(f"No line is {length_nm} nm long. Give a length above 0.")
        self.calibrate(length_nm / length_px, y_nm=length_nm / length_px * y_nm / x_nm)

    def forget_calibration(self) -> None:
        """Return to what the file says. Raises SegAppError."""
        self._say(pixel_size_nm=None)

    # The databar

    @property
    def databar_rows(self) -> int:
        """How many of the lowest rows are not image but the microscope's databar; see `look_for_databar`."""
        if self.said_databar is not None:
            return self.said_databar
        return self._filed_databar or self._found_databar

    @property
    def image_shape(self) -> tuple[int, int]:
        """(rows, columns) of a plane without its databar, which is below."""
        return self.image.shape[1] - self.databar_rows, self.image.shape[2]

    def agree_with(self, other: ImageFacts) -> None:
        """Take over what is known of another place of the same image."""
        self.param.update(calibration=other.calibration, said_databar=other.said_databar)
        with suppress(KeyError):  # nobody has looked for it
            self._found_databar = other.__dict__["_found_databar"]

    def look_for_databar(self) -> None:
        """Look at the image where no header tells of a databar: now and here, not where it is asked for first."""
        log.debug("'%s' has a databar of %d rows", self.image.path, self.databar_rows)

    @property
    def databar_source(self) -> str:
        """Who says how large the databar is: 'user', 'header', 'image', where it was found; '' where there is none."""
        if self.said_databar is not None:
            return USER
        return "header" if self._filed_databar else "image" if self._found_databar else ""

    def set_databar(self, rows: int) -> None:
        """Say how many of the lowest rows are the databar; 0: there is none. Raises SegAppError."""
        height = self.image.shape[1]
        if not 0 <= rows < height:
            raise SegAppError(f"A databar of {rows} rows does not fit: the image has {height}. Give 0 to {height - 1}.")
        self._say(databar_rows=int(rows))

    def forget_databar(self) -> None:
        """Return to what the header says, or what is found in the image. Raises SegAppError."""
        self._say(databar_rows=None)

    def is_databar(self, y: float) -> bool:
        """Say whether a place is on the databar."""
        return y >= self.image.shape[1] - self.databar_rows - 0.5

    @property
    def _filed_databar(self) -> int:
        rows = self.metadata.get("databar_rows")
        return rows if isinstance(rows, int) and 0 < rows < self.image.shape[1] else 0

    @cached_property
    def _found_databar(self) -> int:
        if not self.levels or self.levels[0].dtype.kind not in "iu":  # what is computed from micrographs has none
            return 0
        last = self.image.shape[0] - 1
        try:
            rows = find_databar(self.levels[0][last // 2])
            is_everywhere = rows and all(find_databar(self.levels[0][z]) == rows for z in {0, last} - {last // 2})
        except SourceError as error:
            log.info("No databar was looked for in '%s': %s", self.image.path, error)
            return 0
        return rows if is_everywhere else 0

    # What is damaged

    @cached_property
    def unreadable(self) -> Unreadable:
        """What could not be read so far."""
        return Unreadable(self._on_damage)

    def _on_damage(self, unreadable: Unreadable) -> None:
        if unreadable is self.unreadable:  # else the image has grown, or is at another time
            self.damaged_planes = unreadable.planes

    def forget_damage(self) -> None:
        """Ask for everything again."""
        self.unreadable = Unreadable(self._on_damage)
        self.damaged_planes = ()


def _is_length(nm: object) -> bool:
    return isinstance(nm, (int, float)) and math.isfinite(nm) and nm > 0
