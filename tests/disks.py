"""A disk that is full."""

import errno


def full(*_):
    """Say what it says of whatever is written."""
    raise OSError(errno.ENOSPC, "No space left on device")
