"""One user's work on one volume: click, accept, undo, save, load."""

from __future__ import annotations

import getpass
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import param

from seg_app.errors import SegAppError
from seg_app.io.registry import encode_masks
from seg_app.models.carrying import Carrying
from seg_app.models.history import Saved
from seg_app.models.journal import Saving
from seg_app.models.left import Taken
from seg_app.models.maskset import MaskSet, fitting
from seg_app.models.numbering import Masks
from seg_app.models.outbox import Delivery, Outbox
from seg_app.models.outliner import Outliner
from seg_app.models.preview import Preview
from seg_app.models.prompts import Draft, box_on_plane
from seg_app.models.search import Search
from seg_app.models.timeline import Timeline
from seg_app.models.volume import Volume
from seg_app.records import Box, Mask, MaskFile, Point, Provenance

if TYPE_CHECKING:
    from seg_app.io.maskstore import MaskStore, SavedSet
    from seg_app.sam.protocol import Segmenter

ON_DATABAR = "This is the microscope's databar, where nothing is outlined. Drag its line to where the image ends."


class Session(param.Parameterized):
    """The verbs of the page, for the page and for Python alike.

    >>> session = Session(volume, segmenter)
    >>> session.click(812, 640)
    >>> session.accept()

    Verbs that compute or store are blocking; a page runs them in a worker thread.
    """

    z = param.Integer(default=0, doc="The plane on view, from 0.")
    index = param.Dict(default={}, doc="Where the volume is along its further axes; masks are those of there.")
    limits = param.Tuple(default=(0.0, 1.0), length=2, doc="Contrast: the data values shown as black and white.")
    scale = param.Number(default=1.0, bounds=(0, None), doc="Full-resolution pixels that a screen pixel shows.")
    view = param.ClassSelector(
        class_=Box, allow_None=True, default=None, doc="What is on screen, as edges in pixels; None: nobody looks."
    )
    segmenter = param.Parameter(instantiate=False, doc="What outlines: a `Segmenter`.")
    follow = param.Boolean(default=False, doc="Whether the view goes on to planes that come, from the last one.")
    is_late = param.Boolean(default=False, doc="Whether it would have gone on, had there not been points on the plane.")
    class_name = param.String(default="", doc="The class that the next accepted objects get.")
    set_title = param.String(default="", doc="What the next saved set is called besides its image.")

    def __init__(
        self,
        volume: Volume,
        segmenter: Segmenter,
        *,
        masks: MaskSet | None = None,
        store: MaskStore | Outbox | None = None,
        user: str = "",
    ):
        volume.look_for_databar()
        super().__init__(z=volume.n_planes // 2, limits=volume.percentiles(), index=volume.index)
        self.volume, self.segmenter, self.store = volume, segmenter, store
        self.staying = threading.RLock()
        """Held by who keeps something of the place of now, beside the user's verbs, and by who goes to another."""
        self.masks = masks or MaskSet()
        self.timeline = Timeline(volume, self.masks)
        self.draft = Draft(self.z, volume.image.path)
        self.user = user or getpass.getuser()
        self.outliner = Outliner(self)
        self.search, self.carrying, self.preview = Search(self), Carrying(self), Preview(self)
        self.findings = (self.search, self.carrying)
        self.set_title = self.masks.saved.saving.title
        if isinstance(store, Outbox):
            store.follow(self._on_delivery)

    # The object that is being made

    def click(self, x: float, y: float, *, include: bool = True) -> Mask | None:
        """Add a point at pixel (x, y) and return the mask of all points so far; None when there is no object.

        Raises SegAppError when the point is off the plane, or the image or the model cannot be reached;
        UnreadableError, with the point taken back, where it is damaged.
        """
        self.add_point(x, y, include=include)
        return self.outline()

    def add_point(self, x: float, y: float, *, include: bool = True) -> None:
        """Add a point without asking the model. Raises SegAppError when it is off the plane, or on its databar."""
        if not self.is_on_plane(x, y):
            size = f"{self.volume.width} × {self.volume.height}"
            raise SegAppError(f"({x:.0f}, {y:.0f}) is not on the plane of {size} pixels. Choose a point inside it.")
        if self.volume.is_databar(y):
            raise SegAppError(ON_DATABAR)
        self.draft.add(Point(x, y, include))

    def draw_box(self, box: Box) -> Mask | None:
        """Set the box around the object, cut at the edges of the plane; return the mask of all prompts so far.

        box: corners in pixels, in any order. Raises SegAppError like `click`, and when less than a pixel is in it.
        """
        self.add_box(box)
        return self.outline()

    def add_box(self, box: Box) -> None:
        """Set the box without asking the model, cut at the databar, too.

        Raises SegAppError when less than a pixel of the image is in it.
        """
        self.draft.draw(box_on_plane(box, self.volume.image_shape))

    def is_on_plane(self, x: float, y: float) -> bool:
        """Say whether a point lies on a pixel of the plane."""
        return -0.5 <= x < self.volume.width - 0.5 and -0.5 <= y < self.volume.height - 0.5

    def outline(self) -> Mask | None:
        """Ask the model for the mask of the prompts; an answer that the prompts have outrun is dropped."""
        if question := self.draft.question:
            with self.draft.withdrawing(question[0]):
                self.draft.answer(question[0], self.outliner.outlines(*question))
        return self.draft.mask

    def next_size(self) -> None:
        """Choose the next larger object that the model sees in a single click, after the largest the smallest."""
        self.draft.next_choice()

    def take_back(self) -> Mask | None:
        """Return to the prompts before the last point or box, and return their mask."""
        self.draft.take_back()
        return self.outline()

    def drop(self) -> None:
        """Drop all prompts and their mask; while a box is to be drawn, only that."""
        self.draft.drop()

    def switch_mode(self, *, include: bool | None = None) -> None:
        """Let plain clicks include or exclude; without an argument, the other of the two."""
        self.draft.include = not self.draft.include if include is None else include

    def accept(self) -> Mask | None:
        """Move the prompted object into the mask set; return it, or None when there is none.

        Raises SegAppError, and keeps the object prompted, when it cannot be outlined or put on disk.
        """
        taken = self.take()
        return self.keep(taken) if taken else None

    def take(self) -> Taken | None:
        """Take the prompted object to `keep` it later, without waiting: what comes next is for another object."""
        return self.draft.take(class_name=self.class_name)

    def keep(self, taken: Taken) -> Mask | None:
        """Outline an object, unless it is outlined, and move it into the mask set; return it, or None when empty.

        Raises SegAppError, and returns the object to the draft of its plane if that is free, like `accept`.
        """
        accepted: tuple[Mask, ...] = ()
        with self.draft.withdrawing(taken.prompts):
            try:
                mask = taken.mask or next(iter(self.outliner.outlines(taken.prompts, taken.z)), None)
                accepted = self.masks.add([self._signed(mask, taken.class_name)]) if mask else ()
            finally:
                if not accepted:
                    self.draft.put_back(taken)
                self.draft.let_go(taken)  # the last: from now on the session may go to another place
        if mask is None:
            self.draft.answer(taken.prompts, ())  # which is said, and the next click begins anew
        return accepted[0] if accepted else None

    def keep_all(self, masks: Masks) -> Masks:
        """Move objects that were found, with the class of new ones, into the mask set, as one change; return them.

        Raises StorageError.
        """
        return self.masks.add(self._signed(mask, self.class_name) for mask in masks) if masks else ()

    def keep_followed(self, masks: Masks) -> Masks:
        """Add masks that have the numbers and classes of objects of the mask set, as one change; return them.

        Raises StorageError.
        """
        return self.masks.extend(self._signed(mask, mask.class_name) for mask in masks) if masks else ()

    def _signed(self, mask: Mask, class_name: str) -> Mask:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        engine = mask.provenance.engine or self.segmenter.name  # another model may have been chosen meanwhile
        provenance = Provenance(engine, self.user, now)
        return replace(mask, class_name=class_name, provenance=provenance)

    def use(self, segmenter: Segmenter) -> Mask | None:
        """Let another model outline; return its mask of the prompts. Prompts and masks stay. Raises like `click`."""
        self.segmenter = segmenter
        self.outliner.forget_answers()
        self.draft.ask_again()
        return self.outline()

    # Accepted masks

    def select_at(self, x: float, y: float) -> Mask | None:
        """Select the object of the smallest mask at pixel (x, y) of the plane on view, or none; return that mask."""
        hits = self.masks.at(self.z, y=round(y), x=round(x))
        self.masks.select(mask.id for mask in hits[:1])
        return hits[0] if hits else None

    def delete_selected(self) -> None:
        """Take the selected objects out of the set, on all their planes."""
        self.masks.remove(self.masks.selected)

    def undo(self) -> None:
        """Return to the masks, or the scale and databar, before the last change."""
        self.timeline.undo()

    def redo(self) -> None:
        """Take the last undo back."""
        self.timeline.redo()

    def go_to(self, z: int) -> None:
        """Show another plane, the nearest that exists; prompts stay on theirs, and are there again on coming back."""
        z = min(max(z, 0), self.volume.n_planes - 1)
        if z != self.z:
            self.draft.turn(z)
            self.z = z

    # Keeping them

    @property
    def unsaved(self) -> bool:
        """Whether the masks, or the size of their pixels, are others than those that were saved or loaded."""
        masks, saved = self.masks.masks, self._saved
        return masks != saved.masks or (bool(masks) and self.volume.calibration != saved.saving.calibration)

    @property
    def saved_as(self) -> str:
        """Where the masks were saved last, or loaded from; empty: nowhere yet."""
        return self._saved.saving.path

    @property
    def _saved(self) -> Saved:
        return self.masks.saved_in(self.store.where) if self.store else Saved()

    @property
    def has_news(self) -> bool:
        """Whether there are masks that are not saved, or not under their present title."""
        return bool(self.masks.masks) and (self.unsaved or self.set_title.strip() != self._saved.saving.title)

    def save(self) -> str:
        """Store the masks under the next free name and return where; nothing new is not stored again if it is there.

        Raises SegAppError.
        """
        store = self._store
        self._refresh()
        is_known = self.saved_as and not (self.unsaved or self.has_news)
        if is_known and any(saved.path == self.saved_as and not saved.is_older for saved in self.saved_sets()):
            return self.saved_as
        if not self.masks.masks:
            raise SegAppError("There is nothing to save yet. Accept an object first.")
        file, title = self.file, self.set_title.strip()
        self._keep(store.save(file, title=title), file, title)
        return self.saved_as

    def _keep(self, path: str, file: MaskFile, title: str) -> None:
        self.masks.note_saved(Saving(path, title, file.calibration, where=self._store.where), file.masks)

    def _on_delivery(self, delivery: Delivery) -> None:
        """Hear that a set which had to wait has arrived: it may be what is on the page."""
        with self.staying:
            if delivery.file.image == self.volume.image:
                self.masks.note_arrived(delivery.saving, delivery.file.masks)

    def export(self, suffix: str) -> tuple[str, bytes, list[str]]:
        """Return the masks in another format: a file name, its bytes, and in words what the format cannot keep.

        suffix: of `seg_app.io.formats.FORMATS`, with its dot. Raises SegAppError.
        """
        self._refresh()
        volume, file = self.volume, self.file
        name = f"{volume.image.stem}{suffix}"
        return name, *encode_masks(name, file, picture=volume.levels[0], databar_rows=volume.databar_rows)

    def _refresh(self) -> None:
        """Take over what another tab did to the masks, and said of the size of a pixel."""
        self.masks.refresh()
        self.volume.refresh_notes()

    @property
    def file(self) -> MaskFile:
        """The masks of now, as a file has them."""
        return MaskFile(self.volume.image, self.masks.masks, self.volume.calibration)

    def saved_sets(self) -> list[SavedSet]:
        """Return all stored sets of this image, the newest first. Raises SegAppError."""
        return self._store.list(self.volume.image)

    def load(self, path: str) -> Masks:
        """Replace the masks by a stored set; return the old ones, which undo brings back. Raises SegAppError."""
        file = self._store.load(path)
        before = self.masks.load(fitting(file, self.volume.shape))
        self._keep(path, replace(file, calibration=self.volume.calibration), self.set_title.strip())
        return before

    @property
    def _store(self) -> MaskStore | Outbox:
        if self.store is None:
            raise SegAppError("This session has no place to keep masks. Give `Session` a `store`.")
        return self.store
