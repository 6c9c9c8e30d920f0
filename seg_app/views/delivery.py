"""Sees to it that Panel sends all changes of a page.

Panel 1.9 writes to a page while Bokeh does. What it cannot write at once it queues, one task for each batch, and the
first task that ends marks the queue as empty. A batch that was queued while that task waited for the socket, as it
does longer where a keep-alive goes out in between, then lies there until the next change: the page seems to hang.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from panel.io import document

if TYPE_CHECKING:
    from bokeh.document import Document

_write_queued = document._dispatch_msgs  # noqa: SLF001 - Panel has no public name for it


async def _write_all_queued(doc: Document) -> None:
    await _write_queued(doc)
    if document._WRITE_MSGS.get(doc):  # noqa: SLF001
        document._WRITE_BLOCK[doc] = True  # noqa: SLF001 - the task of what is left finds its work when it tries again


def lose_nothing() -> None:
    """Let Panel go on until its queue is empty, on all pages."""
    document._dispatch_msgs = _write_all_queued  # noqa: SLF001
