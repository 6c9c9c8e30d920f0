"""The planes of a volume as numbered files: in the order of their numbers, all of one size, type and pixel size."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seg_app.errors import SourceError, UnreachableError, UnreadableError
from seg_app.io.levels import Content, Key, Stored, as_planes, calibration_of
from seg_app.io.readers import FORMATS, read_content

if TYPE_CHECKING:
    from numpy.typing import NDArray

P = TypeVar("P", bound=PurePath)

FEWEST = 3
"""So many numbered files are planes of one volume; fewer are images of their own."""

MOST_CHECKED = 100_000
"""Numbers that are looked for: some programs count in seconds since 1970."""

MOST_NAMED = 20
"""Files that a list of what is missing or damaged names."""


MOST_KINDS = 3
"""Kinds of files that are told, where they differ."""


@dataclass(frozen=True)
class Frame:
    """What all planes of a volume have in common."""

    shape: tuple[int, ...]
    """(1, y, x) or (1, y, x, c)."""
    dtype: str
    pixel_size_nm: tuple[float, float] | None
    """(y, x), of three digits: microscopes round."""

    @property
    def words(self) -> str:
        """What the user reads of it."""
        planes, rows, columns = self.shape[:3]
        scale = f", {self.pixel_size_nm[1]:g} nm each" if self.pixel_size_nm else ""
        return f"has {columns} × {rows}{f' × {planes}' if planes > 1 else ''} pixels ({self.dtype}{scale})"


def sequences(paths: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """Return the sequences among files of one folder: name, as 'slice_*.tif', -> files in the order of their numbers.

    Files of other size, type or pixel size make a sequence of their own, whose name tells the size. A damaged file
    stays in its place; reading that plane raises UnreadableError. Files that are in no sequence are left out.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for pattern, files in by_pattern(paths).items():
        groups = _by_frame(files) if len(files) >= FEWEST else {}
        for i, (frame, group) in enumerate(groups.items()):
            name = pattern if i == 0 else f"{pattern} ({' × '.join(map(str, frame.shape[1:]))} {frame.dtype})"
            if len(group) >= FEWEST:
                found[name if name not in found else f"{name} {i}"] = tuple(group)
    return found


def open_sequence(files: Sequence[Path]) -> Content:
    """Return numbered files as the planes of one volume. Raises UnreadableError when none of them can be read."""
    frames = [frame_of(path) for path in files]
    first = next((i for i, frame in enumerate(frames) if frame), None)
    if first is None:
        raise UnreadableError(f"None of the {len(files)} files like {files[0].name} can be read. Copy them again.")
    frame, (_, attributes) = frames[first], read_content(files[first])
    shape = (len(files), *frame.shape[1:]) if frame else ()
    read = functools.partial(_read, tuple(files), np.dtype(frame.dtype if frame else "u1"))
    axes = ("z", "y", "x", "c")[: len(shape)]
    return [Stored(shape, np.dtype(frame.dtype if frame else "u1"), read, axes)], {
        **attributes,
        **_gaps(files, frames),
    }


def differences(files: Iterable[Path]) -> str:
    """Return in words how files differ that are no planes of one volume, by an example of each kind."""
    examples = {frame_of(path): path.name for path in files}
    told = [
        f"{name} {frame.words if frame else 'is damaged, or more than one image'}" for frame, name in examples.items()
    ]
    return f"its files are of different kinds, as {', '.join(told[:MOST_KINDS])}"


def frame_of(path: Path) -> Frame | None:
    """Return the size and type of a file of one plane; None where it has more, or is damaged.

    Raises UnreachableError where it cannot be read just now.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return _frame(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=20_000)
def _frame(path: Path, modified_ns: int, size: int) -> Frame | None:  # noqa: ARG001 - a changed file is another one
    try:
        (stored, *_), attributes = read_content(path)
        planes = as_planes(stored, path.name)
    except UnreachableError:  # not remembered: it may pass
        raise
    except SourceError:
        return None
    size_nm = calibration_of(attributes).pixel_size_nm
    rounded = (float(f"{size_nm[1]:.3g}"), float(f"{size_nm[2]:.3g}")) if size_nm else None
    return Frame(planes.shape, planes.dtype.name, rounded)


def by_pattern(paths: Iterable[P]) -> dict[str, list[P]]:
    """Return name -> numbered files whose names differ in one number only: of several, the last one counts planes.

    Nothing but their names is looked at.
    """
    patterns: dict[str, list[P]] = defaultdict(list)
    for alike in _alike(path for path in paths if FORMATS[path.suffix.lower()].is_numbered).values():
        place = _counting(alike)
        for path in alike if place is not None else ():
            parts = _parts(path)
            patterns["".join("*" if i == place else part for i, part in enumerate(parts))].append(path)
    return {name: [path for _, path in sorted(_numbered(files))] for name, files in patterns.items()}


def _alike(paths: Iterable[P]) -> dict[str, list[P]]:
    """Return the files by their names without the numbers."""
    names: dict[str, list[P]] = defaultdict(list)
    for path in paths:
        names["".join("*" if part.isdecimal() else part for part in _parts(path))].append(path)
    return names


def _parts(path: PurePath) -> list[str]:
    """Return a name in parts that are numbers, and parts that are none."""
    return [*re.findall(r"[0-9]+|[^0-9]+", path.stem), path.suffix.lower()]


def _counting(alike: Sequence[PurePath]) -> int | None:
    """Return which part of the names counts: the last number that is not the same in all; None where there is none."""
    columns = list(zip(*map(_parts, alike), strict=True))
    return max((i for i, column in enumerate(columns) if column[0].isdecimal() and len(set(column)) > 1), default=None)


def _numbered(files: Sequence[P]) -> list[tuple[int, P]]:
    place = _counting(files)
    return [(int(_parts(path)[place]), path) for path in files] if place is not None else []


def _by_frame(files: Sequence[Path]) -> dict[Frame, list[Path]]:
    """Return the files by what they have in common, the most first; damaged ones are with the most."""
    frames = {path: frame_of(path) for path in files}
    counts: dict[Frame, int] = defaultdict(int)
    for frame in frames.values():
        if frame is not None and frame.shape[0] == 1:
            counts[frame] += 1
    ordered = sorted(counts, key=lambda frame: -counts[frame])
    most = ordered[0] if ordered else None
    return {frame: [p for p in files if (frames[p] or most) == frame] for frame in ordered}


def _read(files: tuple[Path, ...], dtype: np.dtype[Any], key: Key) -> NDArray[Any]:
    return np.concatenate([_plane(path, dtype, key[1:]) for path in files[key[0]]])


def _plane(path: Path, dtype: np.dtype[Any], key: Key) -> NDArray[Any]:
    (stored, *_), _ = read_content(path)
    planes = as_planes(stored, path.name)
    part = planes.read((slice(0, 1, 1), *key))
    wanted = tuple(len(range(k.start, k.stop, k.step)) for k in key)
    if planes.dtype != dtype or part.shape[1:] != wanted:  # never converted: what wraps looks like an image
        raise UnreadableError(f"{path.name} has changed to {planes.shape[1:]} {planes.dtype}. Open the volume again.")
    return part


def _gaps(files: Sequence[Path], frames: Sequence[Frame | None]) -> dict[str, Any]:
    present = {number for number, _ in _numbered(files)}
    low, high = min(present, default=0), max(present, default=0)
    missing = [n for n in range(low, min(high, low + MOST_CHECKED)) if n not in present]
    damaged = [path.name for path, frame in zip(files, frames, strict=True) if frame is None]
    said = {"missing_numbers": missing[:MOST_NAMED], "damaged_files": damaged[:MOST_NAMED]}
    return {name: value for name, value in said.items() if value}
