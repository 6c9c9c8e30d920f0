"""What SAM 2.1 computes on, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A device of this machine, and what is done to the model there."""

    name: str = "auto"
    """'cuda', 'mps', 'cpu', or 'auto': the best there is."""
    is_compiled: bool = False
    """Whether the image encoder is compiled at the start: about a minute. On two cores images take no less then."""
    may_be_half: bool = True
    """Whether the model may compute in half precision, which it does with CUDA only; see `precision`."""

    @classmethod
    def of(cls, device: str | Device) -> Device:
        """Return the device of a name; a device is returned as it is."""
        return cls(device) if isinstance(device, str) else device
