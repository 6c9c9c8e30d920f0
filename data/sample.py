"""One image of the sample data, with what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """An image, or the true objects of one."""

    planes: NDArray[Any]
    """(z, y, x), or (z, y, x, c) in colour."""
    title: str
    description: str
    pixel_size_nm: tuple[float | None, float, float] | None = None
    """(z, y, x)."""
    labels: bool = False
    """Whether the values are numbers of objects, with 0 for the background."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Further attributes, in plain JSON."""

    @property
    def attributes(self) -> dict[str, Any]:
        """What is stored beside the image."""
        return {"title": self.title, "description": self.description, **self.facts}
