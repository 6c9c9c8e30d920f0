"""Which masks are one object: those of one number, at most one on each plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from seg_app.errors import SegAppError
from seg_app.labels import label_values
from seg_app.records import Mask

Masks = tuple[Mask, ...]


def numbered(masks: Masks, *, after: int) -> Masks:
    """Return masks whose objects have the numbers that follow `after`."""
    values = label_values(masks)
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values), start=after + 1)}
    return tuple(replace(mask, number=numbers[value]) for mask, value in zip(masks, values, strict=True))


def extending(masks: Masks, there: Masks, *, after: int) -> Masks:
    """Return masks with the numbers that they have, as parts of the objects that are there.

    One whose object has a mask on its plane already is an object of its own, with a number above `after` and theirs.
    """
    taken, free = {(mask.z, mask.number) for mask in there}, max([after, *(mask.number for mask in masks)])
    new: list[Mask] = []
    for mask in masks:
        if mask.number < 1 or (mask.z, mask.number) in taken:
            free += 1
            new.append(replace(mask, number=free))
        else:
            new.append(mask)
        taken.add((mask.z, new[-1].number))
    return tuple(new)


def joined(objects: Sequence[Masks]) -> Masks:
    """Return what changes when objects become one, with the lowest of their numbers and the class of that.

    Raises SegAppError when there are no two, or two are on one plane.
    """
    if len(objects) < 2:
        raise SegAppError("Select two objects or more to make them one: in the list, with Ctrl.")
    planes: set[int] = set()
    for mask in (mask for parts in objects for mask in parts):
        if mask.z in planes:
            raise SegAppError(
                f"Two of the selected objects are on plane {mask.z + 1}, and an object has one outline on a plane. "
                "Delete one of the two there first."
            )
        planes.add(mask.z)
    first = min((parts[0] for parts in objects), key=lambda mask: mask.number)
    as_one = [replace(m, number=first.number, class_name=first.class_name) for parts in objects for m in parts]
    before = [mask for parts in objects for mask in parts]
    return tuple(new for new, old in zip(as_one, before, strict=True) if new != old)


def split(objects: Iterable[Masks], z: int, *, after: int) -> Masks:
    """Return the masks from plane z on as objects of their own, numbered on from `after`.

    Raises SegAppError when no object is on both sides.
    """
    both = (parts for parts in objects if any(mask.z < z for mask in parts))
    ahead = [mask for parts in both for mask in parts if mask.z >= z]
    if not ahead:
        raise SegAppError(
            f"No selected object is both before plane {z + 1} and from there on. "
            "Go to the first plane on which it is another object, then split it there."
        )
    return numbered(tuple(ahead), after=after)
