"""What the libraries behind images and masks say of damaged bytes, told as one error of ours."""

from __future__ import annotations

import errno
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from seg_app.errors import UnreachableError, UnreadableError

DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What they raise, also by `assert`; all of it is about the bytes, for nothing else was given to them."""


class FlawError(ValueError):
    """Say what is wrong with bytes where it is known: a part of a sentence for the user, about the file."""


def check_end(n_bytes: int, told: int) -> None:
    """Raise FlawError when there are fewer bytes than a header tells of, as in what was not copied to its end."""
    if n_bytes < told:
        has = f"{n_bytes / 1e6:,.1f} of {told / 1e6:,.1f} MB" if told >= 10**6 else f"{n_bytes:,} of {told:,} bytes"
        raise FlawError(f"it ends too early: it has {has} that its header tells of")


PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT)
"""What the system says of itself or of a network drive, not of the bytes of a file."""
AGAIN = "Copy it again, or export it anew."


def may_pass(error: BaseException | None) -> bool:
    """Say whether an error or one of its causes is no damage, as too many open files or too little memory."""
    if error is None:
        return False
    is_of_system = isinstance(error, OSError) and error.errno in PASSING
    return is_of_system or isinstance(error, (MemoryError, UnreachableError)) or may_pass(error.__cause__)


def in_words(error: BaseException) -> str:
    """Return what is wrong with a file, and what can be done, in the words of its user.

    What a library says is written for programmers, and often about something that comes of the damage only.
    """
    if isinstance(error, FlawError):
        return f"{error}. {AGAIN}"
    said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
    if may_pass(error):
        return f"{said or 'there is too little memory, or the data is out of reach'}. It may be whole: try again."
    if isinstance(error, PermissionError):
        return f"{said}. Check who may read it."
    return f"it is damaged, incomplete, or of another kind than its name says. {AGAIN}"


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Raise UnreadableError, which says that the bytes are not of this kind or damaged, where the block fails."""
    try:
        yield
    except DAMAGED as error:
        raise UnreadableError(f"no {kind}, or damaged ({error!s:.200}). Use another copy.") from error
