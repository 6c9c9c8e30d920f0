"""Colours, fonts, spacing: the only CSS and the only colour constants of the app."""

from __future__ import annotations

from typing import Any

import numpy as np

from seg_app.colours import OBJECTS

COMPONENTS = {
    # The bar on top is the same in both themes.
    "MuiAppBar": {"styleOverrides": {"colorPrimary": {"backgroundColor": "#1b2230", "color": "#ffffff"}}},
    # In the dark theme Material lays a grey veil over bar and dialogs, and the cross of a dialog cannot be seen.
    "MuiPaper": {"styleOverrides": {"root": {"backgroundImage": "none"}}},
    "MuiDialog": {"styleOverrides": {"paper": {"& .MuiDialogTitle-root + .MuiIconButton-root": {"color": "inherit"}}}},
    # A tooltip lies in its button's own root, and would be as narrow as that; what is below it can be clicked.
    "MuiTooltip": {
        "styleOverrides": {
            "tooltip": {"width": "max-content", "maxWidth": "240px"},
            "popper": {"pointerEvents": "none"},
        }
    },
    # Said again for notebooks, which have the font but not the library's style sheet.
    "MuiIcon": {"styleOverrides": {"root": {"fontFamily": "'Material Icons'", "fontFeatureSettings": "'liga'"}}},
}


def _theme(primary: str, background: str, paper: str) -> dict[str, Any]:
    return {
        "palette": {"primary": {"main": primary}, "background": {"default": background, "paper": paper}},
        "shape": {"borderRadius": 8},
        "typography": {"fontSize": 13},
        "components": COMPONENTS,
    }


THEME = {"light": _theme("#2f6fed", "#eef1f5", "#ffffff"), "dark": _theme("#7aa7ff", "#14171c", "#1c2027")}

CANVAS = "#15181d"
"""Behind the image in both themes: grey levels look the same whatever the page around them."""
INCLUDE = "#22c55e"
EXCLUDE = "#ef4444"
MARKER_STYLE = {"size": 13, "line_color": "#ffffff", "line_width": 1.5}
DRAFT = "#38e1ff"
DRAFT_STYLE = {"fill_color": DRAFT, "fill_alpha": 0.25, "line_color": DRAFT, "line_width": 2}
BOX_STYLE = {"fill_color": None, "line_color": DRAFT, "line_alpha": 1.0, "line_width": 2}
BOX_CASING = {"fill_color": None, "line_color": "#000000", "line_alpha": 0.75, "line_width": 5}
"""Below the line of a box: dark, for images that are as bright as it."""
SELECTED = "#ffe14d"

COLOURS = (*OBJECTS, DRAFT)
"""What is not accepted yet has no number, and the last one of these."""

FILL_ALPHA = 0.34
EDGE_ALPHA = 0.95
SELECTED_ALPHA = 0.06

FLOATING = {"boxShadow": 6, "backgroundColor": "background.paper"}
"""Over the page, so that the image does not move while somebody works on it."""
NOTICE = {"alignItems": "center", "paddingY": "2px",
          "& .MuiAlert-icon": {"paddingTop": "4px"},
          "& .MuiAlert-message": {"paddingTop": "4px", "paddingBottom": "4px"}}  # fmt: skip
"""Above the image as long as what it says is so: one line, seen in both themes."""
HIDDEN = {"visibility": "hidden", "& [class]": {"animation": "none"}}
"""Takes its place all the same: the canvas must not change its size with every click. What cannot be seen stands still:
moving on, it took 15 % of a core."""
WRAP = {"flexWrap": "wrap"}
ABSENT = {"display": "none"}
"""Is in the page for what it does, and for nobody to see, hear or reach by Tab."""
WITH_TIP = {"&.Mui-disabled": {"pointerEvents": "auto", "cursor": "default"}}
"""A button that says why it is greyed; Material lets the pointer pass through it otherwise."""
PREVIEW_STYLE = {"fill_color": None, "line_color": DRAFT, "line_width": 1, "line_dash": [3, 2]}
SWITCHED_ON = {"backgroundColor": "primary.main", "color": "primary.contrastText",
               "&:hover": {"backgroundColor": "primary.dark"}}  # fmt: skip
"""A button of the toolbar that is a switch, and on."""
PAPER = {"overflow": "hidden", "border": "1px solid", "borderColor": "divider"}
FIGURE_CSS = f"""
.bk-Canvas {{ --outline-width: 0px; background: {CANVAS}; }}
"""
"""Bokeh marks a focused figure by a dotted frame; the canvas has the focus all the time. What is seen through it, while
it is cleared for another theme, has its colour."""
PEN_CSS = "* { cursor: crosshair !important; }"
TABLE_CSS = """
.tabulator { font-size: 13px !important; border: none !important; }
.tabulator .tabulator-footer { border: none !important; }
.tabulator-footer:not(:has(.tabulator-pages > :nth-child(2))) { visibility: hidden; }
.tabulator .tabulator-footer .tabulator-page { padding: 4px 8px !important; }
.tabulator-row .tabulator-cell { padding: 5px 6px !important; }
.tabulator .tabulator-row { cursor: pointer; user-select: none; }
.tabulator .tabulator-row:hover { background: rgba(128, 128, 128, 0.12) !important; color: inherit !important; }
.tabulator .tabulator-row.tabulator-selected { background: rgba(64, 128, 255, 0.32) !important;
  box-shadow: inset 3px 0 0 #2f6fed; }
.tabulator .tabulator-placeholder .tabulator-placeholder-contents { font-size: 13px !important; font-weight: 400;
  color: inherit !important; opacity: 0.75; white-space: normal; }
.tabulator .tabulator-row.tabulator-selected .tabulator-cell { color: inherit !important; }
.tabulator .tabulator-row.tabulator-selected { color: inherit !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 8px 6px !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-title { padding-right: 0 !important; font-size: 12px; }
.tabulator .tabulator-header .tabulator-col[aria-sort="none"] .tabulator-col-sorter { display: none !important; }
.swatch { display: inline-block; width: 14px; height: 14px; border-radius: 4px; vertical-align: middle; }
"""
TEXT_CSS = """
div { font-family: Roboto, sans-serif; font-size: 13px; line-height: 1.4; overflow-wrap: anywhere; }
.title { font-weight: 600; }
.bar { color: #ffffff; }
.caption, .line { font-size: 12px; opacity: 0.75; }
.line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
"""
FILES_CSS = """
.MuiListItemIcon-root { width: 40px; height: 40px; margin-right: 12px; align-items: center; justify-content: center;
  background: center / contain no-repeat; }
"""
HELP_CSS = """
table { border: none !important; border-collapse: collapse; font-size: 13px; width: 100%; }
th { text-align: left; }
td, th { border: none; border-bottom: 1px solid rgba(128, 128, 128, 0.25); padding: 3px 16px 3px 0; }
td:first-child { white-space: nowrap; font-weight: 600; }
"""


def first_paint(*, dark: bool) -> str:
    """Return the style of the page until its scripts have come: without it a dark page begins white.

    It has the names of Material's own colours, which take its place then.
    """
    colour, text = THEME["dark" if dark else "light"]["palette"]["background"]["default"], "#fff" if dark else "#000"
    scheme = "dark" if dark else "light"
    names = f"--mui-palette-background-default: {colour}; --mui-palette-text-primary: {text};"
    return f":root {{ {names} color-scheme: {scheme}; }}"


def colour_of(number: int) -> str:
    """Return the colour of the object of a number, as #rrggbb."""
    return OBJECTS[(number - 1) % len(OBJECTS)]


def code_of(number: int) -> int:
    """Return the overlay code of an object's fill by its number; 0 is not accepted yet."""
    return (number - 1) % len(OBJECTS) + 1 if number else len(COLOURS)


def overlay_palette() -> list[str]:
    """Return the colours of overlay codes: 0 is nothing, then a fill for each of COLOURS, then their edges."""
    return ["#00000000", *(_with_alpha(c, FILL_ALPHA) for c in COLOURS), *(_with_alpha(c, EDGE_ALPHA) for c in COLOURS)]


def selection_palette() -> list[str]:
    """Return the colours of selection codes: nothing, fill, edge."""
    return ["#00000000", _with_alpha(SELECTED, SELECTED_ALPHA), SELECTED]


def _with_alpha(colour: str, alpha: float) -> str:
    return f"{colour}{np.clip(round(alpha * 255), 0, 255):02x}"


ON_TOP_CSS = """
.layer { position: fixed; inset: auto; margin: 0; padding: 0; border: none; width: max-content; overflow: visible;
  transform: translateX(-50%); background: transparent; color: inherit; pointer-events: none; }
.layer > * { pointer-events: auto; }
"""
CONNECTION_CSS = """
.lost { position: fixed; inset: 8px auto auto 50%; transform: translateX(-50%); margin: 0; max-width: 70vw;
  padding: 12px 20px; border: none; border-radius: 8px; background: #b42318; color: #ffffff; font-size: 14px;
  box-shadow: 0 6px 24px rgb(0 0 0 / 35%); }
"""
"""Over the bar of the page: the tools below it stay to be seen."""

CURTAIN_CSS = """
.veil { position: fixed; z-index: 1100; overflow: hidden; pointer-events: none; background: #15181d; }
.veil canvas { width: 100%; height: 100%; opacity: 0.4; }
.veil div { position: absolute; top: 50%; left: 50%; transform: translate(-50%, -50%); padding: 8px 16px;
  border-radius: 8px; color: #ffffff; background: rgb(0 0 0 / 80%); font: 15px Roboto, sans-serif; text-align: center; }
"""

SCALE_STYLE = {
    "location": "bottom_left", "bar_length": 0.1, "margin": 8, "padding": 5, "label_location": "above",
    "label_standoff": 3, "label_text_color": "#ffffff", "label_text_font_size": "13px",
    "label_text_font": "Roboto, sans-serif", "bar_line_color": "#ffffff", "bar_line_width": 3,
    "background_fill_color": "#000000", "background_fill_alpha": 0.55, "border_line_color": None,
}  # fmt: skip
"""White on a veil of its own: images are black, white and all between. What is below it is seen through it."""
UNSEEN_STYLE = {
    "anchor": "center", "text_align": "center", "text_color": "#ffffff", "text_font": "Roboto, sans-serif",
    "text_font_size": "15px", "text_line_height": 1.5, "padding": 16, "border_radius": 8,
    "background_fill_color": "#000000", "background_fill_alpha": 0.8,
}  # fmt: skip
"""Words in place of a picture, over outlines that there may be."""
RULER_STYLE = {"line_color": SELECTED, "line_width": 2.5}
DATABAR_LINE = {"line_color": "#ffb020", "line_width": 1.5, "line_dash": [8, 5]}
DATABAR_EDGE = {"fill_alpha": 0.0, "hover_fill_alpha": 0.0, "line_alpha": 0.0, "line_width": 10}
"""Unseen; what is near its edge takes hold of it."""
UPLOAD_CSS = """
div, button { font-family: Roboto, sans-serif; font-size: 13px; color: inherit; }
.open, .stop { width: calc(100% - 16px); margin: 4px 8px; padding: 8px; border-radius: 8px; cursor: pointer;
  background: transparent; border: 1px solid rgba(128, 128, 128, 0.5); }
.open:hover, .stop:hover { background: rgba(128, 128, 128, 0.12); }
.open:focus-visible, .stop:focus-visible { outline: 2px solid #2f6fed; }
.line { margin: 4px 12px; overflow-wrap: anywhere; }
.veil { position: fixed; inset: 0; z-index: 3000; display: grid; place-items: center; color: #ffffff; font-size: 24px;
  background: rgba(20, 23, 28, 0.75); border: 3px dashed #7aa7ff; pointer-events: none; }
[hidden] { display: none !important; }
"""
