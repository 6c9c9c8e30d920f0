"""What one user has at hand: the data, the model, a place for masks, and the session that is open."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import param

from seg_app.errors import BusyError, MissingError, SegAppError, SettingsError
from seg_app.io.beside import here_of
from seg_app.io.copies import Tell, unheard
from seg_app.io.folders import name_on_server
from seg_app.io.inbox import Inbox
from seg_app.io.live import Growth
from seg_app.io.maskstore import encoded
from seg_app.io.tiled_folders import register_inbox
from seg_app.models.first import images_in, in_order, open_first
from seg_app.models.journal import Journal
from seg_app.models.maskset import MaskSet
from seg_app.models.neighbours import grow, move
from seg_app.models.notes import Notes
from seg_app.models.opening import open_listed
from seg_app.models.places import Place, Places
from seg_app.models.session import Session
from seg_app.models.volume import Volume
from seg_app.records import Link
from seg_app.sam import Stock, get_ready

if TYPE_CHECKING:
    from seg_app.io.beside import Beside
    from seg_app.io.drops_images import DropsImages
    from seg_app.io.levels import Opened
    from seg_app.io.maskstore import MaskStore
    from seg_app.io.pyramid import Workshop
    from seg_app.io.tiled import Entry, TiledSource
    from seg_app.models.outbox import Outbox
    from seg_app.records import ImageId
    from seg_app.sam import Offer, Segmenter, Shelf

NOBODY = "local"
"""The user where nobody is asked for a name."""
OPENED = "Opened files"
"""What they have handed over; the files of others have their name."""


class Desk(param.Parameterized):
    """Opens images as sessions, one at a time. Verbs are blocking; a page runs them in a worker thread."""

    session = param.ClassSelector(class_=Session, allow_None=True, default=None)
    segmenter = param.Parameter(instantiate=False, doc="What outlines on this session and the next ones.")

    def __init__(
        self,
        source: TiledSource | Beside,
        segmenter: Segmenter,
        *,
        store: MaskStore | Outbox,
        journals: Path,
        user: str = NOBODY,
    ):
        super().__init__()
        self.source, self.segmenter, self.store, self.user = source, segmenter, store, user
        self.shelf: Shelf | None = None
        """Where other models can be chosen from; None: nowhere."""
        self._chosen: str | None = None
        self._journals = journals / encoded(user)  # a name may have slashes, and must not lead elsewhere
        self.link = Link()
        """By which `begin` finds again what `session` shows."""
        self.workshop: Workshop | None = None
        """Where the levels of large images are made; None: nowhere."""
        self.drops: DropsImages | None = None
        """The images on Drops, where the lab has it."""
        self.inbox: Inbox | None = None
        """Where files go that the user hands over; None: none are taken."""
        self._growth: Growth | None = None
        self._is_closed = False
        self._places = Places()
        self._changing = threading.RLock()
        """Held while the open volume becomes another one: it grows in one thread, and goes elsewhere in another."""

    @property
    def path(self) -> str | None:
        """What `session` shows, as a path of the source; None where it comes from Drops."""
        return self.link.image or None

    def browse(self, path: str = "") -> list[Entry]:
        """List a folder of the data server, of all inboxes the user's own only. Raises SourceError."""
        return [entry for entry in self.source.browse(path) if not self._is_of_others(entry.path)]

    def _is_of_others(self, path: str) -> bool:
        here = here_of(self.source)[1]
        first = path.removeprefix(here).partition("/")[0] if path.startswith(here) else ""
        return Inbox.is_key(first) and first != (self.inbox and self.inbox.key)

    @property
    def inbox_path(self) -> str:
        """Where the data server lists what the user has handed over; '' where nothing is taken."""
        return f"{here_of(self.source)[1]}{self.inbox.key}" if self.inbox else ""

    def show_inbox(self) -> None:
        """Let the embedded server show what the user has handed over. Raises SourceError."""
        if self.inbox and self.inbox.folder.exists():
            title = OPENED if self.user == NOBODY else f"Files of {self.user}"
            register_inbox(here_of(self.source)[0], self.inbox, title=title)

    def open_delivered(self, folder: Path) -> Session:
        """Open the first image in a folder of the inbox, of damaged ones the next. Raises SegAppError."""
        self.show_inbox()
        session = open_first(images_in(self.browse, f"{self.inbox_path}/{name_on_server(folder.name)}"), self.open)
        if session is None:
            raise MissingError(f"There is no image in '{folder.name}'. Open it again.")
        return session

    def is_own(self, path: str) -> bool:
        """Say whether a path is that of files which the user has handed over together."""
        return bool(self.inbox) and path.rpartition("/")[0] == self.inbox_path

    def handed_over(self, path: str) -> list[str]:
        """Return the names of the files that the user has handed over together, and that `discard` would delete.

        Raises SegAppError: BusyError while an image of them is open here.
        """
        if not (self.inbox and self.is_own(path)):
            raise MissingError(f"There are no files of yours at '{path}'. Reload the page.")
        if self.path and self.path.startswith(f"{path}/"):
            raise BusyError("This image is open. Open another one, then delete it.")
        return self.inbox.files_in(self._folder_of(path))

    def discard(self, path: str) -> None:
        """Delete files that were handed over together; masks that were saved stay where they are. Raises as above."""
        self.handed_over(path)
        if self.inbox:
            self.inbox.discard(self._folder_of(path))
            self.show_inbox()

    def _folder_of(self, path: str) -> str:
        name, folder = path.rpartition("/")[2], self.inbox.folder if self.inbox else Path()
        return next((one.name for one in folder.glob("*") if name_on_server(one.name) == name), name)

    def open(self, path: str, *, at: str = "") -> Session:
        """Open an image, with every mask that was accepted on it before, where it was left, or `at` the place.

        Raises SegAppError.
        """
        if self._is_of_others(path) or not _is_plain(path):
            raise MissingError(f"There is no image '{path}' here. Choose another one.")
        return self._show(open_listed(self.source, path), Link(image=path, at=at))

    def open_drops(self, path: str, part: str = "", *, at: str = "", tell: Tell = unheard) -> Session:
        """Open an image on Drops likewise; `tell` hears how far its file is. Raises SegAppError."""
        if self.drops is None:
            raise SettingsError("There is no Drops server. Set DROPS_URL, DROPS_USER and DROPS_PASSWORD.")
        return self._show(Volume.from_drops(self.drops, path, part=part, tell=tell), Link("", path, part, at))

    def move(self, **index: int) -> Session | None:
        """Show the open image at another place of its axes, as `t=3`, with the masks that were accepted there.

        It stays the same session. Points that are not accepted yet stay at theirs. Returns None when nothing is open.
        Raises SegAppError, and then nothing has changed.
        """
        if self.session:
            self.session.volume.refresh_notes()
            with self._changing:
                move(self.session, index, self._masks_of)
        return self.session

    def _masks_of(self, image: ImageId) -> MaskSet:
        return MaskSet(Journal.of_image(self._journals, image))

    def _show(self, volume: Volume, link: Link) -> Session:
        if self.session:
            self._places.leave(self.session)
        if asked := Place.read(link.at):
            self._places.put(volume, asked)
        session = self._session_where_left(volume)
        volume = session.volume
        if self.session:
            self.session.volume.close()
        if self.workshop:
            volume.make_levels(self.workshop)
        self.link = replace(link, at="")
        self.session = session
        self._watch_growth(volume, self.path)
        return session

    def _session_where_left(self, volume: Volume) -> Session:
        """Return a session of an image at the place where it was left; where that cannot be read, at the first one."""
        try:
            session = self._session_of(self._places.at_place(volume))
        except SegAppError:
            if not self._places.forget(volume):
                raise
            return self._session_of(volume)
        self._places.return_to(session)
        return session

    def _session_of(self, volume: Volume) -> Session:
        volume.keep_notes(Notes.of_image(self._journals, _whole(volume)))  # the databar first: contrast leaves it out
        masks = self._masks_of(volume.image)
        return Session(volume, self.segmenter, masks=masks, store=self.store, user=self.user)

    def models(self) -> Stock:
        """Return the models that can be chosen. Raises SegmenterError."""
        return self.shelf.stock() if self.shelf else Stock(())

    def is_in_use(self, offer: Offer) -> bool:
        """Say whether a model is the one that outlines here."""
        return offer.address == self._chosen if self._chosen else offer.is_default

    @property
    def has_default(self) -> bool:
        """Whether nobody has chosen a model here."""
        return self._chosen is None

    def load(self, offer: Offer) -> Segmenter:
        """Load a model, while another one goes on answering, to `use` it then; return it. Raises SegmenterError."""
        if self.shelf is None:
            raise SettingsError("There are no other models here. Make a `Session` with another segmenter.")
        segmenter = self.shelf.segmenter(offer.address)
        get_ready(segmenter)
        return segmenter

    def use(self, offer: Offer, segmenter: Segmenter) -> None:
        """Let a model that was loaded outline from now on; prompts and masks stay. Raises like `Session.click`."""
        self._chosen, self.segmenter = offer.address, segmenter
        if self.session:
            self.session.use(segmenter)

    def _watch_growth(self, volume: Volume, path: str | None) -> None:
        """Hear of planes that come to the image on the server; of another place of the same image go on hearing."""
        if self._growth and self._growth.path == path:
            return
        self._end_growth()
        if path is not None and volume.whole:
            self._growth = Growth(self.source, path, volume.whole, self._grow).start()
        if self._is_closed:  # while the image was opened
            self._end_growth()

    def _grow(self, larger: Opened) -> None:
        with self._changing:
            if self.session and self._growth and self._growth.path == self.path:
                grow(self.session, larger)

    def close(self) -> None:
        """Hear of no planes any more."""
        self._is_closed = True
        self._end_growth()

    def _end_growth(self) -> None:
        if self._growth:
            self._growth.close()
            self._growth = None

    def begin(self, link: Link, *, tell: Tell = unheard) -> Session | None:
        """Open what a link asks for; without one, the first image. Raises SegAppError, and then nothing is opened.

        `tell` hears how far a file on Drops is.
        """
        if link.drops:
            parts = self.drops.parts(link.drops, tell=tell) if self.drops else []
            if link.part not in (parts if len(parts) > 1 else [""]):  # masks belong to the one name that it has
                raise MissingError(f"There is no image '{link.part}' in '{link.drops}'. Choose another one.")
            return self.open_drops(link.drops, link.part, at=link.at, tell=tell)
        return self.open(link.image, at=link.at) if link.image else self.open_first()

    def open_first(self) -> Session | None:
        """Open the first volume of the first folder with images, else its first image, of damaged ones the next.

        Raises SegAppError.
        """
        return open_first(in_order(self.browse), self.open)


def _whole(volume: Volume) -> ImageId:
    """Return which image it is a place of: all its times and channels have the same scale and databar."""
    return replace(volume.image, path=volume.whole.path) if volume.whole else volume.image


def _is_plain(path: str) -> bool:
    """Say whether a path is the only one of its image: masks belong to it."""
    return not path or not {"", ".", ".."}.intersection(path.split("/"))
