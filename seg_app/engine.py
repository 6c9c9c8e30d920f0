"""Which segmenter the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seg_app.sam import CacheLimits, Device, Segmenter, connect_best, connect_sam

if TYPE_CHECKING:
    from seg_app.settings import Settings


def engine_of(settings: Settings, address: str | None = None) -> Segmenter:
    """Connect to the segmenter at an address, else at BACKEND_URL, else to the best that is here.

    BACKEND_TOKEN is shown to BACKEND_URL only. Raises SegmenterError.
    """
    address = address or settings.backend_url
    if not address:
        return best_engine(settings)
    token = settings.backend_token if address == settings.backend_url else None
    return connect_sam(
        address,
        device=Device(settings.device, settings.compiled),
        token=token.get_secret_value() if token else None,
        cache=CacheLimits(settings.cache, settings.cache_bytes),
    )


def best_engine(settings: Settings) -> Segmenter:
    """Load the best model that is in this machine, see `connect_best`. Raises SegmenterError."""
    return connect_best(
        settings.checkpoint_path,
        settings.checkpoints,
        config=settings.sam_config,
        device=Device(settings.device, settings.compiled),
        cache=CacheLimits(settings.cache, settings.cache_bytes),
    )
