"""What tests with several threads share."""

import time
from collections.abc import Callable
from typing import Any


def until(is_so: Callable[[], object]) -> None:
    """Let others go on until something is so; pytest's time limit ends what never is."""
    while not is_so():
        time.sleep(0.001)  # not a moment that must be enough: what is waited for may need the core


def finish(view: Any) -> None:
    """Wait for all that a page or a bench has asked its worker for so far."""
    view.worker._pool.submit(lambda: None).result(30)  # no verb of the user, who would have gone on
