"""What a user should know of an image before measuring on it, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seg_app.lengths import spoken_length

if TYPE_CHECKING:
    from seg_app.models.facts import ImageFacts

LEAST_TILT_DEG = 0.5
MOST_NAMED = 5


def remarks_on(facts: ImageFacts) -> list[str]:
    """Return one or two sentences for each damage, gap or doubt that is known of an image; often there is none.

    They may hold names of files and words from inside files: show them as text.
    """
    said = facts.metadata
    return [
        *_on_files(said),
        *_on_planes(facts.damaged_planes),
        *(f"The file is not quite in order: {remark.rstrip('.')}." for remark in _texts(said.get("remarks"))),
        *_texts([said.get("pixel_size_note")]),
        *_on_shape(facts),
        *_on_tilt(said.get("stage_tilt_deg")),
    ]


def _on_files(said: dict[str, Any]) -> Iterator[str]:
    if damaged := _texts(said.get("damaged_files")):
        yield f"Files that cannot be read: {named(damaged)}. Their planes keep their place, and cannot be shown."
    if len(misplaced := _texts(said.get("misplaced_files"))) == 2:
        has, wanted = misplaced
        yield f"The server has the planes in another order than their numbers: {has} comes where {wanted} belongs."
    if odd := _texts(said.get("odd_files")):
        yield f"Files that are no plane like the others: {named(odd)}. What is shown of them may be wrong."
    if missing := [str(n) for n in _list(said.get("missing_numbers")) if isinstance(n, int)]:
        numbers = f"the number{'s' if len(missing) > 1 else ''} {named(missing)}"
        yield f"There is no file with {numbers}. The planes before and after a gap are shown side by side."


def _on_planes(unreadable: tuple[int, ...]) -> Iterator[str]:
    if unreadable:
        planes = f"plane{'s' if len(unreadable) > 1 else ''} {named([str(z + 1) for z in unreadable])}"
        yield f"Could not be read, wholly or in part: {planes}. Opening the image anew tries again."


def _on_shape(facts: ImageFacts) -> Iterator[str]:
    _, y_nm, x_nm = facts.pixel_size_nm or (None, 1.0, 1.0)
    if y_nm != x_nm:
        size = f"{spoken_length(x_nm)} wide and {spoken_length(y_nm)} high"
        yield f"Pixels are not square but {size}. Measurements know that; the picture shows them square."


def _on_tilt(tilt_deg: object) -> Iterator[str]:
    if isinstance(tilt_deg, (int, float)) and not isinstance(tilt_deg, bool) and abs(tilt_deg) >= LEAST_TILT_DEG:
        yield (
            f"The stage was tilted by {tilt_deg:.3g}°. Unless the microscope corrected for it, lengths from top to "
            "bottom are longer on the sample than they are measured: set the height of a pixel apart from its width."
        )


def named(names: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _texts(value: object) -> list[str]:
    return [text for text in _list(value) if isinstance(text, str) and text]
