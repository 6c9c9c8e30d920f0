"""The key Enter in a text field. The library's widget may hear of the text later than of the key that ends it."""

from __future__ import annotations

from collections.abc import Callable

import panel_material_ui as pmui


def on_enter(field: pmui.TextInput, act: Callable[[str], object]) -> None:
    """Let Enter in a field call `act` with the text that stands there in the browser."""
    field.on_event("enter", lambda event: act(str(event.data["target"]["value"])))


def keep_writing(field: pmui.TextInput) -> None:
    """Let what Enter leaves as the value of a field not be sent back, in place of what is being written next.

    For fields that only the user writes in.
    """
    for watcher in list(field.param.watchers["value"]["value"]):
        if getattr(watcher.fn, "_watcher_name", "") == "_sync_value_input":
            field.param.unwatch(watcher)
