"""State and verbs, without a user interface: a notebook can do all that the page can."""

from seg_app.models.desk import Desk
from seg_app.models.jobs import Latest, Worker
from seg_app.models.journal import Change, Journal
from seg_app.models.maskset import MaskSet
from seg_app.models.prompts import Draft
from seg_app.models.session import Session
from seg_app.models.volume import Volume, open_volume

__all__ = ["Change", "Desk", "Draft", "Journal", "Latest", "MaskSet", "Session", "Volume", "Worker", "open_volume"]
