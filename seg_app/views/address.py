"""What the address of the page says: the image that is open, so that a reload or a link to a colleague opens it."""

from __future__ import annotations

from dataclasses import asdict, fields

import panel as pn
import param
from panel.custom import JSComponent

from seg_app.records import Link


class Address(JSComponent):
    """Keeps the address of the page true. It adds nothing to the browser's history: Back leaves the app, as ever."""

    words = param.Dict(default={}, doc="What is open, as words of the address; empty ones are left out of it.")

    _esm = """
    export function render({ model }) {
      const show = () => {
        const address = new URL(location.href)
        for (const [name, value] of Object.entries(model.words)) {
          value ? address.searchParams.set(name, value) : address.searchParams.delete(name)
        }
        address.search = address.search.replaceAll('%2F', '/')
        history.replaceState(history.state, '', address)
      }
      model.on('words', show)
      if (Object.keys(model.words).length) show()
    }
    """

    def __init__(self) -> None:
        super().__init__(margin=0, width=0, height=0)

    def ask_for(self, link: Link) -> None:
        """Let the address ask for what is open."""
        self.words = asdict(link)

    @staticmethod
    def asked() -> Link:
        """Return what the address asked for when the page was opened."""
        given = {one.name: pn.state.session_args.get(one.name) or [b""] for one in fields(Link)}
        return Link(**{name: values[-1].decode(errors="replace") for name, values in given.items()})
