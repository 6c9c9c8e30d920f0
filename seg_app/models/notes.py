"""What a user says of an image, against its file or where that says nothing; on disk before anybody sees it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from seg_app.errors import MissingError, StorageError
from seg_app.io.local import read_file, write_atomically
from seg_app.models.imagefile import LOCK_TIMEOUT_S, ImageFile, NamedFile
from seg_app.records import ImageId

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """None: the user says nothing of it."""

    pixel_size_nm: tuple[float | None, float, float] | None = None
    """(z, y, x)."""
    databar_rows: int | None = None
    """0: there is no databar."""


@dataclass(frozen=True)
class Saying:
    """What a user has said in one go, by the names of `Said`, and what was said of the same before."""

    before: dict[str, Any]
    after: dict[str, Any]


_SAID = TypeAdapter(Said)


class Notes:
    """One image's file of notes, that several processes may share."""

    def __init__(self, file: Path | ImageFile):
        """Use a file that need not be there yet."""
        self._file = NamedFile(file) if isinstance(file, Path) else file

    @classmethod
    def of_image(cls, folder: Path, image: ImageId) -> Notes:
        """Return the notes of an image below a folder, empty where nothing was said yet. Raises StorageError."""
        return cls(ImageFile(folder, image, ".notes.json"))

    @property
    def path(self) -> Path:
        """The file, whether it is there yet or not. Raises StorageError."""
        return self._file.path

    def read(self) -> Said:
        """Return what was said; nothing where the file cannot be understood. Raises SourceError."""
        try:
            text = read_file(self.path)
            return _SAID.validate_json(text) if text else Said()
        except MissingError:
            return Said()
        except ValidationError as error:
            log.warning("The notes in '%s' are not used: %s", self.path, error)
            return Said()

    def change(self, **fields: Any) -> Said:
        """Put some of what is said on disk, and return all of it. Raises StorageError, and leaves it as it was."""
        self._file.make()
        lock = FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT_S)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with lock:  # another tab may say something else of the image
                said = replace(self.read(), **fields)
                write_atomically(self.path, _SAID.dump_json(said))
        except Timeout as error:
            raise StorageError(f"'{self.path}' is held by another program. Close it, then try again.") from error
        except OSError as error:
            raise StorageError(f"Cannot use '{self.path}': {error.strerror}. Check the folder's rights.") from error
        return said
