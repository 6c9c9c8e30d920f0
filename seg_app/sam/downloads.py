"""The official checkpoints of SAM 2.1: where they are, what they weigh, and how they get here."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from filelock import FileLock
from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_attempt, wait_exponential

from seg_app.errors import MissingError, SegmenterError, StorageError, UnreachableError
from seg_app.sam.checkpoints import OFFICIAL_CONFIGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

MIRROR = "https://dl.fbaipublicfiles.com/segment_anything_2/092824"
"""Where the authors of SAM 2 publish them (https://github.com/facebookresearch/sam2, "Download Checkpoints")."""
ATTEMPTS = 5
LONGEST_WAIT_S = 10.0
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Official:
    """A checkpoint as it was published."""

    stem: str
    size_bytes: int
    sha256: str

    @property
    def config(self) -> str:
        """The name of its configuration in the `sam2` package."""
        return OFFICIAL_CONFIGS[self.stem]

    def path(self, folder: Path) -> Path:
        """Return where it is kept in a folder."""
        return folder / f"{self.stem}.pt"

    def part(self, folder: Path) -> Path:
        """Return where it is while it is not complete."""
        return folder / f"{self.stem}.pt.part"


OFFICIAL = {
    "tiny": Official(
        "sam2.1_hiera_tiny", 156_008_466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"
    ),
    "small": Official(
        "sam2.1_hiera_small", 184_416_285, "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"
    ),
    "base_plus": Official(
        "sam2.1_hiera_base_plus", 323_606_802, "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"
    ),
    "large": Official(
        "sam2.1_hiera_large", 898_083_611, "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"
    ),
}
"""Name for people -> checkpoint, smallest first."""


def official(name: str) -> Official:
    """Return the checkpoint of a name, e.g. 'tiny'. Raises SegmenterError when there is none."""
    if name not in OFFICIAL:
        raise SegmenterError(f"There is no checkpoint '{name}'. Choose one of: {', '.join(OFFICIAL)}.")
    return OFFICIAL[name]


def is_intact(path: Path, wanted: Official) -> bool:
    """Say whether a file is what was published: its size, then its SHA-256. Raises StorageError."""
    try:
        if path.stat().st_size != wanted.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    except OSError as error:
        raise StorageError(f"Cannot read '{path}': {error.strerror}. Check that it may be read.") from error


def download(
    wanted: Official, folder: Path, *, mirror: str = MIRROR, tell: Callable[[int], None] = lambda _: None
) -> Path:
    """Fetch a checkpoint into a folder, unless it is there, and return its path.

    What was begun before is gone on with. The file appears under its name when it is complete and intact.
    mirror: address of a folder that has it. tell: is called with the bytes that are here.
    Raises UnreachableError, MissingError, SegmenterError when it arrives damaged, and StorageError.
    """
    path, part = wanted.path(folder), wanted.part(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{wanted.stem}.lock"):
            if not (path.is_file() and is_intact(path, wanted)):
                _fetch(f"{mirror.rstrip('/')}/{path.name}", part, wanted, tell)
                _settle(part, path, wanted)
    except OSError as error:
        raise StorageError(
            f"Cannot write '{path}': {error.strerror or error}. Make room, or set SEG_APP_HOME to another folder."
        ) from error
    return path


def _fetch(url: str, part: Path, wanted: Official, tell: Callable[[int], None]) -> None:
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.1, max=LONGEST_WAIT_S),
        retry=retry_if_exception_type(httpx.TransportError),
        before_sleep=before_sleep_log(log, logging.INFO),
        reraise=True,
    )
    try:
        retrying(_go_on, url, part, wanted, tell)
    except httpx.TransportError as error:
        raise UnreachableError(
            f"Cannot fetch {url}: {error or type(error).__name__}. Run the command again: it goes on where it stopped. "
            f"Without the internet, copy the file to {part.parent} from elsewhere."
        ) from error


def _go_on(url: str, part: Path, wanted: Official, tell: Callable[[int], None]) -> None:
    """Fetch what is missing of a file."""
    here = part.stat().st_size if part.exists() else 0
    if here >= wanted.size_bytes:
        return
    asked = {"Accept-Encoding": "identity", **({"Range": f"bytes={here}-"} if here else {})}
    with httpx.stream("GET", url, headers=asked, follow_redirects=True, timeout=TIMEOUT_S) as answer:
        if not answer.is_success:
            raise MissingError(f"{url} answers {answer.status_code} {answer.reason_phrase}. Check the address.")
        # a server that knows no ranges sends everything once more
        is_rest = answer.status_code == httpx.codes.PARTIAL_CONTENT
        with part.open("ab" if is_rest else "wb") as file:
            for piece in answer.iter_raw():
                file.write(piece)
                tell(file.tell())


def _settle(part: Path, path: Path, wanted: Official) -> None:
    """Give a complete file its name. Raises SegmenterError, and removes it, when it is not what was published."""
    if not is_intact(part, wanted):
        size = part.stat().st_size
        part.unlink()
        raise SegmenterError(
            f"What was fetched as '{path.name}' ({size} bytes) is not what was published ({wanted.size_bytes} bytes, "
            f"SHA-256 {wanted.sha256}). It was removed. Try again, or another address."
        )
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
