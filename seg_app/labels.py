"""Label images: masks as whole numbers on the pixels of a plane, and back.

A pixel has one label. Where masks overlap it belongs to the smallest of them, so that each can be seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.geometry import Neighbourhood, label_grid, mask_from_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seg_app.records import Mask

MAX_NUMBER = 2**31 - 1
"""The largest number of a mask."""
SMALL = 2**20
"""Labels up to here need not be counted anew."""


def label_values(masks: Sequence[Mask]) -> list[int]:
    """Return the label of each mask: its number, or the next free one where it has none or another mask took it.

    Masks of one number on different planes are one object, and keep their common label.
    """
    free = max((mask.number for mask in masks), default=0) + 1
    taken: set[tuple[int, int]] = set()
    values: list[int] = []
    for mask in masks:
        is_new = mask.number > 0 and (mask.z, mask.number) not in taken
        values.append(mask.number if is_new else free)
        free += not is_new
        taken.add((mask.z, values[-1]))
    return values


def by_object(masks: Sequence[Mask]) -> list[tuple[Mask, ...]]:
    """Return the masks of each object, in the order of their first ones; see `label_values`."""
    objects: dict[int, list[Mask]] = defaultdict(list)
    for mask, value in zip(masks, label_values(masks), strict=True):
        objects[value].append(mask)
    return [tuple(parts) for parts in objects.values()]


def painted(masks: Sequence[Mask], values: Sequence[int], shape: tuple[int, int]) -> NDArray[np.uint32]:
    """Return the labels `values` of the masks of one plane on its (rows, columns) pixels; 0 is background."""
    order = label_grid(masks, np.arange(shape[0]), np.arange(shape[1]))
    return np.array([0, *values], dtype=np.uint32)[order]


def painted_by_plane(
    masks: Sequence[Mask], values: Sequence[int], shape: tuple[int, int, int]
) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """Yield each plane that has a mask, from the first one on, and the labels `values` on its (rows, columns)."""
    planes: dict[int, list[tuple[Mask, int]]] = defaultdict(list)
    for mask, value in zip(masks, values, strict=True):
        planes[mask.z].append((mask, value))
    for z in sorted(planes):
        yield z, painted([mask for mask, _ in planes[z]], [value for _, value in planes[z]], shape[1:])


def painted_planes(masks: Sequence[Mask], shape: tuple[int, int, int]) -> Iterator[NDArray[np.uint32]]:
    """Yield the (rows, columns) labels of all planes of an image of `shape` (planes, rows, columns)."""
    planes: dict[int, list[tuple[Mask, int]]] = defaultdict(list)
    for mask, value in zip(masks, label_values(masks), strict=True):
        planes[mask.z].append((mask, value))
    for z in range(shape[0]):
        yield painted([mask for mask, _ in planes[z]], [value for _, value in planes[z]], shape[1:])


def unpainted(masks: Sequence[Mask]) -> list[int]:
    """Return for each mask how many of its pixels a label image gives to others."""
    near = Neighbourhood(masks)
    return [_given_away(mask, i, near.indices(mask), masks) for i, mask in enumerate(masks)]


def _given_away(mask: Mask, own: int, beside: NDArray[np.intp], masks: Sequence[Mask]) -> int:
    """Return how many pixels of a mask a label image gives to others; `own` and `beside` are indices of masks."""
    if not mask.area or len(beside) == 1:
        return 0
    order = label_grid([masks[i] for i in beside], np.arange(mask.y0, mask.y1), np.arange(mask.x0, mask.x1))
    return mask.area - int(np.count_nonzero(order == np.searchsorted(beside, own) + 1))


def losses(masks: Sequence[Mask]) -> list[str]:
    """Return in plain words what a label image cannot keep of masks."""
    lost = unpainted(masks)
    shrunk = [pixels for pixels, mask in zip(lost, masks, strict=True) if 0 < pixels < mask.area]
    gone = [str(mask.number or mask.id) for pixels, mask in zip(lost, masks, strict=True) if pixels == mask.area]
    renumbered = sum(value != mask.number for value, mask in zip(label_values(masks), masks, strict=True))
    return [
        *(
            [f"In {counted(len(shrunk))} {sum(shrunk)} pixels are missing: they lie under smaller masks."]
            if shrunk
            else []
        ),
        *([f"Nothing is left of {_few(gone)}: no pixel, or all under smaller masks."] if gone else []),
        *([f"A new number was given to {counted(renumbered)} that had none of its own."] if renumbered else []),
    ]


def masks_of_labels(
    labels: NDArray[Any], *, z: int = 0, values: Mapping[tuple[int, int], Mapping[str, Any]] | None = None
) -> Iterator[Mask]:
    """Yield a mask for each label of plane z, in the order of the labels.

    labels: (rows, columns), any integer dtype; 0 and less is background. values: (z, label) -> further values of
    `Mask`, where they are known. Raises ValueError for labels above 2**31 - 1.
    """
    from scipy.ndimage import find_objects  # weight: 0.2 s, and painting needs none of it

    names, counted = _counted_from_one(np.where(labels > 0, labels, 0))
    for i, box in enumerate(find_objects(counted), start=1):
        if box is None:
            continue
        label = names[i - 1]
        known = (values or {}).get((z, label)) or _new(label)
        mask = mask_from_bits(counted[box] == i, y0=box[0].start, x0=box[1].start, **{**known, "z": z})
        if mask:
            yield mask


def _counted_from_one(labels: NDArray[Any]) -> tuple[Sequence[int], NDArray[np.int32]]:
    """Return what each label is called, and labels 1, 2, ... in their place.

    They stay as they are where they are small: sorting a plane takes ten times as long as all the rest. Large ones are
    counted, for a list of all numbers below them would fill the memory.
    """
    top = int(labels.max(initial=0))
    if top <= SMALL:
        return range(1, top + 1), labels.astype(np.int32)
    found, compact = np.unique(labels, return_inverse=True)
    has_ground = int(found[0] == 0)
    return found[has_ground:].tolist(), compact.reshape(labels.shape).astype(np.int32) + 1 - has_ground


def _new(label: int) -> dict[str, int]:
    if label > MAX_NUMBER:
        raise ValueError(f"a label is {label}, and numbers end at {MAX_NUMBER}")
    return {"number": label}


def counted(count: int) -> str:
    """Return a number of masks in words: '1 mask', '2 masks'."""
    return f"{count} mask{'' if count == 1 else 's'}"


def without_pixels(masks: Sequence[Mask]) -> list[str]:
    """Return in plain words that masks without a pixel are left out; nothing where there are none."""
    empty = sum(not mask.area for mask in masks)
    return [f"Left out: {counted(empty)} without a pixel."] if empty else []


def _few(names: list[str]) -> str:
    return f"{counted(len(names))} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
