"""The dialog of the scale: how large a pixel is and where the databar begins, who says so, and saying otherwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.errors import SegAppError
from seg_app.lengths import UNITS, spoken_length, spoken_pixel, unit_of
from seg_app.models.remarks import remarks_on
from seg_app.views.dialog import make_dialog
from seg_app.views.entering import WrittenFirst, on_enter
from seg_app.views.text import Text
from seg_app.views.typed import length, mark, number, read_field, unmark

if TYPE_CHECKING:
    from collections.abc import Callable

    from seg_app.records import Calibration
    from seg_app.views.workbench import Workbench

SOURCES = {"user": "said by you", "header": "from the header", "image": "found in the image"}
DRAWING = "Drag a line from one end of the image's scale bar to the other · Esc to leave it"


class ScaleForm(Viewer):
    """Sets the size of a pixel, by numbers or by a line over the scale bar that is in the image, and the databar."""

    def __init__(self, bench: Workbench):
        super().__init__()
        self._bench, self._volume = bench, bench.session.volume
        self._now = Text(margin=(0, 8), sizing_mode="stretch_width")
        self._remarks = Text(kind="caption", margin=(4, 8), sizing_mode="stretch_width")
        self._x, self._y = self._number("Width of a pixel", self._set), self._number("Height, if other", self._set)
        self._z = self._number("Distance of planes", self._set, visible=self._volume.n_planes > 1)
        self._unit, self._line_unit = self._units("nm"), self._units("µm")
        self._line = Text(margin=(0, 8), sizing_mode="stretch_width")
        self._length = self._number("Its length", self._set_by_line)
        self._by_line = pmui.Row(
            WrittenFirst(field=self._length, margin=0), self._line_unit,
            self._button("Set by the line", self._set_by_line), margin=0, visible=False,
        )  # fmt: skip
        self._reset = self._button("As the file says", self._forget, variant="text")
        self._bar = Text(margin=(0, 8), sizing_mode="stretch_width")
        self._rows = self._number("Rows of the databar", self._set_bar)
        self._bar_reset = self._button("As it is found", self._forget_bar, variant="text")
        self.dialog = make_dialog(*self._parts(), title="Scale and databar", width_option="sm")
        self.dialog.param.watch(lambda event: event.new or self._on_close(), "open")
        bench.image.measures.on_line = lambda: bench.courier(self.ask)

    def _parts(self) -> list[Any]:
        return [
            Text(text="Size of a pixel", kind="title", margin=(0, 8, 4, 8)), self._now, self._remarks,
            pmui.Row(self._x, self._y, self._z, self._unit, margin=0),
            pmui.Row(
                self._button("Set", self._set), self._button("Draw a line", self._draw, icon="straighten"), self._reset,
                margin=0,
            ),
            self._line, self._by_line,
            Text(text="Databar", kind="title", margin=(16, 8, 4, 8)), self._bar,
            pmui.Row(self._rows, self._button("Set databar", self._set_bar), self._bar_reset, margin=0),
        ]  # fmt: skip

    @staticmethod
    def _number(label: str, verb: Callable[[], object], *, visible: bool = True) -> pmui.TextInput:
        """Return a field of which Enter does what the button beside it does."""
        field = pmui.TextInput(label=label, size="small", width=130, margin=(12, 8, 8, 8), visible=visible)

        def enter(text: str) -> None:
            field.value = text
            verb()

        on_enter(field, enter)
        field.param.watch(lambda _: unmark(field), "value_input")
        return field

    @staticmethod
    def _units(unit: str) -> pmui.RadioButtonGroup:
        # Material writes buttons in capitals, in which µm is MM.
        as_written = {"& .MuiToggleButton-root": {"textTransform": "none"}}
        return pmui.RadioButtonGroup(
            options=[*reversed(UNITS)], value=unit, size="small", margin=(14, 8), sx=as_written
        )

    @staticmethod
    def _button(label: str, verb: Any, *, variant: str = "outlined", icon: str | None = None) -> pmui.Button:
        return pmui.Button(
            label=label, icon=icon, variant=variant, size="small", margin=(14, 8), on_click=lambda _: verb()
        )

    # Showing

    def ask(self) -> None:
        """Open with the scale as it is; with the line that was drawn, where there is one."""
        self._fill()
        self._show_line()
        self.refresh()
        self.dialog.open = True

    def refresh(self) -> None:
        """Say how it is, and who says so."""
        volume = self._volume
        self._now.text = _with_source(volume.calibration)
        self._remarks.text = " ".join(remarks_on(volume))  # also for a notebook, which has no bar on top
        filed = volume.filed
        self._reset.param.update(label=f"As the file says: {spoken_pixel(filed)}", disabled=volume.calibration == filed)
        rows, said = volume.databar_rows, SOURCES.get(volume.databar_source, "as far as can be seen")
        self._bar.text = (
            f"The lowest {rows} rows, {said}. Drag its line on the image, or:" if rows else f"None, {said}."
        )
        self._bar_reset.disabled = volume.said_databar is None

    def _fill(self) -> None:
        z_nm, y_nm, x_nm = self._volume.pixel_size_nm or (None, None, None)
        unit = unit_of(x_nm) if x_nm else "nm"
        self._unit.value = unit
        self._x.value, self._z.value = _written(x_nm, unit), _written(z_nm, unit)
        self._y.value = "" if y_nm == x_nm else _written(y_nm, unit)
        self._rows.value = str(self._volume.databar_rows)
        for field in (self._x, self._y, self._z, self._rows, self._length):
            unmark(field)

    def _show_line(self) -> None:
        line = self._bench.image.measures.line
        self._by_line.visible = line is not None
        if line:
            start, end = line
            self._line.text = f"The line is {math.hypot(end.x - start.x, end.y - start.y):.1f} pixels long."
            self._length.value = ""
        else:
            self._line.text = "Or draw a line over the scale bar that is in the image, and say how long it is."

    def _on_close(self) -> None:
        if self._bench.image.measures.line:
            self._bench.leave_line()

    # Verbs

    def _draw(self) -> None:
        self.dialog.open = False
        self._bench.draw_line()

    def _do(self, title: str, verb: Callable[[], object], field: pmui.TextInput | None = None) -> None:
        """Run a verb; what it refuses is said at its field: the line of errors lies behind the dialog."""

        def refusal() -> str:
            try:
                verb()
            except SegAppError as error:
                if field is None:
                    raise
                return str(error)
            return ""

        self._bench.do(title, refusal, then=lambda refused: self._done(refused, field))

    def _done(self, refused: str | None, field: pmui.TextInput | None) -> None:
        if refused and field:
            mark(field, refused)
        elif refused is not None:  # else the line of errors says why
            self.dialog.open = False

    def _set(self) -> None:
        width_nm = self._chosen_nm(self._x, self._unit)
        others = {name: field for name, field in (("y_nm", self._y), ("z_nm", self._z)) if field.value.strip()}
        apart = {name: read_field(field, self._nm) for name, field in others.items()}
        if width_nm is not None and None not in apart.values():
            self._do("Setting the scale", lambda: self._volume.calibrate(width_nm, **apart), self._x)

    def _set_by_line(self) -> None:
        line = self._bench.image.measures.line
        if line and (length_nm := self._chosen_nm(self._length, self._line_unit)) is not None:
            self._do("Setting the scale", lambda: self._volume.calibrate_by(*line, length_nm=length_nm), self._length)

    @staticmethod
    def _chosen_nm(field: pmui.TextInput, units: pmui.RadioButtonGroup) -> float | None:
        """Return the length in a field; a unit that was typed there is the chosen one, also for the fields beside."""
        typed = read_field(field, lambda text: length(text, units.value))
        if typed:
            units.value = typed[1]
        return typed and typed[0]

    def _nm(self, text: str) -> float:
        return length(text, self._unit.value)[0]

    def _forget(self) -> None:
        self._do("Setting the scale", self._volume.forget_calibration)

    def _set_bar(self) -> None:
        rows = read_field(self._rows, lambda text: round(number(text)))
        if rows is not None:
            self._do("Setting the databar", lambda: self._volume.set_databar(rows), self._rows)

    def _forget_bar(self) -> None:
        self._do("Setting the databar", self._volume.forget_databar)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.dialog


def _written(nm: float | None, unit: str) -> str:
    return "" if nm is None else f"{nm / UNITS[unit]:.6g}"


def _with_source(calibration: Calibration) -> str:
    if calibration.pixel_size_nm is None:
        return "Not known: sizes are given in pixels."
    z_nm = calibration.pixel_size_nm[0]
    apart = f", planes {spoken_length(z_nm)} apart" if z_nm else ""
    source = "said by you" if calibration.source == "user" else f"source: {calibration.source or 'not told'}"
    return f"{spoken_pixel(calibration)}{apart} · {source}"
