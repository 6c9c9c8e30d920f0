"""Saving that cannot fail: a set goes to this disk first, then to its place, now or as soon as that is there."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import param
from tenacity import Retrying, retry_if_result, stop_when_event_set, wait_exponential

from seg_app.errors import (
    DamagedError,
    ForbiddenError,
    RefusedError,
    SegAppError,
    StorageError,
    UnreachableError,
    UnreadableError,
    UnsafeNameError,
)
from seg_app.io.formats import npz
from seg_app.io.maskstore import checked_title
from seg_app.io.waiting import Waiting, WaitingSets
from seg_app.models.journal import Saving

if TYPE_CHECKING:
    from seg_app.io.maskstore import MaskStore, SavedSets
    from seg_app.records import ImageId, MaskFile

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 600.0
STUCK = (UnsafeNameError, ForbiddenError, DamagedError)
"""What will not go away by itself; a damaged upload is not repeated, for each would leave a file behind."""
ALL_AFFECTED = (UnreachableError, RefusedError)
"""What one set hears all others would hear as well: they need not wait for it one after the other."""
KEPT = "The set is kept in the outbox and is saved as soon as that is possible."
STUCK_THERE = "The set is kept in the outbox: export it there, or try again when that is mended."


@dataclass(frozen=True, slots=True)
class Delivery:
    """A set that has arrived."""

    file: MaskFile
    saving: Saving
    """Where it is now."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.saving.path.rpartition("/")[2]


class Outbox(param.Parameterized):
    """The place for masks of one user: a MaskStore, and on this disk what it could not take yet.

    Verbs are blocking. What waits is tried again in a thread of its own, after growing pauses, also after a restart.
    The params change in any thread.
    """

    waiting = param.ClassSelector(class_=tuple, default=cast("tuple[Waiting, ...]", ()), doc="Sets, the oldest first.")
    next_try_s = param.Number(default=None, allow_None=True, doc="When they are tried again, in seconds since 1970.")
    arrived = param.ClassSelector(class_=Delivery, allow_None=True, default=None, doc="The last set that had to wait.")

    def __init__(
        self,
        folder: Path,
        store: MaskStore,
        *,
        note: Callable[[Delivery], None] = lambda _: None,
        first_pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ):
        """Keep in `folder` what `store` cannot take, and go on with what waits there already.

        `note` hears of each set that had to wait when it has arrived, before anybody else. Raises StorageError.
        """
        super().__init__()
        self._sets, self._store, self._note = WaitingSets(folder), store, note
        self._reasons: dict[str, SegAppError] = {}
        self._followers: list[weakref.WeakMethod[Callable[[Delivery], None]]] = []
        self._lock, self._following = threading.RLock(), threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._first_pause_s = first_pause_s
        self._pauses = wait_exponential(multiplier=first_pause_s, max=longest_pause_s)
        self._show()
        if self.waiting:
            self._begin(pause_s=0)

    # As a MaskStore

    @property
    def where(self) -> str:
        """Where sets go."""
        return self._store.where

    def list(self, image: ImageId) -> SavedSets:
        """Return the sets of an image that have arrived, the newest first. Raises SegAppError."""
        return self._store.list(image)

    def load(self, path: str) -> MaskFile:
        """Return the masks of a set that has arrived. Raises SegAppError."""
        return self._store.load(path)

    def save(self, file: MaskFile, *, title: str = "") -> str:
        """Keep a set on this disk, store it and all that waits, and return its path.

        Raises UnsafeNameError when the title is unusable, StorageError when the set has impossible values: nothing is
        kept then. Raises SegAppError when it cannot be stored now: then it is kept.
        """
        title = checked_title(title)
        try:
            new, paths = self._keep_and_try(file, title)
        except StorageError as error:  # this disk is full: the place for masks may be on another one
            log.warning("A set cannot be kept in the outbox: %s", error)
            return self._store.save(file, title=title)
        if new.id in paths:
            return paths[new.id]
        self._begin(pause_s=self._first_pause_s)
        raise self._kept(new.id)

    def _keep_and_try(self, file: MaskFile, title: str) -> tuple[Waiting, dict[str, str]]:
        with self._lock, self._sets.locked() as is_ours:
            new = self._sets.add(file, title=title)
            return new, self._deliver_all() if is_ours else {}

    # What waits

    def try_now(self) -> None:
        """Try everything that waits, also what is stuck. Raises the SegAppError of what cannot be delivered."""
        self._round(also_stuck=True)
        self._begin(pause_s=self._first_pause_s)
        if self.waiting:
            raise self._kept(self.waiting[0].id)

    def export(self, id_: str) -> tuple[str, bytes]:
        """Return a set that waits as a file: its name and its bytes. Raises SegAppError."""
        name = next((waiting.name for waiting in self.waiting if waiting.id == id_), "masks")
        return f"{name}.npz", self._sets.data(id_)

    def put_aside(self, id_: str) -> None:
        """Do not try a set any more; its file stays in the outbox's folder `aside`."""
        with self._lock, self._sets.locked():
            self._sets.put_aside(id_)
            self._show()

    def follow(self, react: Callable[[Delivery], None]) -> None:
        """Call a method of an object with each delivery, as long as that object lives."""
        with self._following:  # an image opens while sets are on their way
            self._followers.append(weakref.WeakMethod(react))

    def close(self) -> None:
        """End the thread after what it is doing; what waits stays on disk."""
        self._closing.set()
        self._wake.set()
        if thread := self._thread:
            thread.join()

    def _kept(self, id_: str) -> SegAppError:
        reason = self._reasons.get(id_) or StorageError("Another program delivers what waits.")
        return type(reason)(f"{reason} {STUCK_THERE if isinstance(reason, STUCK) else KEPT}")

    def _round(self, *, also_stuck: bool = False) -> None:
        with self._lock, self._sets.locked() as is_ours:
            if is_ours:
                self._deliver_all(also_stuck=also_stuck)

    def _deliver_all(self, *, also_stuck: bool = False) -> dict[str, str]:
        """Deliver what waits, the oldest first; return the paths of what has arrived."""
        paths: dict[str, str] = {}
        try:
            for waiting in self._known(self._sets.all()):
                if waiting.is_stuck and not also_stuck:
                    continue
                try:
                    paths[waiting.id] = self._deliver(waiting)
                except ALL_AFFECTED as error:
                    left = [one.id for one in self._sets.all() if not self._is_stuck(one.id)]
                    self._reasons |= dict.fromkeys([waiting.id, *left], error)
                    break
                except SegAppError as error:
                    log.info("A set waits: %s", error)
                    self._reasons[waiting.id] = error
        finally:
            self._show()
        return paths

    def _deliver(self, waiting: Waiting) -> str:
        file = self._read(waiting)
        path = self._stored(waiting, file)
        had_to_wait = any(shown.id == waiting.id for shown in self.waiting)
        self._sets.remove(waiting.id)
        self._reasons.pop(waiting.id, None)
        saving = Saving(path, waiting.title, file.calibration, where=self.where)
        self._tell(Delivery(file, saving), had_to_wait=had_to_wait)
        return path

    def _read(self, waiting: Waiting) -> MaskFile:
        try:
            return npz.decode(self._sets.data(waiting.id))
        except UnreadableError as error:
            raise DamagedError(f"Cannot read '{waiting.name}' in the outbox: {error}") from error

    def _stored(self, waiting: Waiting, file: MaskFile) -> str:
        for path in waiting.tried:  # it may have arrived, and nobody has heard of it: a crash, a lost answer
            if self._store.holds(path, file):
                return path
        noted = waiting

        def trying(path: str) -> None:
            nonlocal noted
            noted = self._sets.tries(noted, path)

        return self._store.save(file, title=waiting.title, trying=trying)

    def _tell(self, delivery: Delivery, *, had_to_wait: bool) -> None:
        if had_to_wait:
            self._note(delivery)
            self.arrived = delivery
        with self._following:
            self._followers = [follower for follower in self._followers if follower()]
            followers = [*self._followers]
        for follower in followers:
            if react := follower():
                react(delivery)

    def _is_stuck(self, id_: str) -> bool:
        return isinstance(self._reasons.get(id_), STUCK)

    def _known(self, sets: tuple[Waiting, ...]) -> tuple[Waiting, ...]:
        """Return sets with what is known of them since this program has started."""
        return tuple(
            replace(one, reason=str(self._reasons[one.id]), is_stuck=self._is_stuck(one.id))
            if one.id in self._reasons
            else one
            for one in sets
        )

    def _show(self) -> None:
        with self._lock:
            self.waiting = self._known(self._sets.all())
            if not self._is_hopeful():
                self._wake.set()  # the thread would sleep on for nothing; for what fails next, pauses begin anew

    # The thread

    def _begin(self, *, pause_s: float) -> None:
        """Let the thread run as long as something may get through, from now or after a first pause."""
        with self._lock:
            if self._is_hopeful() and not self._thread and not self._closing.is_set():
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, args=(pause_s,), name="outbox", daemon=True)
                self._thread.start()

    def _is_hopeful(self) -> bool:
        return any(not waiting.is_stuck for waiting in self.waiting)

    def _run(self, pause_s: float) -> None:
        again = Retrying(
            retry=retry_if_result(bool),
            wait=self._pauses,
            sleep=self._rest,
            stop=stop_when_event_set(self._closing),
            retry_error_callback=lambda _: None,
        )
        if pause_s:
            self._rest(pause_s)
        while True:
            again(self._try_quietly)
            with self._lock:
                if self._closing.is_set() or not self._is_hopeful():
                    self._thread = None
                    return

    def _rest(self, pause_s: float) -> None:
        self.next_try_s = time.time() + pause_s
        self._wake.wait(pause_s)
        self._wake.clear()
        self.next_try_s = None

    def _try_quietly(self) -> bool:
        """Say whether something is left that may get through later."""
        if not self._closing.is_set():
            try:
                self._round()
            except SegAppError as error:
                log.warning("The outbox cannot be used: %s", error)
            except Exception:  # the edge of the thread: nobody else would ever hear of it
                log.exception("What waits in the outbox could not be delivered")
        return self._is_hopeful()
