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

    def _do(self, title: str, verb: Any) -> None:
        self._bench.do(title, lambda: (verb(), True)[1], then=self._done)

    def _done(self, is_done: bool | None) -> None:
        if is_done:  # else the line of errors says why
            self.dialog.open = False

    def _set(self) -> None:
        nm = UNITS[self._unit.value]
        texts = {"y_nm": self._y.value, "z_nm": self._z.value}

        def calibrate() -> None:
            apart = {name: number(text) * nm for name, text in texts.items() if text.strip()}
            self._volume.calibrate(number(width) * nm, **apart)

        width = self._x.value
        self._do("Setting the scale", calibrate)

    def _set_by_line(self) -> None:
        line, text, nm = self._bench.image.measures.line, self._length.value, UNITS[self._line_unit.value]
        if line:
            start, end = line
            by = self._volume.calibrate_by
            self._do("Setting the scale", lambda: by(start, end, length_nm=number(text) * nm))

    def _forget(self) -> None:
        self._do("Setting the scale", self._volume.forget_calibration)

    def _set_bar(self) -> None:
        text = self._rows.value
        self._do("Setting the databar", lambda: self._volume.set_databar(round(number(text))))

    def _forget_bar(self) -> None:
        self._do("Setting the databar", self._volume.forget_databar)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.dialog


def number(text: str) -> float:
    """Return what was typed as a number, with a decimal point or comma. Raises SegAppError."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise SegAppError(f"'{text}' is no number. Type one such as 3.4.") from error


def _written(nm: float | None, unit: str) -> str:
    return "" if nm is None else f"{nm / UNITS[unit]:.6g}"


def _with_source(calibration: Calibration) -> str:
    if calibration.pixel_size_nm is None:
        return "Not known: sizes are given in pixels."
    z_nm = calibration.pixel_size_nm[0]
    apart = f", planes {spoken_length(z_nm)} apart" if z_nm else ""
    source = "said by you" if calibration.source == "user" else f"source: {calibration.source or 'not told'}"
    return f"{spoken_pixel(calibration)}{apart} · {source}"
