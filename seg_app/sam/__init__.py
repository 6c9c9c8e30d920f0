"""Outlining what prompts point at: with SAM 2.1 in this process, on another machine, or without a network."""

from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.cache import CacheLimits
from seg_app.sam.connect import best_address, connect_best, connect_sam
from seg_app.sam.devices import Device
from seg_app.sam.ondemand import OnDemand, get_ready
from seg_app.sam.protocol import Candidate, Segmenter

__all__ = [
    "AutoOptions",
    "CacheLimits",
    "Candidate",
    "Device",
    "OnDemand",
    "Segmenter",
    "best_address",
    "connect_best",
    "connect_sam",
    "get_ready",
]
