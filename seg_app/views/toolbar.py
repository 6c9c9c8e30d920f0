"""TOOLS: every verb with its icon, its keys and its help, in one table; buttons, shortcuts and help come from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.models import Session
from seg_app.views import theme

if TYPE_CHECKING:
    from seg_app.views.workbench import Workbench


def _always(_: Session) -> bool:
    return True


@dataclass(frozen=True)
class Tool:
    """One verb that a user can reach by a button, a key, or both."""

    name: str
    help: str
    verb: Callable[[Workbench], object]
    keys: tuple[str, ...] = ()
    icon: str = ""
    """A Material icon; without one there is no button in the toolbar."""
    ready: Callable[[Session], bool] = field(default=_always)
    """Whether the verb makes sense now."""
    colour: str = "default"
    repeats: bool = False
    """Whether a held key repeats it."""
    is_on: Callable[[Session], bool] | None = None
    """Of a switch, whether it is on; None where it is none."""
    missing: str | Callable[[Session], str] = ""
    """What the verb would need, said where it is not ready."""
    words: str = ""
    """What its button by the list of objects says, for what is done with them through the planes of a volume."""

    @property
    def label(self) -> str:
        """The help with its keys, as the tooltip shows it."""
        return f"{self.help} ({' or '.join(map(spoken, self.keys))})" if self.keys else self.help

    def tip(self, session: Session) -> str:
        """Return the label and, where the verb makes no sense now, why."""
        if self.ready(session):
            return self.label
        return f"{self.label}: {self.missing(session) if callable(self.missing) else self.missing}"


def spoken(key: str) -> str:
    """Return a key as it is printed on keyboards: 'ctrl+z' -> 'Ctrl+Z'."""
    names = {"ArrowLeft": "←", "ArrowRight": "→", "Escape": "Esc", "Delete": "Del"}
    return "+".join(names.get(part, part.capitalize() if len(part) > 1 else part.upper()) for part in key.split("+"))


def _step(planes: int) -> Callable[[Workbench], object]:
    return lambda bench: bench.session.go_to(bench.session.z + planes)


def _has_draft(session: Session) -> bool:
    return bool(session.draft.prompts)


def _can_carry(session: Session) -> bool:
    carrying = session.carrying
    is_asked = session.volume.n_planes > 1 and bool(carrying.starting)
    return is_asked and not (carrying.obstacle or carrying.is_running)


def _is_here(session: Session) -> bool:
    return any(mask.z == session.z for mask in session.masks.chosen)


def _can_join(session: Session) -> bool:
    chosen = session.masks.chosen
    return len({mask.number for mask in chosen}) > 1 and len({mask.z for mask in chosen}) == len(chosen)


def _can_split(session: Session) -> bool:
    chosen = {mask.number for mask in session.masks.chosen}
    planes = [mask.z for mask in session.masks.masks if mask.number in chosen] if chosen else []
    return bool(planes) and min(planes) < session.z <= max(planes)


TOOLS = (
    Tool("mode", "Switch between include and exclude", lambda b: b.session.switch_mode(), ("t",)),
    Tool("box", "Draw a box around the object with the next drag", lambda b: b.session.draft.switch_drawing(), ("b",),
         "highlight_alt", is_on=lambda s: s.draft.drawing),
    Tool("back", "Take the last point or box back", lambda b: b.take_back(), ("Backspace",), "backspace", _has_draft,
         missing="there is none yet"),
    Tool("drop", "Drop all points and the box", lambda b: b.session.drop(), ("Escape",), "close",
         lambda s: _has_draft(s) or s.draft.drawing, missing="there are none yet"),
    Tool("size", "Next size of what was clicked", lambda b: b.session.next_size(), ("g",), "zoom_out_map",
         lambda s: s.draft.choice[1] > 1, missing="a single click may have several, this one has not"),
    Tool("accept", "Accept the object", lambda b: b.accept(), ("Enter",), "check",
         lambda s: s.draft.prompts.asks and not s.draft.is_vain, "success", missing="click on one first"),
    Tool("preview", "Preview what a click would outline", lambda b: b.session.preview.switch(), ("v",), "visibility",
         is_on=lambda s: s.preview.is_on),
    Tool("find", "Find all objects", lambda b: b.show_search(), ("a",), "auto_awesome",
         lambda s: not s.search.is_running, missing="a search is on its way"),
    Tool("carry", "Follow the selected objects through the planes", lambda b: b.carry(), ("p",), ready=_can_carry,
         missing=lambda s: s.carrying.obstacle or "select some that are on this plane", words="Follow through planes"),
    Tool("join", "Make the selected outlines one object through the planes", lambda b: b.join(), ("j",),
         ready=_can_join, missing="select some on different planes, in the list with Ctrl", words="Join"),
    Tool("split", "Make the selected object another one from this plane on", lambda b: b.split(), ("k",),
         ready=_can_split, missing="select one that was also on a plane before this one", words="Split here"),
    Tool("delete_here", "Delete the selected objects on this plane alone", lambda b: b.delete_here(), ("shift+Delete",),
         ready=_is_here, missing="select some that are on this plane", words="Delete here"),
    Tool("undo", "Undo", lambda b: b.do("Undoing", b.session.undo), ("ctrl+z",), "undo",
         lambda s: s.timeline.can_undo, missing="nothing has changed yet"),
    Tool("redo", "Redo", lambda b: b.do("Redoing", b.session.redo), ("ctrl+y", "ctrl+shift+z"), "redo",
         lambda s: s.timeline.can_redo, missing="nothing was undone"),
    Tool("delete", "Delete the selected objects", lambda b: b.delete_selected(), ("Delete",),
         "delete_outline", lambda s: bool(s.masks.selected), "error", missing="click on one first"),
    Tool("fit", "Show the whole plane", lambda b: b.image.fit(), ("0",), "fit_screen"),
    Tool("scale", "Scale and databar", lambda b: b.show_scale(), icon="straighten"),
    Tool("previous", "Previous plane", _step(-1), ("ArrowLeft", "d"), repeats=True),
    Tool("next", "Next plane", _step(1), ("ArrowRight", "f"), repeats=True),
    Tool("back10", "Ten planes back", _step(-10), ("shift+ArrowLeft", "shift+d"), repeats=True),
    Tool("ahead10", "Ten planes on", _step(10), ("shift+ArrowRight", "shift+f"), repeats=True),
    Tool("save", "Save the masks", lambda b: b.save(), ("ctrl+s",), ready=lambda s: s.has_news),
    Tool("help", "Keys and mouse", lambda b: b.show_help(), ("?",), "help_outline"),
)  # fmt: skip

MOUSE = (
    ("Left click", "Include a point; on an accepted object: select it"),
    ("Shift + left click", "Include a point, also on an accepted object"),
    ("Right click, Ctrl + left click", "Exclude a point"),
    ("Wheel", "Zoom at the pointer"),
    ("Drag", "Move the image"),
    ("Click in the list", "Select the object and go to the nearest of its planes; with Ctrl or Shift several of them"),
    ("Double click on a class in the list", "Type another class for the object"),
)
MODES = {"Include": True, "Exclude": False}


def tool_of_key(key: str) -> Tool | None:
    """Return the tool that a key stands for."""
    return next((tool for tool in TOOLS if key in tool.keys), None)


def keys_by_use() -> dict[str, list[str]]:
    """Return all keys, those that repeat while they are held, and those that turn the drawing of a box on and off."""
    by_tool = [(tool, key) for tool in TOOLS for key in tool.keys]
    return {
        "keys": [key for _, key in by_tool],
        "repeating": [key for tool, key in by_tool if tool.repeats],
        "box_keys": [key for tool, key in by_tool if tool.name == "box"],
    }


class Toolbar(Viewer):
    """The buttons of TOOLS and the include/exclude switch; what makes no sense now is disabled."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench = bench
        self._buttons = {tool.name: self._button(tool) for tool in TOOLS if tool.icon}
        self._mode = pmui.RadioButtonGroup(options=list(MODES), size="small", color="primary", margin=(6, 8))
        self._mode.param.watch(lambda event: bench.session.switch_mode(include=MODES[event.new]), "value")
        self.refresh()

    def _button(self, tool: Tool) -> pmui.IconButton:
        return pmui.IconButton(
            icon=tool.icon,
            description=tool.label,
            color=tool.colour,
            size="small",
            margin=(7, 2),
            on_click=lambda _: self._bench.courier(lambda: tool.verb(self._bench)),
        )

    def refresh(self) -> None:
        """Enable what makes sense now."""
        session = self._bench.session
        for tool in TOOLS:
            if button := self._buttons.get(tool.name):
                is_on = bool(tool.is_on and tool.is_on(session))
                button.param.update(disabled=not tool.ready(session), description=tool.tip(session))
                button.sx = theme.SWITCHED_ON if is_on else theme.WITH_TIP
        self._mode.value = next(name for name, include in MODES.items() if include == session.draft.include)

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Row(self._mode, *self._buttons.values(), margin=0, min_height=48, sx=theme.WRAP)


class ThroughPlanes(Viewer):
    """By the list of objects: what can be done with the selected ones through the planes; nothing for a micrograph."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench = bench
        self._buttons = {tool.name: self._button(tool) for tool in TOOLS if tool.words}
        self._row = pmui.Row(*self._buttons.values(), margin=(0, 6), sizing_mode="stretch_width")
        self.refresh()

    def _button(self, tool: Tool) -> pmui.Button:
        return pmui.Button(
            label=tool.words,
            variant="text",
            size="small",
            margin=(0, 2),
            on_click=lambda _: self._bench.courier(lambda: tool.verb(self._bench)),
        )

    def refresh(self) -> None:
        """Enable what makes sense now."""
        session = self._bench.session
        self._row.visible = session.volume.n_planes > 1
        for tool in TOOLS:
            if button := self._buttons.get(tool.name):
                button.param.update(disabled=not tool.ready(session), description=tool.tip(session))
                button.sx = theme.WITH_TIP

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row


def help_tables() -> tuple[str, str]:
    """Return what the mouse and what the keys do, as Markdown tables."""
    keys = [(" or ".join(map(spoken, tool.keys)), tool.help) for tool in TOOLS if tool.keys]
    return _table("Mouse", MOUSE), _table("Keys", keys)


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"| {title} | |", "|---|---|", *(f"| {what} | {does} |" for what, does in rows)])


def hints(session: Session) -> str:
    """Return what the next key or gesture can do, and which other planes wait to be accepted, for the status line."""
    left, elsewhere = [str(z + 1) for z in session.draft.left_on], session.draft.n_left_elsewhere
    planes = f"{session.volume.stepped.lower()}{'s' if len(left) > 1 else ''} {', '.join(left)}"
    times = "at another time" if elsewhere == 1 else f"at {elsewhere} other times"
    where = [*([f"on {planes}"] if left else []), *([times] if elsewhere else [])]
    return f"{_next(session)} · not accepted yet {', '.join(where)}" if where else _next(session)


def _next(session: Session) -> str:
    mask, (place, n) = session.draft.mask, session.draft.choice
    if session.draft.drawing:
        return "Drag from corner to corner around the object · Esc to draw no box"
    if session.draft.is_waiting:
        return "The SAM server is away: what you have pointed at is outlined as soon as it is back · Esc to drop"
    if mask and session.draft.answered:
        score = "" if mask.score is None else f"Score {mask.score:.2f} · "
        sizes = f"size {place} of {n}, G for the next · " if n > 1 else ""
        return f"{score}{sizes}Enter to accept · Backspace to take the last one back · Esc to drop"
    if session.draft.is_useless:
        return "Nothing was found there: zoom in, or click elsewhere on the object, which begins anew · Esc to drop"
    if session.draft.is_vain:
        return "With all of these nothing is found: Backspace to take the last one back · Esc to drop"
    if session.draft.prompts and not session.draft.prompts.asks:
        return "Only excluded so far: click on the object to include it · Esc to drop"
    keys = "Enter to accept · Esc to drop · " if session.draft.prompts else ""
    return f"Click to outline · right-click to exclude · {keys}? for all keys"
