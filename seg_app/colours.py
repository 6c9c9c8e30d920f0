"""The colours of objects in files, which are those that the page shows."""

from __future__ import annotations

from collections.abc import Iterable

OBJECTS = (
    *("#ff8c42", "#4cc9f0", "#b5e48c", "#f72585", "#ffd166", "#9d4edd", "#2ec4b6", "#ff595e", "#80b918", "#4895ef"),
    *("#e0aaff", "#f4a261", "#00b4d8", "#d4e157", "#ff70a6", "#7209b7", "#06d6a0", "#e76f51", "#a2d2ff", "#c9ada7"),
)
"""Objects are coloured by their number, so that neighbours differ."""

RGB = tuple[int, int, int]


def rgb_of(number: int) -> RGB:
    """Return red, green and blue, 0 to 255, of the object of a number."""
    colour = OBJECTS[(number - 1) % len(OBJECTS)]
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def class_colours(names: Iterable[str]) -> dict[str, RGB]:
    """Return a colour for each class, by the order of their names."""
    return {name: rgb_of(number) for number, name in enumerate(sorted(set(names)), start=1)}
