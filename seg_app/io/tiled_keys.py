"""Parts of paths as keys of a Tiled server, and back."""

from __future__ import annotations

import re

LOCKED = re.compile(r"[^\w .,;&!'()+@$^`=-]|~")
"""What no key holds: Tiled's addresses or its client take it for something else."""


def key_of(part: str) -> str:
    """Return one part of a path as a key that Tiled takes; different parts stay different.

    Unsafe characters become their UTF-8 bytes, each as `~` and two hexadecimal digits.
    """
    return LOCKED.sub(lambda found: "".join(f"~{byte:02X}" for byte in found.group().encode()), part)


def part_of(key: str) -> str:
    """Return what `key_of` has made a key of; what it cannot have made stays as it is."""
    try:
        return re.sub("(?:~[0-9A-F]{2})+", lambda f: bytes.fromhex(f.group().replace("~", "")).decode(), key)
    except UnicodeDecodeError:
        return key
