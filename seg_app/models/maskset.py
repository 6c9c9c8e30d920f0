"""The masks of one image, with selection, undo and redo; every change is on disk before it is seen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import cast

import param

from seg_app.errors import SegAppError, StorageError
from seg_app.geometry import contains
from seg_app.labels import by_object
from seg_app.models.history import History, Saved
from seg_app.models.journal import Change, Journal, Saving
from seg_app.models.numbering import Masks, extending, joined, numbered, split
from seg_app.records import Mask, MaskFile

log = logging.getLogger(__name__)


class MaskSet(param.Parameterized):
    """The masks of one image.

    With a journal every change is written before `masks` changes, and two sets over one journal
    (two browser tabs) see each other's changes with their own next one.
    Changes may come from any thread.
    """

    masks = param.ClassSelector(class_=tuple, default=cast("Masks", ()), doc="All masks, in the order of acceptance.")
    selected = param.ClassSelector(class_=tuple, default=cast("tuple[str, ...]", ()), doc="Ids of the masks selected.")
    saved = param.ClassSelector(class_=Saved, default=Saved(), doc="What was saved or loaded last; no path: nothing.")
    can_undo = param.Boolean(default=False)
    can_redo = param.Boolean(default=False)

    def __init__(self, journal: Journal | None = None):
        super().__init__()
        self._journal = journal
        self._history = History()
        self._grouped: tuple[Masks, list[Masks]] = ((), [])
        self._lock = threading.RLock()
        self.refresh()

    def become(self, other: MaskSet) -> None:
        """Be the masks of another image from now on, as another set has them; nothing is selected then."""
        with self._lock:
            self._journal, self._history = other._journal, other._history
            self.selected = ()
            self._show()

    def refresh(self) -> None:
        """Take over what others wrote into the journal. Raises StorageError."""
        if self._journal and self._journal.has_news:  # else no file is made by who only looks
            self._commit(lambda _: None)

    def add(self, masks: Iterable[Mask]) -> Masks:
        """Append masks, their objects numbered on from the highest number; return them as they are in the set.

        Raises StorageError, and changes nothing, when the journal cannot be written.
        """
        new = tuple(masks)
        change = self._commit(lambda _: Change("add", masks=numbered(new, after=self._history.top)))
        return change.masks if change else ()

    def extend(self, masks: Iterable[Mask]) -> Masks:
        """Append masks to the objects of this set whose numbers they have; return them as they are in the set.

        One whose object has a mask on its plane already becomes an object of its own. Raises StorageError like `add`.
        """
        new = tuple(masks)
        change = self._commit(
            lambda _: Change("add", masks=extending(new, self._history.masks, after=self._history.top))
        )
        return change.masks if change else ()

    def remove(self, ids: Iterable[str]) -> None:
        """Take masks out; ids that are not in the set are ignored. Raises StorageError."""
        gone = tuple(id_ for id_ in ids if self.get(id_))
        if gone:
            self._commit(lambda _: Change("remove", ids=gone))

    def select(self, ids: Iterable[str]) -> None:
        """Select the objects of masks, on all their planes, and nothing else."""
        self.selected = self._whole(ids)

    def classify(self, ids: Iterable[str], class_name: str) -> None:
        """Give the objects of masks a class, on all their planes. Raises StorageError."""
        masks = [mask for parts in self._objects_of(ids) for mask in parts if mask.class_name != class_name]
        if masks:
            new = tuple(replace(mask, class_name=class_name) for mask in masks)
            self._commit(lambda _: Change("edit", masks=new))

    def join(self, ids: Iterable[str]) -> None:
        """Make the objects of masks one: it has their lowest number, and the class of the one that has that.

        Raises SegAppError when two of them are on one plane, or there are no two; StorageError.
        """
        self._edit(lambda: joined(self._objects_of(ids)))

    def split(self, ids: Iterable[str], z: int) -> None:
        """Make what objects have from plane z on objects of their own, where they are before it, too; select these.

        ids: of masks of these objects. Raises SegAppError when none is on both sides; StorageError.
        """
        new = self._edit(lambda: split(self._objects_of(ids), z, after=self._history.top))
        self.select(mask.id for mask in new)

    def _edit(self, make: Callable[[], Masks]) -> Masks:
        change = self._commit(lambda _: Change("edit", masks=new) if (new := make()) else None)
        return change.masks if change else ()

    def load(self, masks: Iterable[Mask]) -> Masks:
        """Replace all masks; return the old ones, which undo brings back. Raises StorageError."""
        with self._lock:
            self._commit(lambda _: Change("load", masks=tuple(masks)))
            return self._history.past[-1]

    def saved_in(self, where: str) -> Saved:
        """Return what was saved or loaded last, if it is in that place for masks; else nothing."""
        return self.saved if self.saved.saving.where == where else Saved()

    def note_saved(self, saving: Saving, masks: Masks) -> None:
        """Remember where masks of this set were saved, or loaded from, also when the image is opened again.

        What is noted already is not written again. A journal that cannot be written is no reason to stop: they are
        saved all the same.
        """

        def note(_: bool) -> Change | None:
            steps = next((steps for steps, state in self._history.states().items() if state == masks), None)
            is_new = steps is not None and not self._is_noted(saving, masks)
            return Change("save", saving=replace(saving, steps_back=steps)) if is_new else None

        with self._lock:
            noted = None
            try:
                noted = self._commit(note)
            except StorageError as error:
                log.warning("It will not be remembered that '%s' was saved: %s", saving.path, error)
            if noted is None and not self._is_noted(saving, masks):
                self._history = replace(self._history, saved=Saved(saving, masks))
                self._show()

    def note_arrived(self, saving: Saving, masks: Masks) -> None:
        """Remember likewise where masks that had to wait are now, unless they have changed meanwhile."""
        with self._lock:
            if masks == self.masks:
                self.note_saved(saving, masks)

    def _is_noted(self, saving: Saving, masks: Masks) -> bool:
        saved = self._history.saved
        return replace(saved.saving, steps_back=saving.steps_back) == saving and saved.masks == masks

    def undo(self) -> None:
        """Return to the masks before the last change; one of others that was never shown here is shown instead.

        Raises StorageError.
        """
        self._commit(lambda has_news: Change("undo") if self._history.past and not has_news else None)

    def redo(self) -> None:
        """Take the last undo back. Raises StorageError."""
        self._commit(lambda has_news: Change("redo") if self._history.future and not has_news else None)

    @property
    def history(self) -> History:
        """The masks now, and those that undo and redo return to."""
        return self._history

    def get(self, id_: str) -> Mask | None:
        """Return the mask of an id, or None."""
        return next((mask for mask in self.masks if mask.id == id_), None)

    def on_plane(self, z: int) -> Masks:
        """Return the masks of one plane."""
        return tuple(mask for mask in self.masks if mask.z == z)

    @property
    def chosen(self) -> Masks:
        """The masks of the selected objects."""
        return tuple(mask for mask in self.masks if mask.id in set(self.selected))

    def at(self, z: int, *, y: int, x: int) -> Masks:
        """Return the masks that cover pixel (y, x) of plane z, the smallest first."""
        return tuple(sorted((m for m in self.on_plane(z) if contains(m, y=y, x=x)), key=lambda mask: mask.area))

    @property
    def objects(self) -> list[Masks]:
        """The masks of each object, by their numbers."""
        masks, objects = self._grouped
        if masks is not self._history.masks:
            masks = self._history.masks
            objects = sorted(by_object(masks), key=lambda parts: parts[0].number)
            self._grouped = masks, objects
        return objects

    def _objects_of(self, ids: Iterable[str]) -> list[Masks]:
        """Return all masks of each object that one of these ids belongs to."""
        wanted = set(ids)
        return [parts for parts in self.objects if any(mask.id in wanted for mask in parts)] if wanted else []

    def _whole(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the ids of all masks of the objects of some."""
        return tuple(mask.id for parts in self._objects_of(ids) for mask in parts)

    def _commit(self, decide: Callable[[bool], Change | None]) -> Change | None:
        """Read what others did, decide on a change, write it, then show all of it."""
        with self._lock:
            try:
                with self._journal.locked() if self._journal else nullcontext():
                    return self._write(decide)
            finally:
                self._show()

    def _write(self, decide: Callable[[bool], Change | None]) -> Change | None:
        news = self._journal.read_new() if self._journal else []
        for change in news:
            self._history = self._history.after(change)
        change = decide(any(new.op != "save" for new in news))
        if change:
            if self._journal:
                self._journal.append(change)
            self._history = self._history.after(change)
        return change

    def _show(self) -> None:
        history = self._history
        # Param takes an equal value for a change
        saved = {} if history.saved is self.saved else {"saved": history.saved}
        self.param.update(
            **saved,
            masks=history.masks,
            selected=self._whole(self.selected),
            can_undo=bool(history.past),
            can_redo=bool(history.future),
        )


def fitting(file: MaskFile, shape: tuple[int, ...]) -> Masks:
    """Return the masks of a file for an image of (planes, rows, columns). Raises SegAppError when they are of another.

    The image may have got more planes since.
    """
    planes, *plane = file.image.shape
    if plane != list(shape[1:]) or planes > shape[0]:
        raise SegAppError(
            f"The masks belong to '{file.image.path}' of {file.image.shape} voxels, this image has {shape}. "
            "Open the image that they were made on."
        )
    return file.masks
