"""All objects at once: what to look for, and what the search has brought."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.errors import SegAppError
from seg_app.models import Wanted
from seg_app.views.dialog import make_dialog
from seg_app.views.progress import Progress
from seg_app.views.text import Text

if TYPE_CHECKING:
    from seg_app.records import Mask
    from seg_app.views.workbench import Workbench

AREA = "Smallest area, pixels"
PLACES = {"On screen": False, "Whole plane": True}
SEEDS = {"On an even grid": False, "On each dark or bright spot": True}
NOTHING = "Nothing was found. Try a lower score, or zoom so that the objects are larger on the screen."

WAY_OUT = "zoom out, or search the whole plane."


class SearchForm(Viewer):
    """The dialog that says what to look for; it remembers what was wanted the last time."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench = bench
        wanted, common = bench.session.search.wanted, {"sizing_mode": "stretch_width", "margin": (8, 8)}
        self._place = pmui.RadioButtonGroup(
            options=list(PLACES), value=_name_of(PLACES, wanted.whole_plane), size="small", width=260, margin=(8, 8)
        )
        self._score = pmui.FloatSlider(
            label="Least score (how sure the model is, 0 to 1)",
            start=0,
            end=1,
            step=0.05,
            value=wanted.least_score,
            **common,
        )
        self._area = pmui.IntInput(label=AREA, value=wanted.least_area or 0, start=0, size="small", **common)
        self._seeds = pmui.RadioButtonGroup(
            options=list(SEEDS), value=_name_of(SEEDS, wanted.at_spots), size="small", width=392, margin=(8, 8)
        )
        self._points = pmui.IntSlider(
            label="Seed points along 512 pixels (more: smaller objects, slower)",
            start=8,
            end=64,
            step=4,
            value=wanted.points,
            **common,
        )
        self._cut = pmui.Checkbox(
            label="Also objects that are cut by the edge of the screen",
            value=wanted.with_cut,
            size="small",
            margin=(0, 0),
        )
        self._place.param.watch(lambda _: self._refresh(), "value")
        self._seeds.param.watch(lambda _: self._refresh(), "value")
        self._class = Text(kind="caption", margin=(8, 8, 0, 8))
        self._refresh()
        find = pmui.Button(label="Find", icon="auto_awesome", margin=(12, 8, 8, 8), on_click=lambda _: self._on_find())
        self.dialog = make_dialog(
            *(Text(text="Where", kind="caption", margin=(4, 8, 0, 8)), self._place, self._cut, self._score, self._area),
            *(
                Text(text="Seed points, each of which is outlined", kind="caption", margin=(8, 8, 0, 8)),
                self._seeds,
                self._points,
            ),
            *(self._class, find),
            title="Find all objects",
        )

    def ask(self) -> None:
        """Open, with what follows from the zoom and the class of now."""
        self._refresh()
        self.dialog.open = True

    def _refresh(self) -> None:
        session, whole_plane = self._bench.session, PLACES[self._place.value]
        self._class.text = class_told(session.class_name)
        with suppress(SegAppError):  # nothing is on screen: the search says so
            self._area.label = f"{AREA} (0: {session.search.least_area(whole_plane=whole_plane)}, as it suits the zoom)"
        self._points.disabled = SEEDS[self._seeds.value]
        self._cut.disabled = PLACES[self._place.value]

    def _on_find(self) -> None:
        self._bench.session.search.wanted = Wanted(
            whole_plane=PLACES[self._place.value],
            least_score=self._score.value,
            least_area=self._area.value or None,
            points=self._points.value,
            at_spots=SEEDS[self._seeds.value],
            with_cut=self._cut.value,
        )
        self.dialog.open = False
        self._bench.find_all()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.dialog


class SearchProgress(Progress):
    """How far the search is and what it has found."""

    def _words(self) -> str:
        as_what = spoken_class(self._bench.session.class_name)
        found = f"{len(self._finding.found)} so far{as_what}, some of them twice"
        return f"{self._where} · {found}" if self._where else found

    def _outcome(self, accepted: tuple[Mask, ...]) -> str:
        return outcome(accepted, self._bench.session.search.left_out, self._where)

    @property
    def _where(self) -> str:
        """Which plane is searched, where there are others: the user may look at one of these by now."""
        session = self._bench.session
        return f"{session.volume.stepped.lower()} {session.search.z + 1}" if session.volume.n_planes > 1 else ""


def outcome(accepted: tuple[Mask, ...], left_out: int, where: str = "") -> str:
    """Return what a search has brought, how many objects it left out at the edge of the screen, and what to do."""
    count, parts, on = len(accepted), [], f" on {where}" if where else ""
    if count:
        objects = "object was" if count == 1 else "objects were"
        as_what = spoken_class(accepted[0].class_name)
        parts.append(f"{count} {objects} found and accepted{on}{as_what}. Undo takes them away again.")
    elif not left_out:
        return NOTHING.replace("found.", f"found{on}.", 1)
    if left_out:
        cut = "object is" if left_out == 1 else "objects are"
        were = "was" if left_out == 1 else "were"
        parts.append(f"{left_out} {cut} cut by the edge of the screen and {were} left out: {WAY_OUT}")
    return " ".join(parts)


def spoken_class(class_name: str) -> str:
    """Return as what objects are found; nothing where no class is given."""
    return f" as “{class_name}”" if class_name else ""


def class_told(class_name: str) -> str:
    """Return which class the found objects will get, and where it is changed."""
    gets = f"the class “{class_name}”" if class_name else "no class"
    return f"What is found gets {gets}, as “Class of new objects” above the list says."


def _name_of(names: dict[str, bool], value: bool) -> str:
    return next(name for name, meaning in names.items() if meaning == value)
