"""What a user chose, and expects to find again the next time."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import param

from seg_app.errors import SegAppError
from seg_app.io.local import read_file, write_atomically
from seg_app.records import Mask

log = logging.getLogger(__name__)

MOST_IMAGES = 200
"""Of so many the class is remembered."""


class Preferences(param.Parameterized):
    """Kept in a file, which is written at every change; one that cannot be read or written is no reason to stop."""

    dark = param.Boolean(default=False, doc="Whether the page has the dark theme.")
    preview = param.Boolean(default=False, doc="Whether what a click would outline is shown before it.")
    class_name = param.String(default="", doc="The class that was typed last for the next accepted objects.")
    classes = param.Dict(default={}, doc="Path of an image -> the class that was typed last for it; the latest last.")
    search = param.Dict(default={}, doc="What a search for all objects looks for: the fields of `Wanted`.")

    def __init__(self, path: Path):
        """path: a JSON file, which need not exist."""
        super().__init__()
        self._path = path
        self._read()
        self.param.watch(lambda *_: self._write(), self._names)

    def class_for(self, image: str, masks: Sequence[Mask]) -> str:
        """Return the class that new objects of an image begin with.

        What was typed last for it, else that of its latest object, else what was typed last for any.
        """
        typed = self.classes.get(image)
        if isinstance(typed, str):
            return typed
        return masks[-1].class_name if masks else self.class_name

    def type_class(self, image: str, class_name: str) -> None:
        """Remember what was typed for an image, and for those of which nothing is known."""
        others = {path: name for path, name in self.classes.items() if path != image}
        latest = dict([*others.items(), (image, class_name)][-MOST_IMAGES:])
        self.param.update(class_name=class_name, classes=latest)

    @property
    def _names(self) -> list[str]:
        return [name for name in self.param if name != "name"]

    def _read(self) -> None:
        if not self._path.exists():
            return
        try:
            self.param.update(self._known(json.loads(read_file(self._path))))
        except (SegAppError, ValueError) as error:
            log.warning("The preferences in '%s' are not used: %s", self._path, error)

    def _known(self, values: Any) -> dict[str, Any]:
        return {name: values[name] for name in self._names if isinstance(values, dict) and name in values}

    def _write(self) -> None:
        try:
            write_atomically(self._path, json.dumps({name: getattr(self, name) for name in self._names}).encode())
        except SegAppError as error:
            log.warning("The preferences could not be kept in '%s': %s", self._path, error)
