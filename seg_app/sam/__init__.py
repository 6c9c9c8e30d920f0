"""Outlining what prompts point at: with SAM 2.1 in this process, on another machine, or without a network."""

from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.cache import CacheLimits
from seg_app.sam.connect import best_address, connect_best, connect_sam
from seg_app.sam.devices import Device
from seg_app.sam.offers import stock_of
from seg_app.sam.ondemand import FAILED, OnDemand, get_ready
from seg_app.sam.protocol import Candidate, Segmenter
from seg_app.sam.shelf import Offer, Shelf, Stock

__all__ = [
    "FAILED",
    "AutoOptions",
    "CacheLimits",
    "Candidate",
    "Device",
    "Offer",
    "OnDemand",
    "Segmenter",
    "Shelf",
    "Stock",
    "best_address",
    "connect_best",
    "connect_sam",
    "get_ready",
    "stock_of",
]
