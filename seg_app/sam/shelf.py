"""The models to choose from: each is loaded when somebody wants it, once for all who do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from seg_app.sam.ondemand import OnDemand

if TYPE_CHECKING:
    from collections.abc import Callable

    from seg_app.sam.protocol import Segmenter


@dataclass(frozen=True)
class Offer:
    """A model that can be chosen."""

    address: str
    """Where it is, see `connect_sam`. Not to be shown: there may be a password in it."""
    title: str
    """What people call it; no two of a stock are called the same."""
    judgement: str
    """Whether it suits this machine, in one line."""
    is_default: bool = False
    """Whether it answers those who have not chosen."""


@dataclass(frozen=True)
class Stock:
    """All that can be chosen just now."""

    offers: tuple[Offer, ...]
    advice: str = ""
    """How to get more, in one line; empty where nothing is missing."""
    lack: str = ""
    """What is not here, so that no SAM answers though nobody has asked for that, and the way out, in one line."""


class Shelf:
    """One copy of each model in use, for all sessions of a process. Thread-safe.

    What nobody uses any more gives its memory back; the default stays.
    """

    def __init__(
        self,
        connect: Callable[[str], Segmenter],
        *,
        default_address: Callable[[], str],
        look: Callable[[str], Stock],
    ) -> None:
        """connect: from an address to a segmenter. look: what there is, told the address of the default.

        All of them may raise SegmenterError, and are called when they are needed.
        """
        self._connect, self._find_default, self._look = connect, default_address, look
        self._in_use: WeakValueDictionary[str, OnDemand] = WeakValueDictionary()
        self._lock = Lock()
        self.default = OnDemand(lambda: self.segmenter(self._default_address))
        """The segmenter of those who have not chosen, loaded on demand."""

    @cached_property
    def _default_address(self) -> str:
        return self._find_default()

    def stock(self) -> Stock:
        """Return what can be chosen just now. Raises SegmenterError."""
        return self._look(self._default_address)

    def segmenter(self, address: str) -> OnDemand:
        """Return the segmenter at an address, loaded on demand; the same one for all who ask while it is in use."""
        with self._lock:
            shared = self._in_use.get(address)
            if shared is None:
                shared = self._in_use[address] = OnDemand(partial(self._connect, address))
            return shared
