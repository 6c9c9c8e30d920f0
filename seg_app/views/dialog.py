"""Dialogs whose content comes into the page when they are first opened."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui


def make_dialog(*parts: Any, title: str, **style: Any) -> pmui.Dialog:
    """Return a closed dialog without its parts; they come into it when it opens for the first time.

    A bench has many dialogs, and few are opened. Bokeh looks through all that is in a page with every frame of the
    canvas, and the browser draws all of it when an image opens.
    """
    dialog = pmui.Dialog(title=title, show_close_button=True, close_on_click=True, **style)

    def fill(event: Any) -> None:
        if event.new and not dialog.objects:
            dialog.objects = [*parts]

    dialog.param.watch(fill, "open")
    return dialog
