"""Files that the server makes and the browser keeps."""

from __future__ import annotations

import io

import panel_material_ui as pmui
from panel.viewable import Viewer

from seg_app.views import theme


class Download(Viewer):
    """Hands files to the browser, which puts them into the user's downloads. Nothing of it is seen."""

    def __init__(self):
        super().__init__()
        self._file = pmui.FileDownload(
            file=None, label="Download", embed=False, auto=True, width=1, height=1, margin=0, sx=theme.ABSENT
        )

    def send(self, name: str, data: bytes) -> None:
        """Let the browser keep a file; the same one again is news, too."""
        self._file.param.update(file=io.BytesIO(data), filename=name, data=None)
        self._file.transfer(download=True)

    def __panel__(self) -> pmui.FileDownload:
        return self._file
