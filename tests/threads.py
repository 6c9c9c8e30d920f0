"""What tests with several threads share."""

import os
from collections.abc import Callable


def until(is_so: Callable[[], object]) -> None:
    """Let the other threads go on until something is so; pytest's time limit ends what never is."""
    while not is_so():
        os.sched_yield()
