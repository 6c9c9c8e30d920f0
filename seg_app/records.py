"""The plain values that everybody may import: points, prompts, windows, masks, images.

Frame: arrays are indexed (y, x), points are (x, y). Both count pixels of the full-resolution plane,
with the centre of the top left pixel at (0, 0): pixel (y, x) covers [x - 0.5, x + 0.5) × [y - 0.5, y + 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Point:
    """One click: a place in pixels, and whether the object includes it."""

    x: float
    y: float
    include: bool = True


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle drawn around an object, in pixels; its corners are points."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the user has said of one object: points in the order of the clicks, and at most one box."""

    points: tuple[Point, ...] = ()
    box: Box | None = None

    def __bool__(self) -> bool:
        return bool(self.points) or self.box is not None

    @property
    def asks(self) -> bool:
        """Whether they name something to be outlined: excluding points alone do not."""
        return self.box is not None or any(point.include for point in self.points)

    def with_point(self, point: Point) -> Prompts:
        """Return the prompts with one more point."""
        return Prompts((*self.points, point), self.box)

    def with_box(self, box: Box) -> Prompts:
        """Return the prompts with a box, in place of the one that they have."""
        return Prompts(self.points, box)

    def without_last(self) -> Prompts:
        """Return the prompts without their last point; without any point, without the box."""
        return Prompts(self.points[:-1], self.box) if self.points else Prompts()

    def moved(self, *, dx: float, dy: float, scale: float = 1.0) -> Prompts:
        """Return the prompts shifted by (dx, dy) pixels, then multiplied by `scale`."""
        points = tuple(Point((p.x + dx) * scale, (p.y + dy) * scale, p.include) for p in self.points)
        box = self.box and Box(
            (self.box.x0 + dx) * scale,
            (self.box.y0 + dy) * scale,
            (self.box.x1 + dx) * scale,
            (self.box.y1 + dy) * scale,
        )
        return Prompts(points, box)


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of one pyramid level: rows y0 to y1 and columns x0 to x1 (exclusive), in pixels of that level.

    A pixel of level n stands for 2**n × 2**n pixels of the full-resolution plane.
    """

    level: int
    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def factor(self) -> int:
        """How many full-resolution pixels a pixel of the level is wide."""
        return 2**self.level

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in pixels of the level."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """The outer edges (x0, y0, x1, y1) in full-resolution pixels, whose centres are at integers."""
        f = self.factor
        return self.x0 * f - 0.5, self.y0 * f - 0.5, self.x1 * f - 0.5, self.y1 * f - 0.5

    def to_window(self, prompts: Prompts) -> Prompts:
        """Return prompts in pixels of this window, whose top left pixel has its centre at (0, 0)."""
        x0, y0, _, _ = self.extent
        shifted = prompts.moved(dx=-x0, dy=-y0, scale=1 / self.factor)
        return shifted.moved(dx=-0.5, dy=-0.5)

    def to_plane(self, prompts: Prompts) -> Prompts:
        """Return prompts in pixels of this window as pixels of the full-resolution plane."""
        x0, y0, _, _ = self.extent
        return prompts.moved(dx=0.5, dy=0.5, scale=self.factor).moved(dx=x0, dy=y0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The size of a voxel in nanometres, and who says so; None where nobody does."""

    pixel_size_nm: tuple[float | None, float, float] | None = None
    """(z, y, x); z is None for a micrograph or a stack of unknown spacing."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made a mask, with what, and when."""

    engine: str = ""
    user: str = ""
    created: str = ""
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Mask:
    """One outlined object on one plane: a bit for each pixel of its bounding box.

    `counts` are the run lengths of the (height, width) bits in column-major order, beginning with the
    zeros, as in COCO's uncompressed RLE (https://github.com/cocodataset/cocoapi, maskApi.h).
    """

    id: str
    z: int
    y0: int
    x0: int
    height: int
    width: int
    counts: tuple[int, ...]
    number: int = 0
    """The running number of its object in its set, from 1; its value in a label image. 0: in no set yet.

    Masks of one number on several planes are one object.
    """
    class_name: str = ""
    score: float | None = None
    """The IoU with the true object that the model predicts, 0 to 1; None when nobody predicted one."""
    prompts: Prompts = field(default_factory=Prompts)
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def area(self) -> int:
        """Number of pixels of the object."""
        return sum(self.counts[1::2])

    @property
    def y1(self) -> int:
        """The row below the last row of the bounding box."""
        return self.y0 + self.height

    @property
    def x1(self) -> int:
        """The column right of the last column of the bounding box."""
        return self.x0 + self.width


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of an image beside planes, rows and columns: times, channels, or whatever its name says."""

    name: str
    """'t', 'c', 'index', or another name that the file gives."""
    size: int
    labels: tuple[str, ...] = ()
    """What its places are called; none where nobody says it."""

    @property
    def title(self) -> str:
        """The name as a person would say it."""
        return {"t": "Time", "c": "Channel", "z": "Plane"}.get(self.name, self.name.capitalize())


@dataclass(frozen=True, slots=True)
class Link:
    """What the address of a page asks for: one of two images, or nothing."""

    image: str = ""
    """The path of an image on the data server."""
    drops: str = ""
    """The path of a file on Drops."""
    part: str = ""
    """Which of several images in that file."""
    at: str = ""
    """The part of the image that is looked at; see `Place`."""


@dataclass(frozen=True, slots=True)
class ImageId:
    """Which image masks belong to."""

    source: str
    """Where it was opened: the address of a Tiled server without its key, or 'local'."""
    path: str
    """The path in that source, with `/` between its parts, e.g. 'samples/fib_volume'; one time of a film is
    'samples/film.tif/film_t3'."""
    shape: tuple[int, int, int]
    """(planes, rows, columns)."""
    dtype: str

    @property
    def stem(self) -> str:
        """The name that mask files begin with: the last part of the path, without a suffix."""
        return PurePosixPath(self.path).stem or "image"


@dataclass(frozen=True, slots=True)
class MaskFile:
    """What a mask file holds: the masks of one image."""

    image: ImageId
    masks: tuple[Mask, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One entry of a folder, wherever that folder is."""

    path: str
    """Relative to the root of its server, with `/` between its parts."""
    size: int
    """Bytes; 0 for a folder."""
    modified_s: float
    """Seconds since 1970-01-01 UTC."""
    is_folder: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name
