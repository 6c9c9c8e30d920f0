"""Looking through the folders of Drops for an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import param

from seg_app.errors import MissingError, SettingsError
from seg_app.io.copies import Tell, unheard
from seg_app.io.drops_images import DROPS, is_image, paths_of, volumes_in
from seg_app.records import FileInfo, Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg_app.io.drops_images import DropsImages
    from seg_app.models.desk import Desk


@dataclass(frozen=True)
class Row:
    """One line of the list: a folder, a file, or one of several images in a file."""

    file: FileInfo
    part: str = ""
    planes: tuple[FileInfo, ...] = ()
    """The numbered files of a volume, whose common name is that of `file`."""

    @property
    def title(self) -> str:
        """What a person reads."""
        return self.part or self.file.name

    @property
    def is_image(self) -> bool:
        """Whether it can be opened."""
        return bool(self.planes) or is_image(self.file)

    @property
    def example(self) -> FileInfo:
        """The file, or the plane of a volume that is shown first."""
        return self.planes[len(self.planes) // 2] if self.planes else self.file

    @classmethod
    def of_volume(cls, path: str, planes: Sequence[FileInfo]) -> Row:
        """Return the line of a volume by its path."""
        size, modified_s = sum(file.size for file in planes), max(file.modified_s for file in planes)
        return cls(FileInfo(path, size, modified_s), planes=tuple(planes))


class Explorer(param.Parameterized):
    """A folder of Drops and what is in it. Verbs are blocking; what fails leaves everything as it was."""

    folder = param.String(default="", doc="What is shown, as a path on Drops; empty before the first look.")
    rows = param.List(item_type=Row, doc="What is in it, in the order in which it is shown.")
    newest_first = param.Boolean(default=False, doc="Whether files are shown by their time; else by their name.")

    opened = param.ClassSelector(class_=Link, default=Link(), doc="The image that is open, wherever it comes from.")

    def __init__(self, desk: Desk):
        """Look through what `desk` has. Raises SettingsError when it has no Drops server."""
        if desk.drops is None:
            raise SettingsError("There is no Drops server. Set DROPS_URL, DROPS_USER and DROPS_PASSWORD.")
        super().__init__()
        self._desk, self._images = desk, desk.drops
        self.opened = desk.link
        desk.param.watch(lambda _: self.param.update(opened=desk.link), "session")

    @property
    def images(self) -> DropsImages:
        """Where the images are."""
        return self._images

    def shows(self, row: Row) -> bool:
        """Say whether a row is the image that is open, or the file which that is one of several in."""
        return row.file.path == self.opened.drops and row.part in ("", self.opened.part)

    @property
    def crumbs(self) -> list[str]:
        """The paths of the folder and of all above it, the uppermost first."""
        parts = self.folder.split("/") if self.folder else []
        return ["/".join(parts[: n + 1]) for n in range(len(parts))]

    def begin(self) -> None:
        """Look into the user's own folder, where there is none into the one with all of them. Raises SegAppError."""
        try:
            self._look(self._images.home)
        except MissingError:
            self._look(DROPS)

    def go(self, typed: str, *, tell: Tell = unheard) -> None:
        """Look into a folder, or open a file, as a user writes it: '/labdaq', 'run 7', '/labdaq/run 7/a.tif'.

        Raises SegAppError.
        """
        *likelier, last = paths_of(typed, self.folder or self._images.home)
        for path in likelier:
            try:
                return self._look(path, tell=tell)
            except MissingError:
                continue
        return self._look(last, tell=tell)

    def reload(self) -> None:
        """Look again. Raises SegAppError."""
        self._look(self.folder) if self.folder else self.begin()

    def open(self, row: Row, *, tell: Tell = unheard) -> None:
        """Look into a folder or a file of several images, or open an image. Raises SegAppError."""
        if row.file.is_folder:
            return self._look(row.file.path)
        parts = [] if row.part or row.planes else self._images.parts(row.file.path, tell=tell)
        if len(parts) > 1:
            return self._show(row.file.path, [Row(row.file, part) for part in parts])
        self._desk.open_drops(row.file.path, row.part, tell=tell)
        return None

    def _look(self, path: str, *, tell: Tell = unheard) -> None:
        files = self._images.look(path)
        if files and files[0].path == path:
            return self.open(Row(files[0]), tell=tell)
        volumes = [Row.of_volume(f"{path}/{name}", planes) for name, planes in volumes_in(files).items()]
        return self._show(path, [*volumes, *(Row(file) for file in files)])

    def _show(self, folder: str, rows: list[Row]) -> None:
        self.param.update(folder=folder, rows=self._sorted(rows))

    @param.depends("newest_first", watch=True)
    def _sort(self) -> None:
        self.rows = self._sorted(self.rows)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        by_name = sorted(rows, key=lambda row: (row.title.casefold(), row.title))
        if self.newest_first:
            by_name.sort(key=lambda row: -row.file.modified_s)
        return sorted(by_name, key=lambda row: (not row.file.is_folder, not row.planes))
