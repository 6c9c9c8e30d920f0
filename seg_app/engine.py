"""Which segmenter the settings ask for, and which can be chosen in its place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from seg_app.sam import CacheLimits, Device, Segmenter, Shelf, Stock, best_address, connect_best, connect_sam, stock_of

if TYPE_CHECKING:
    from seg_app.settings import Settings


def shelf_of(settings: Settings) -> Shelf:
    """Return the models that the sessions of a process share; nothing is looked for or loaded yet."""
    return Shelf(
        partial(engine_of, settings),
        default_address=partial(default_address, settings),
        look=partial(stock, settings),
    )


def default_address(settings: Settings) -> str:
    """Return BACKEND_URL, else the address of the best segmenter that is here. Raises SegmenterError."""
    return settings.backend_url or best_address(settings.checkpoint_path, settings.checkpoints, device=settings.device)


def stock(settings: Settings, default: str) -> Stock:
    """Return what can be chosen besides the address that is the default. Raises SegmenterError."""
    checkpoint = settings.checkpoint_path
    others = [
        *([settings.backend_url] if settings.backend_url else []),
        *([f"local:{checkpoint}"] if checkpoint else []),
    ]
    return stock_of(default, settings.checkpoints, others=others, device=settings.device)


def engine_of(settings: Settings, address: str | None = None) -> Segmenter:
    """Connect to the segmenter at an address, else at BACKEND_URL, else to the best that is here.

    BACKEND_TOKEN is shown to BACKEND_URL only, MODEL_CONFIG is that of CHECKPOINT_PATH only. Raises SegmenterError.
    """
    address = address or settings.backend_url
    if not address:
        return best_engine(settings)
    token = settings.backend_token if address == settings.backend_url else None
    return connect_sam(
        address,
        config=settings.sam_config if address == f"local:{settings.checkpoint_path}" else None,
        device=_device(settings),
        token=token.get_secret_value() if token else None,
        cache=CacheLimits(settings.cache, settings.cache_bytes),
    )


def best_engine(settings: Settings) -> Segmenter:
    """Load the best model that is in this machine, see `connect_best`. Raises SegmenterError."""
    return connect_best(
        settings.checkpoint_path,
        settings.checkpoints,
        config=settings.sam_config,
        device=_device(settings),
        cache=CacheLimits(settings.cache, settings.cache_bytes),
    )


def _device(settings: Settings) -> Device:
    return Device(settings.device, is_compiled=settings.compiled, may_be_half=settings.half)
