"""Writing in a text field: where it begins, and the key Enter.

The library's widget may hear of the text later than of the key that ends it.
"""

from __future__ import annotations

from collections.abc import Callable

import panel_material_ui as pmui
from panel.custom import JSComponent
from panel.viewable import Child


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


class WrittenFirst(JSComponent):
    """Gives its field the focus, with its text selected, whenever it comes into sight.

    The widget's own `focus` is for one that is on the page already: what it sends is lost while a dialog opens.
    """

    field = Child(doc="A text field.")

    _esm = """
    export function render({ model }) {
      const field = model.get_child('field')
      const begin = (tries = 100) => {
        const input = field.shadowRoot?.querySelector('input')
        if (input) { input.focus(); input.select() }
        else if (tries > 0) requestAnimationFrame(() => begin(tries - 1))  // it is drawn later than it is seen
      }
      new IntersectionObserver((seen) => { if (seen.at(-1).isIntersecting) begin() }).observe(field)
      return field
    }
    """
