"""What becomes of a draft when one leaves it: it waits where it is, or it was taken to be accepted."""

from __future__ import annotations

from dataclasses import dataclass, field

from seg_app.records import Mask, Prompts


@dataclass(frozen=True, slots=True)
class Left:
    """What was in the draft when its plane, its time, or its image was left."""

    prompts: Prompts
    mask: Mask | None = None
    answered: Prompts = field(default_factory=Prompts)
    earlier: tuple[Prompts, ...] = ()
    """What the prompts were before each of them was added, for who takes them back."""
    choices: tuple[Mask, ...] = ()
    has_found: bool = False
    is_old: bool = False
    """Whether the mask is that of a model of before."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An object that was taken out of the draft to be accepted, as it was at that moment."""

    prompts: Prompts
    mask: Mask | None
    """None where the prompts are not answered yet."""
    z: int
    class_name: str
    left: Left
    """All of the draft, for who cannot keep it."""


At = tuple[str, int]
"""The path of an image, another one for each time of it, and one of its planes."""
