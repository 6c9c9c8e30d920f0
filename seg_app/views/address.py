"""What the address of the page says: the image that is open and what of it is on screen.

A reload, a bookmark or a link to a colleague opens it there.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import panel as pn
import param
from panel.custom import JSComponent

from seg_app.models import Place, Session
from seg_app.records import Link
from seg_app.views.courier import Courier, Watches

REST_S = 0.5
"""The address follows who moves around not before they rest."""


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
        address.search = address.search.replaceAll('%2F', '/').replaceAll('%2C', ',').replaceAll('%3A', ':')
        history.replaceState(history.state, '', address)
      }
      model.on('words', show)
      if (Object.keys(model.words).length) show()
    }
    """

    def __init__(self) -> None:
        super().__init__(margin=0, width=0, height=0)
        self._watches, self._moves = Watches(), 0

    def follow(self, session: Session, link: Link, courier: Courier) -> None:
        """Let the address ask for a session, by its link, and for what of it is on screen."""
        self._watches.end()
        self._watches.add(
            session, ["z", "view", "index"], lambda *_: courier(lambda: self._moved(session, link, courier))
        )
        self._ask_for(session, link)

    def _moved(self, session: Session, link: Link, courier: Courier) -> None:
        self._moves += 1
        moves = self._moves
        courier.later(REST_S, lambda: self._ask_for(session, link) if moves == self._moves else None)

    def _ask_for(self, session: Session, link: Link) -> None:
        place = Place.of(session)
        is_moved = place.view or place.index or place.z != session.volume.n_planes // 2
        self.words = asdict(replace(link, at=place.written() if is_moved else ""))

    @staticmethod
    def asked() -> Link:
        """Return what the address asked for when the page was opened."""
        given = {one.name: pn.state.session_args.get(one.name) or [b""] for one in fields(Link)}
        return Link(**{name: values[-1].decode(errors="replace") for name, values in given.items()})
