"""What the address of the page says: the image that is open, so that a reload or a link to a colleague opens it."""

from __future__ import annotations

import panel as pn
import param
from panel.custom import JSComponent

ASKED = ("image", "drops", "part")
"""What an address may ask for, see `Desk.begin`."""


class Address(JSComponent):
    """Keeps the address of the page true. It adds nothing to the browser's history: Back leaves the app, as ever."""

    where = param.Dict(default={}, doc="What is open, in the words of `ASKED`.")

    _esm = """
    export function render({ model }) {
      const show = () => {
        const address = new URL(location.href)
        for (const name of ['image', 'drops', 'part']) address.searchParams.delete(name)
        for (const [name, value] of Object.entries(model.where)) address.searchParams.set(name, value)
        address.search = address.search.replaceAll('%2F', '/')
        history.replaceState(history.state, '', address)
      }
      model.on('where', show)
      if (Object.keys(model.where).length) show()
    }
    """

    def __init__(self) -> None:
        super().__init__(margin=0, width=0, height=0)

    @staticmethod
    def asked() -> dict[str, str]:
        """Return what the address asked for when the page was opened."""
        given = pn.state.session_args
        return {name: given[name][-1].decode(errors="replace") for name in ASKED if given.get(name)}
