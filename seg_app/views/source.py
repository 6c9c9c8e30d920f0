"""The source of the widgets in a notebook, which gets it once in place of once for each of them.

Where it comes neither from a server nor from a CDN, panel-material-ui 0.16 puts its source of 1.4 MB into each of the
70 widgets of a bench: a notebook with one bench had 115 MB. The library has no setting for this.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import panel_material_ui as pmui
from panel_material_ui.base import MaterialComponent

if TYPE_CHECKING:
    from bokeh.document import Document
    from bokeh.model import Model
    from pyviz_comms import Comm

LONG = 10_000
"""Letters; an address is shorter, the source is longer."""
LOADER = """
while (!globalThis.__segAppWidgets) await new Promise((again) => setTimeout(again, 50))
const source = new Blob([globalThis.__segAppWidgets], { type: 'text/javascript' })
const widgets = await importShim(URL.createObjectURL(source))
export default widgets.default
"""
"""What the widgets of a bench have as their source: it waits for the true one, in whatever order a page is put up."""
_documents: WeakSet[Document] = WeakSet()


def script() -> str:
    """Return HTML that brings the source into the page."""
    source = (Path(pmui.__file__).parent / "dist" / "panel-material-ui.bundle.js").read_text(encoding="utf-8")
    in_html = json.dumps(source).replace("</", "<\\/")  # nothing in it ends the script
    return f"<script>globalThis.__segAppWidgets = {in_html}</script>"


class WithoutSource(pmui.Column):
    """Has widgets that are sent to a notebook without their source, which another output of the cell brings."""

    def _get_model(
        self, doc: Document, root: Model | None = None, parent: Model | None = None, comm: Comm | None = None
    ) -> Model:
        if comm:
            _documents.add(doc)
        return super()._get_model(doc, root, parent, comm)


_with_source = MaterialComponent._get_properties  # noqa: SLF001 - there is no public name for it


def _properties(self: MaterialComponent, doc: Document | None) -> dict[str, Any]:
    properties: dict[str, Any] = _with_source(self, doc)
    if doc in _documents and properties.get("bundle") and len(properties["esm"]) > LONG:
        properties["esm"] = LOADER
    return properties


def send_once() -> None:
    """Let all widgets below a `WithoutSource` come without it from now on."""
    MaterialComponent._get_properties = _properties  # noqa: SLF001
