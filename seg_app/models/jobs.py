"""Work that would freeze the page: done in order, one at a time, in a thread, with words for what is going on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import param

from seg_app.errors import SegAppError

log = logging.getLogger(__name__)


class Worker(param.Parameterized):
    """One thread for one user: verbs happen in the order in which they were asked for.

    The params change in that thread; a page must carry them to its own.
    """

    doing = param.String(default="", doc="What is going on now, in words; empty when nothing is.")
    trouble = param.String(default="", doc="What went wrong last and what can be done; empty when all is well.")

    def __init__(self):
        super().__init__()
        self.cause: SegAppError | None = None
        """Of the last trouble, where an error has said it."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="seg-app-worker")
        self._closed = False
        self._lock = threading.Lock()

    def run(self, title: str, verb: Callable[..., Any], *args: Any) -> Future[Any]:
        """Queue a call. Its result is None when it fails; `trouble` then says why. After `close` it is cancelled."""
        with self._lock:
            if not self._closed:
                return self._pool.submit(self._do, title, verb, args)
        dropped: Future[Any] = Future()
        dropped.cancel()
        return dropped

    def _do(self, title: str, verb: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self.doing = title
        try:
            result = verb(*args)
            self._forget_refusal()
            return result
        except SegAppError as error:
            log.info("%s: %s", title, error)
            self.complain(str(error), cause=error)
        except Exception:  # the edge of the thread: nobody else would ever hear of it
            log.exception(title)
            self.complain(f"{title} failed for a reason that was not foreseen. The log of the server has the details.")
        finally:
            self.doing = ""
        return None

    def _forget_refusal(self) -> None:
        """Say no longer that something made no sense: the user has gone on. What failed stays until it is closed."""
        if type(self.cause) is SegAppError:
            self.trouble, self.cause = "", None

    def refuse(self, message: str) -> None:
        """Tell the user that what they have asked for makes no sense; that is forgotten when they go on."""
        self.complain(message, cause=SegAppError(message))

    def complain(self, message: str, *, cause: SegAppError | None = None) -> None:
        """Tell the user what went wrong and what can be done."""
        self.trouble, self.cause = "", cause  # so that the same message twice is news twice
        self.trouble = message

    def close(self) -> None:
        """End the thread after what it is doing; what waits is dropped, and what is asked for later."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)


class Latest:
    """Does the latest thing that was asked for, in a thread of its own; what it had no time for is forgotten.

    For pictures: while one is drawn the user moves on, and only the place where they rest matters.
    """

    def __init__(self, name: str, *, threads: int = 1):
        """threads: two where a task that waits is given up by the next one, which therefore must come to ask."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._wanted: Callable[[], None] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def ask(self, task: Callable[[], None]) -> None:
        """Do a task as soon as the current one ends, unless another one is asked for until then."""
        with self._lock:
            if not self._closed:
                self._wanted = task
                self._pool.submit(self._do_wanted)

    def _do_wanted(self) -> None:
        with self._lock:
            task, self._wanted = self._wanted, None
        if task:
            try:
                task()
            except Exception:  # the edge of the thread: nobody else would ever hear of it
                log.exception("A picture could not be drawn")

    def close(self, *, wait: bool = False) -> None:
        """End the thread; with `wait`, after the latest task is done. What is asked for later is not done."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=wait, cancel_futures=not wait)
