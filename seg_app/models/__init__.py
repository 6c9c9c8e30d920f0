"""State and verbs, without a user interface: a notebook can do all that the page can."""

from seg_app.io.axes import CHANNEL
from seg_app.io.inbox import Delivery, Inbox
from seg_app.io.readers import FORMATS
from seg_app.models.carrying import Carried, Carrier, Carrying
from seg_app.models.comeback import Comeback
from seg_app.models.desk import NOBODY, Desk
from seg_app.models.explorer import Explorer, Row
from seg_app.models.finding import Ending, Finding
from seg_app.models.jobs import Latest, Worker
from seg_app.models.journal import Change, Journal
from seg_app.models.maskset import MaskSet
from seg_app.models.neighbours import follow
from seg_app.models.notes import Notes
from seg_app.models.opening import open_volume
from seg_app.models.outbox import Outbox
from seg_app.models.outboxes import Outboxes
from seg_app.models.places import Place
from seg_app.models.preferences import Preferences
from seg_app.models.preview import Preview
from seg_app.models.prompts import Draft
from seg_app.models.search import Search, Wanted
from seg_app.models.session import Session
from seg_app.models.thumbnails import Thumbnails
from seg_app.models.volume import Volume

__all__ = [
    "CHANNEL",
    "FORMATS",
    "NOBODY",
    "Carried",
    "Carrier",
    "Carrying",
    "Change",
    "Comeback",
    "Delivery",
    "Desk",
    "Draft",
    "Ending",
    "Explorer",
    "Finding",
    "Inbox",
    "Journal",
    "Latest",
    "MaskSet",
    "Notes",
    "Outbox",
    "Outboxes",
    "Place",
    "Preferences",
    "Preview",
    "Row",
    "Search",
    "Session",
    "Thumbnails",
    "Volume",
    "Wanted",
    "Worker",
    "follow",
    "open_volume",
]
